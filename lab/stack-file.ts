import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, YAMLSeq } from "yaml";
import type { ArtifactsArgs, HostArgs, ImageMirrorArgs, KubeadmClusterArgs, SshArgs } from "../components/cluster/args";
import { UserError } from "./error";
import { replaceFile } from "./replace-file";

/** `stratiform:cluster` in a stack file: `name` stands for `clusterName`, and the key is a secret apart. */
export type StackCluster = Omit<KubeadmClusterArgs, "clusterName" | "ssh"> & {
  /** Name of the cluster. */
  name?: string;
  /** How the hosts are reached. */
  ssh?: Omit<SshArgs, "privateKey" | "privateKeyPassphrase">;
};

/** `stratiform:cloud` in a stack file, as far as the lab knows it. */
export interface StackCloud {
  /** Name of a release in releases/, or path of a release file. */
  release: string;
  /** Registry that holds its images. */
  registry?: string;
  /** Profile. */
  profile?: string;
  /** OpenStack services. */
  services: string[];
  /** Names and addresses of the endpoints. */
  endpoint: {
    public: string;
    internal?: string;
    publicAddress?: string;
    internalAddress?: string;
    [key: string]: unknown;
  };
  /** The virtual machines' networks; the lab puts in the external one of a cloud with Neutron. */
  networks?: { external?: { cidr: string; gateway: string; range: string }; [key: string]: unknown };
  /** Sizes by service and process. */
  sizes?: Record<string, Record<string, Record<string, number | string>>>;
  /** Options by service, file, section and option. */
  overrides?: Record<string, Record<string, Record<string, Record<string, unknown>>>>;
  [key: string]: unknown;
}

/** What a lab puts into its stack file. */
export interface StackMachines {
  /** Name of the cluster, where the file names none. */
  name: string;
  /** The machines. */
  hosts: HostArgs[];
  /** Kubernetes version, where the file names none. */
  kubernetesVersion: string;
  /** The mirror of release files. */
  artifacts: ArtifactsArgs;
  /** The registry. */
  imageMirror: ImageMirrorArgs;
  /** The cloud; what the file says of it already is kept, but for the release if that is one of this computer. @default none is put in */
  cloud?: StackCloud;
}

const clusterPath = ["config", "stratiform:cluster"];
const cloudPath = ["config", "stratiform:cloud"];
/** A release file of images built on this computer. */
const localRelease = /(^|\/)releases\/local-[0-9a-f]+\.yaml$/;
const written = { lineWidth: 0 };

function header(name: string): string {
  return [
    ` Stack file of the lab, written for its machines from Pulumi.dev.yaml. Edit it as you like:`,
    ` "npm run lab -- up --name ${name}" adds new hosts and renews addresses, keys, mirrors; the rest it keeps.`,
  ].join("\n");
}

function parse(text: string, file: string): Document {
  const document = parseDocument(text);
  const error = document.errors[0];
  if (error !== undefined) throw new UserError(`${file}: ${error.message}`);
  return document;
}

/**
 * The text of a stack file with the lab's machines in it.
 * @param existing the stack file as it is, if there is one: everything in it that is not the lab's is kept
 * @param template the committed stack file, used where there is none yet; its hosts are examples
 * @param listed hosts that the file was given before: they are not put in again where they were taken out
 */
export function stackFileText(
  machines: StackMachines,
  existing: string | undefined,
  template: string,
  listed: readonly string[] = [],
): string {
  const document = parse(existing ?? template, existing === undefined ? "Pulumi.dev.yaml" : "the stack file");
  if (existing === undefined) {
    document.commentBefore = header(machines.name);
    dropComment(document.contents);
    document.deleteIn([...clusterPath, "hosts"]);
    document.deleteIn(cloudPath);
    // A template that was used as a stack file by mistake: its key is of another passphrase.
    for (const key of ["encryptionsalt", "secretsprovider", "encryptedkey"]) document.delete(key);
    document.setIn([...clusterPath, "name"], machines.name);
  }
  const cluster = document.getIn(clusterPath);
  if (!isMap(cluster)) {
    throw new UserError(
      "the stack file has no mapping stratiform:cluster under config; restore it, or remove the file",
    );
  }
  const keep = (key: string, value: unknown) => {
    if (!cluster.has(key)) cluster.set(key, document.createNode(value));
  };
  keep("name", machines.name);
  mergeHosts(document, cluster, machines.hosts, existing === undefined ? [] : listed);
  keep("ssh", { user: "root" });
  keep("kubernetesVersion", machines.kubernetesVersion);
  cluster.set("artifacts", document.createNode(machines.artifacts));
  cluster.set("imageMirror", document.createNode(machines.imageMirror));
  if (machines.cloud !== undefined) mergeCloud(document, machines.cloud);
  return document.toString(written);
}

