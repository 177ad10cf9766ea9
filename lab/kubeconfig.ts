import { stat } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { UserError } from "./error";
import { capture } from "./execute";
import { labDirectory } from "./names";
import { labEnvironment } from "./pulumi";
import type { LabRecord } from "./record";
import { replaceFile } from "./replace-file";
import { repositoryDirectory } from "./toolchain/index";
import { requireTools } from "./tools";

interface Kubeconfig {
  clusters: { cluster: { server: string; "tls-server-name"?: string } }[];
}

/**
 * The kubeconfig of a lab's cluster: an output of its stack; while there is none because `pulumi up` has not come to its
 * end, that of a control host, so that one can look at what is there.
 * @returns its file
 * @throws UserError if there is no cluster yet
 */
export async function ensureKubeconfig(record: LabRecord): Promise<string> {
  const file = join(labDirectory(record.name), "kubeconfig");
  const [state, own] = [await stateTime(record), await modified(file)];
  if (own !== undefined && state !== undefined && own > state) return file;
  const text = (await fromStack(record)) ?? (await fromHost(record));
  if (text === undefined) {
    throw new UserError(`lab ${record.name} has no cluster yet; make it: npm run pulumi -- up`);
  }
  await replaceFile(file, text);
  return file;
}

/** When a file was last written; undefined if there is none. */
export function modified(file: string): Promise<number | undefined> {
  return stat(file).then(
    (found) => found.mtimeMs,
    () => undefined,
  );
}

/** Modification time of the lab's local state; undefined with a backend of the user's own. */
export async function stateTime(record: LabRecord): Promise<number | undefined> {
  if (process.env.PULUMI_BACKEND_URL) return undefined;
  return modified(join(labDirectory(record.name), "state", ".pulumi", "stacks", "stratiform", `${record.stack}.json`));
}

async function fromStack(record: LabRecord): Promise<string | undefined> {
  const args = ["stack", "output", "kubeconfig", "--show-secrets", "--stack", record.stack];
  const env = labEnvironment(record);
  const output = await capture(requireTools(record).pulumi, args, { cwd: repositoryDirectory, env });
  return output.code === 0 && output.stdout.includes("clusters") ? output.stdout : undefined;
}

async function fromHost(record: LabRecord): Promise<string | undefined> {
  const config = join(labDirectory(record.name), "ssh_config");
  for (const host of record.hosts) {
    const options = ["-F", config, "-o", "ConnectTimeout=3", host.name];
    const output = await capture("ssh", [...options, "cat /etc/kubernetes/admin.conf"]);
    if (output.code === 0 && output.stdout.includes("clusters")) return reachableFrom(output.stdout, host.address);
  }
  return undefined;
}

/** A kubeconfig of a host, for this computer: it does not know the API's name, but the address of a control host. */
export function reachableFrom(text: string, address: string): string {
  const config = parse(text) as Kubeconfig;
  for (const { cluster } of config.clusters) {
    const url = new URL(cluster.server);
    cluster["tls-server-name"] ??= url.hostname;
    cluster.server = `https://${address}:${url.port || "443"}`;
  }
  return stringify(config);
}
