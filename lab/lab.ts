import { join } from "node:path";
import type { HostArgs } from "../components/cluster/args";
import { defaultKubernetesVersion } from "../components/cluster/versions";
import { type BuiltImages, builderPackages, ensureImages } from "../images/build";
import { pushImages } from "../images/push";
import { ensureCertificates, type LabCertificates } from "./certificates";
import { UserError } from "./error";
import { Lab } from "./handle";
import {
  computerPlan,
  ensureHosts,
  ensureSshKey,
  type HostPlan,
  plannedHost,
  sshKeyFiles,
  writeSshConfig,
} from "./host";
import { ensureMirror } from "./mirror";
import { checkLabName, hostRoles, mostHosts } from "./names";
import { addressIn, ensureNetworks } from "./network";
import { prepareStack, stackFileOf } from "./pulumi";
import { type LabHost, type LabRecord, readRecord, writeRecord } from "./record";
import { ensureRegistry } from "./registry";
import { type StackCloud, writeStackFile } from "./stack-file";
import {
  type CniPlugins,
  checkPrerequisites,
  ensureClusterImages,
  ensureCniPlugins,
  ensureHostImage,
  ensureKubernetes,
  ensurePackages,
  ensurePulumi,
  type KubernetesRelease,
  labPackages,
  type Reporter,
  repositoryDirectory,
  withLock,
} from "./toolchain/index";
import { prepareTools } from "./tools";

/** Last numbers of the addresses that a cloud may give away in the provider network: between those of hosts and the end. */
const firstFloatingNumber = 100;
const lastFloatingNumber = 249;
/** Last numbers of the endpoint addresses in the lab network. */
const publicNumber = 250;
const internalNumber = 251;

export { labDown } from "./down";
export type { Result } from "./execute";
export { Lab, type LabCommandOptions } from "./handle";
export type { LabHost, LabRecord } from "./record";
export type { StackCloud, StackCluster } from "./stack-file";

/** What lab is wanted. */
export interface LabOptions {
  /** Name: of the lab and its cluster; begins the hosts' names. @default "dev" */
  name?: string;
  /** How many hosts. A lab that has more keeps them. @default as many as it has, else 3 */
  hosts?: number;
  /** How many of the hosts, the first ones, are control hosts. Decides the roles of hosts that are added. @default 1 */
  control?: number;
  /** Name of the stack. @default as it is, else "dev" */
  stack?: string;
  /** Kubernetes releases that mirror and registry offer; a new stack gets the first. @default those it has, else the default one */
  kubernetes?: string[];
  /** Only machines, networks and keys: no tools, registry, mirror, stack file. @default false */
  bare?: boolean;
  /** Images for an OpenStack cloud too, built and pushed, and the cloud in the stack file. @default as it is, else false */
  cloud?: boolean;
  /** OpenStack services of a new cloud; one that is there keeps its own. @default those that a virtual machine needs */
  services?: string[];
}

/** The services that a virtual machine needs. */
export const coreServices: readonly string[] = ["keystone", "placement", "glance", "neutron", "nova"];

type Wish = Required<Omit<LabOptions, "hosts">> & { hosts: number };

/** Puts options, what a lab is already, and defaults together. @throws UserError if they do not fit */
export function completeOptions(options: LabOptions, record: LabRecord | undefined): Wish {
  const name = checkLabName(options.name ?? "dev");
  const stack = options.stack ?? record?.stack ?? "dev";
  if (record !== undefined && record.stack !== stack) {
    throw new UserError(
      `lab ${name} has the stack ${record.stack}: take it down first, or make another lab with --name`,
    );
  }
  const hosts = Math.max(options.hosts ?? (record?.hosts.length || 3), record?.hosts.length ?? 0);
  const control = options.control ?? 1;
  const whole = Number.isInteger(hosts) && Number.isInteger(control);
  if (!whole || hosts < 1 || hosts > mostHosts || control < 1 || control > hosts) {
    throw new UserError(
      `lab ${name}: ${hosts} hosts, ${control} of them control hosts, cannot be: 1 to ${mostHosts} hosts (--hosts), ` +
        "at least one of them a control host (--control)",
    );
  }
  const known = record?.kubernetes ?? [];
  const versions = options.kubernetes ?? (known.length > 0 ? known : [defaultKubernetesVersion]);
  const kubernetes = [...new Set([...versions, ...known])];
  return {
    name,
    hosts,
    control,
    stack,
    kubernetes,
    bare: options.bare ?? false,
    cloud: options.cloud ?? record?.cloud ?? false,
    services: options.services ?? [...coreServices],
  };
}

/**
 * Brings a lab up: tools, networks, hosts, registry, mirror, stack file. What is there already is left as it is, so a lab
 * is repaired or given further hosts by the same call.
 * @throws UserError with a remedy, if something on this computer is missing or in the way
 */
export async function labUp(options: LabOptions, report: Reporter): Promise<Lab> {
  const name = checkLabName(options.name ?? "dev");
  const { cloud, bare } = completeOptions(options, await readRecord(name));
  await report.phase("Check this computer", async () => {
    await checkPrerequisites().catch((error: Error) => {
      throw new UserError(error.message);
    });
  });
  await ensurePackages([...labPackages, ...(cloud && !bare ? builderPackages : [])], report);
  return withLock(`lab-${name}`, async () => up(completeOptions(options, await readRecord(name)), report));
}

