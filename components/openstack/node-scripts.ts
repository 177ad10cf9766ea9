import * as fs from "node:fs";
import * as path from "node:path";
import type { PerNode } from "./definition";
import { shellWord } from "./steps";

/** Where a process on the hosts finds its shell files. */
export const scriptsDirectory = "/etc/stratiform/scripts";

/** Where the cluster's claim looks for what it is to run when it releases a host. */
export const releaseDirectory = "/etc/stratiform/release.d";

/** Key of the release script among the shell files. */
export const releaseKey = "release.sh";

/** Name of a release script on a host: those with lower numbers run first. */
export function releaseFile(order: number, cloud: string, service: string): string {
  return `${String(order).padStart(2, "0")}-${cloud}-${service}`;
}

function read(file: string): string {
  return fs.readFileSync(path.join(__dirname, "scripts", file), "utf8");
}

/** Shell files of a process on the hosts, by name: those that it names, and its release script with its variables in it. */
export function nodeScripts(
  perNode: PerNode,
  place: { cloud: string; nodeNamespace: string; service: string },
): Record<string, string> {
  const names = [perNode.prepare?.script, perNode.start?.script, ...(perNode.scripts ?? [])].filter(
    (name) => name !== undefined,
  );
  const texts = Object.fromEntries(names.map((name) => [name, read(name)]));
  if (perNode.release === undefined) {
    return texts;
  }
  const { script, inputs } = perNode.release;
  return {
    ...texts,
    "install-release.sh": read("install-release.sh"),
    [releaseKey]: releaseScript(read(script), {
      ...inputs,
      CLOUD: place.cloud,
      NODE_NAMESPACE: place.nodeNamespace,
    }),
  };
}

/** A release script as it lies on a host, where nothing else tells it what it is for. */
export function releaseScript(body: string, variables: Record<string, string>): string {
  const [first = "", ...rest] = body.split("\n");
  return [
    first,
    ...Object.entries(variables).map(([variable, value]) => `${variable}=${shellWord(value)}`),
    read("release-library.sh").trimEnd(),
    ...rest,
  ].join("\n");
}
