import type { PerNode } from "./definition";
import { scriptText } from "./script-text";
import { shellWord } from "./steps";

/** Where a process on the hosts finds its shell files. */
export const scriptsDirectory = "/etc/stratiform/scripts";

/** Where the cluster's claim looks for what it is to run when it releases a host. */
export const releaseDirectory = "/etc/stratiform/release.d";

/** Where the cluster's steps look for what they are to run before a host leaves, or is no compute host any more. */
export const leaveDirectory = "/etc/stratiform/leave.d";

/** What of a process' shell files lies on the host, and is run there by the cluster's steps. */
export const hostScripts = {
  release: { key: "release.sh", directory: releaseDirectory },
  leave: { key: "leave.sh", directory: leaveDirectory },
} as const;
export type HostScript = keyof typeof hostScripts;

/** Name of such a script on a host: those with lower numbers run first. */
export function releaseFile(order: number, cloud: string, service: string): string {
  return `${String(order).padStart(2, "0")}-${cloud}-${service}`;
}

/** Which of the two a process has. */
export function hostScriptsOf(perNode: PerNode): HostScript[] {
  return (["release", "leave"] as const).filter((kind) => perNode[kind] !== undefined);
}

/** Shell files of a process on the hosts, by name: those that it names, and those for the host with their variables in them. */
export function nodeScripts(
  perNode: PerNode,
  place: { cloud: string; nodeNamespace: string; service: string },
): Record<string, string> {
  const names = [perNode.prepare?.script, perNode.start?.script, ...(perNode.scripts ?? [])].filter(
    (name) => name !== undefined,
  );
  const texts = Object.fromEntries(names.map((name) => [name, scriptText(name)]));
  const kinds = hostScriptsOf(perNode);
  const forHost = kinds.flatMap((kind) => {
    const plan = perNode[kind];
    const variables = { ...plan?.inputs, CLOUD: place.cloud, NODE_NAMESPACE: place.nodeNamespace };
    return plan === undefined ? [] : [[hostScripts[kind].key, releaseScript(scriptText(plan.script), variables)]];
  });
  return {
    ...texts,
    ...(kinds.length === 0 ? {} : { "install-release.sh": scriptText("install-release.sh") }),
    ...Object.fromEntries(forHost),
  };
}

/** A release script as it lies on a host, where nothing else tells it what it is for. */
export function releaseScript(body: string, variables: Record<string, string>): string {
  const [first = "", ...rest] = body.split("\n");
  return [
    first,
    ...Object.entries(variables).map(([variable, value]) => `${variable}=${shellWord(value)}`),
    scriptText("release-library.sh").trimEnd(),
    ...rest,
  ].join("\n");
}