/**
 * Puts in what the file does not say of the cloud; renews the release where it is one of this computer. The networks are
 * for a cloud with Neutron only.
 */
function mergeCloud(document: Document, { networks, ...cloud }: StackCloud): void {
  if (!isMap(document.getIn(cloudPath))) document.setIn(cloudPath, document.createNode({}));
  const section = document.getIn(cloudPath) as YAMLMap;
  for (const [key, value] of Object.entries(cloud)) {
    const old = section.get(key);
    const renewed = key === "release" && typeof old === "string" && localRelease.test(old);
    if (renewed || !section.has(key)) section.set(key, document.createNode(value));
  }
  const services = section.get("services");
  const hasNeutron = isSeq(services) && services.items.some((item) => isScalar(item) && item.value === "neutron");
  if (hasNeutron && networks !== undefined && !section.hasIn(["networks", "external"])) {
    section.setIn(["networks", "external"], document.createNode(networks.external));
  }
}

/** Takes away the comment at the head of a mapping: it is about the template. */
function dropComment(node: unknown): void {
  if (!isMap(node)) return;
  node.commentBefore = undefined;
  const key = node.items[0]?.key;
  if (isScalar(key)) key.commentBefore = undefined;
}

/** Puts new hosts at the end of the list; of those that are there, renews address and key. */
function mergeHosts(document: Document, cluster: YAMLMap, hosts: HostArgs[], listed: readonly string[]): void {
  const existing = cluster.get("hosts", true);
  const list = isSeq(existing) ? existing : new YAMLSeq();
  for (const host of hosts) {
    const entry = list.items.find((item) => isMap(item) && item.get("name") === host.name);
    if (isMap(entry)) {
      for (const key of ["address", "hostKey"] as const) {
        const value = entry.get(key, true);
        if (isScalar(value)) value.value = host[key];
        else entry.set(key, host[key]);
      }
    } else if (!listed.includes(host.name)) {
      list.items.push(document.createNode(host, { flow: true }));
    }
  }
  cluster.set("hosts", list);
}

/** Writes a stack file from its parts; see `stackFileText`. */
export async function writeStackFile(
  file: string,
  listed: readonly string[],
  machines: StackMachines,
  templateFile: string,
): Promise<void> {
  const existing = existsSync(file) ? await readFile(file, "utf8") : undefined;
  const template = existsSync(templateFile)
    ? await readFile(templateFile, "utf8")
    : "config:\n  stratiform:cluster: {}\n";
  await replaceFile(file, stackFileText(machines, existing, template, listed));
}

/** Changes `stratiform:cluster` of a stack file; everything else in it is kept. */
export function editStackFile(
  file: string,
  change: (cluster: StackCluster) => StackCluster | undefined,
): Promise<void> {
  return editSection(file, "stratiform:cluster", change);
}

/** Changes `stratiform:cloud` of a stack file; everything else in it is kept. */
export function editCloud(file: string, change: (cloud: StackCloud) => StackCloud | undefined): Promise<void> {
  return editSection(file, "stratiform:cloud", change);
}

async function editSection<T>(file: string, key: string, change: (section: T) => T | undefined): Promise<void> {
  const document = parse(await readFile(file, "utf8"), file);
  const section = sectionOf<T>(document, key);
  if (section === undefined) throw new UserError(`${file}: has no ${key}`);
  document.setIn(["config", key], document.createNode(change(section) ?? section));
  await replaceFile(file, document.toString(written));
}

function sectionOf<T>(document: Document, key: string): T | undefined {
  const root: unknown = document.toJS();
  return (root as { config?: Record<string, T> }).config?.[key];
}

/** The sections of a stack file that the lab looks at. */
export async function readStackFile(file: string): Promise<{ cluster?: StackCluster; cloud?: StackCloud }> {
  const document = parse(await readFile(file, "utf8"), file);
  const cluster = sectionOf<StackCluster>(document, "stratiform:cluster");
  const cloud = sectionOf<StackCloud>(document, "stratiform:cloud");
  return { ...(cluster && { cluster }), ...(cloud && { cloud }) };
}

/** Whether a stack file has a value at `config.<key>`. */
export async function hasConfig(file: string, key: string): Promise<boolean> {
  return parse(await readFile(file, "utf8"), file).hasIn(["config", key]);
}