async function up(wish: Wish, report: Reporter): Promise<Lab> {
  if (wish.bare) return new Lab((await machines(wish, report)).record);
  const [machine, toolchain, releases, cni, images] = await Promise.all([
    machines(wish, report).then(async ({ record, keys }) => {
      const certificates = await ensureCertificates(record.name, record.network.gateway);
      const registry = await ensureRegistry(record.name, record.network.gateway, certificates);
      return { record, keys, certificates, registry };
    }),
    ensurePulumi(report),
    Promise.all(wish.kubernetes.map((version) => ensureKubernetes(version, report))),
    ensureCniPlugins(report),
    wish.cloud ? ensureImages(report) : undefined,
  ]);
  const { keys, certificates, registry } = machine;
  const record: LabRecord = { ...machine.record, tools: await prepareTools(wish.name, toolchain, releases) };
  await writeRecord(record);
  await writeStack({ record, wish, keys, certificates, registry, releases, cni, ...(images && { images }) }, report);
  record.listed = record.hosts.map((host) => host.name);
  record.cloud = wish.cloud;
  await writeRecord(record);
  await report.phase("Prepare the stack", () => prepareStack(record));
  return new Lab(record);
}

async function machines(wish: Wish, report: Reporter): Promise<{ record: LabRecord; keys: Map<string, string> }> {
  const { name, stack, kubernetes } = wish;
  const image = await ensureHostImage(report);
  const before = await readRecord(name);
  const networks = await ensureNetworks(name, before);
  const computer = await computerPlan();
  const plans = Array.from({ length: wish.hosts }, (_, index): HostPlan => {
    return { lab: name, number: index + 1, image, networks, publicKey: sshKeyFiles(name).publicKey, ...computer };
  });
  const hosts = plans.map(plannedHost);
  const record: LabRecord = {
    name,
    stack,
    kubernetes,
    hosts,
    ...networks,
    ...(before?.listed && { listed: before.listed }),
    ...(before?.cloud && { cloud: before.cloud }),
    ...(before?.tools && { tools: before.tools }),
  };
  // From here on "down" and "status" know the lab.
  await writeRecord(record);
  await ensureSshKey(name);
  const started = await ensureHosts(plans, report);
  await writeSshConfig(name, started);
  return { record, keys: new Map(started.map(({ host, key }) => [host.name, key])) };
}

interface StackParts {
  record: LabRecord;
  wish: Wish;
  keys: Map<string, string>;
  certificates: LabCertificates;
  registry: string;
  releases: KubernetesRelease[];
  cni: CniPlugins;
  images?: BuiltImages;
}

async function writeStack(parts: StackParts, report: Reporter): Promise<void> {
  const { record, wish, keys, certificates, registry, releases, cni } = parts;
  const mirror = await ensureMirror(record.name, record.network.gateway, certificates, releases, cni);
  const push = { registry, certDirectory: certificates.directory };
  const [images] = await Promise.all([
    ensureClusterImages(releases, push, report),
    parts.images && pushImages(parts.images, push, report),
  ]);
  const hosts = record.hosts.map((host) => stackHost(host, wish, keys.get(host.name) ?? ""));
  await writeStackFile(
    stackFileOf(record),
    record.listed ?? [],
    {
      name: record.name,
      hosts,
      kubernetesVersion: wish.kubernetes[0] ?? defaultKubernetesVersion,
      artifacts: { ...mirror, caCertificate: certificates.ca },
      imageMirror: { registry, caCertificate: certificates.ca, ...images },
      ...(parts.images && { cloud: stackCloud(record, wish.services, registry, parts.images.releaseFile) }),
    },
    join(repositoryDirectory, "Pulumi.dev.yaml"),
  );
}

/**
 * The cloud as the stack file describes it: endpoint addresses beyond those of hosts, and the provider network, whose
 * gateway is this computer, as the external one.
 */
export function stackCloud(
  { network, provider }: Pick<LabRecord, "network" | "provider">,
  services: string[],
  registry: string,
  release: string,
): StackCloud {
  const { subnet } = network;
  const endpoint = { public: addressIn(subnet, publicNumber), internal: addressIn(subnet, internalNumber) };
  const range = [firstFloatingNumber, lastFloatingNumber].map((number) => addressIn(provider.subnet, number));
  const external = { cidr: provider.subnet, gateway: provider.gateway, range: range.join("-") };
  return {
    ...{ profile: "lab", release, services, registry, endpoint },
    // Every host that may come, so that none changes a policy.
    networks: { external, hosts: [subnet] },
  };
}

/** A machine as the stack file names it. */
export function stackHost(host: LabHost, wish: Pick<Wish, "hosts" | "control">, hostKey: string): HostArgs {
  const roles = hostRoles(host.number, wish.hosts, wish.control);
  return { name: host.name, address: host.address, roles, interfaces: { provider: "eth1" }, hostKey };
}

/** Adds hosts to a lab, and to its stack file as compute hosts. */
export function addHosts(lab: Lab, count: number, report: Reporter): Promise<Lab> {
  return labUp({ name: lab.name, hosts: lab.hosts.length + count }, report);
}
