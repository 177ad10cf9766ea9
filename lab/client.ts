import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { imageReference, type ReleaseArgs } from "../components/kit/release";
import { readReleaseFile } from "../images/release-file";
import { UserError } from "./error";
import { computerPlan } from "./host";
import { modified, stateTime } from "./kubeconfig";
import { labDirectory } from "./names";
import { stackOutputs } from "./outputs";
import { stackFileOf } from "./pulumi";
import type { LabRecord } from "./record";
import { replaceFile } from "./replace-file";
import { readStackFile, type StackCloud } from "./stack-file";
import { podman, podmanEnvironment, repositoryDirectory, runAsRoot, withLock } from "./toolchain/index";

/** Repository of the client's images in this computer's store; all labs share it. */
const clientRepository = "localhost/stratiform-client";

/** A program to be executed. */
export interface Command {
  /** Program. */
  program: string;
  /** Its arguments. */
  args: string[];
}

/** Files with which any OpenStack client reaches a lab's cloud. */
export interface ClientFiles {
  /** `clouds.yaml`, which names the CA's certificate by its whole path. */
  clouds: string;
  /** Certificate of the CA that signed the endpoints' certificate. */
  ca: string;
  /** Name of the cloud in `clouds.yaml`. */
  cloud: string;
}

/** `clouds.yaml` of the stack, with the CA's certificate named by its path on this computer. */
export function cloudsWithCa(text: string, ca: string): { text: string; cloud: string } {
  const content = parse(text) as { clouds: Record<string, Record<string, unknown>> };
  const cloud = Object.keys(content.clouds)[0] ?? "";
  for (const entry of Object.values(content.clouds)) entry.cacert = ca;
  return { text: stringify(content), cloud };
}

/**
 * Writes the files of a lab's cloud, for its administrator alone to read, from the outputs of its stack.
 * @throws UserError if there is no cloud yet
 */
export async function ensureClientFiles(record: LabRecord): Promise<ClientFiles> {
  const directory = labDirectory(record.name);
  const [clouds, ca] = [join(directory, "clouds.yaml"), join(directory, "ca.crt")];
  const [state, own] = [await stateTime(record), await modified(clouds)];
  if (own === undefined || state === undefined || own <= state) {
    const outputs = await stackOutputs(record);
    const [text, certificate] = [outputs["clouds.yaml"], outputs.caCertificate];
    if (text === undefined || certificate === undefined) {
      throw new UserError(
        `lab ${record.name} has no cloud yet; bring it up: npm run pulumi -- up ` +
          `(a stack file without stratiform:cloud gets one by: npm run lab -- up --name ${record.name})`,
      );
    }
    await replaceFile(ca, certificate);
    await replaceFile(clouds, cloudsWithCa(text, ca).text);
  }
  return { clouds, ca, cloud: cloudsWithCa(await readFile(clouds, "utf8"), ca).cloud };
}

/**
 * Arguments of `podman run` for the client: nothing of this computer but the two files, and its network.
 * @param options `user`: numeric user and group that own the files; `program`: what is run, by default the client;
 *   `readable`: further files of this computer that it may read, at their own paths
 */
export function clientArguments(
  files: ClientFiles,
  image: string,
  args: readonly string[],
  options: Partial<Awaited<ReturnType<typeof computerPlan>>> & {
    user: string;
    hosts?: readonly string[];
    terminal?: boolean;
    input?: boolean;
    program?: readonly string[];
    readable?: readonly string[];
  },
): string[] {
  const { limits } = options;
  return [
    ...["run", "--rm", "--pull", "never", "--network", "host", "--log-driver", "none"],
    ...(limits === undefined
      ? []
      : ["--ulimit", `nofile=${limits.nofile}:${limits.nofile}`, "--ulimit", `nproc=${limits.nproc}:${limits.nproc}`]),
    ...["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--user", options.user],
    ...(options.runtime === undefined ? [] : ["--runtime", options.runtime]),
    ...(options.terminal ? ["--tty"] : []),
    ...(options.terminal || options.input ? ["--interactive"] : []),
    ...(options.hosts ?? []).flatMap((host) => ["--add-host", host]),
    ...[files.clouds, files.ca, ...(options.readable ?? [])].flatMap((file) => ["--volume", `${file}:${file}:ro`]),
    ...["--env", `OS_CLIENT_CONFIG_FILE=${files.clouds}`, "--env", `OS_CLOUD=${files.cloud}`],
    ...[image, ...(options.program ?? ["openstack"]), ...args],
  ];
}

/** Names of endpoints with their addresses, as `--add-host` takes them: no name server of the site need know them. */
export function endpointNames({ endpoint }: Pick<StackCloud, "endpoint">): string[] {
  const pairs = [
    [endpoint.public, endpoint.publicAddress],
    [endpoint.internal, endpoint.internalAddress],
  ];
  return pairs.flatMap(([name, address]) =>
    name !== undefined && address !== undefined && isIP(name) === 0 ? [`${name}:${address}`] : [],
  );
}

/**
 * The command of the OpenStack client of a lab's cloud: the program of the release's own image `client`.
 * @throws UserError if there is no cloud yet, or no such image
 */
export async function clientCommand(
  record: LabRecord,
  args: readonly string[],
  options: { terminal?: boolean; input?: boolean; program?: readonly string[]; readable?: readonly string[] } = {},
): Promise<Command> {
  const files = await ensureClientFiles(record);
  const { cloud, cluster } = await readStackFile(stackFileOf(record));
  if (cloud === undefined) throw new UserError(`${stackFileOf(record)}: has no stratiform:cloud; put it in again`);
  const registry = cloud.registry ?? cluster?.imageMirror?.registry ?? "";
  const image = await ensureClientImage(record, await readRelease(cloud.release), registry);
  const owner = await stat(files.clouds);
  const full = clientArguments(files, image, args, {
    ...options,
    user: `${owner.uid}:${owner.gid}`,
    hosts: endpointNames(cloud),
    ...(await computerPlan()),
  });
  return asRoot(full);
}

/**
 * Reference, by digest, of an image of the release that a lab's stack file names, for pods of its cluster.
 * @throws UserError if there is no cloud, or no such image
 */
export async function releaseImage(record: LabRecord, name: string): Promise<string> {
  const { cloud, cluster } = await readStackFile(stackFileOf(record));
  if (cloud === undefined) throw new UserError(`${stackFileOf(record)}: has no stratiform:cloud; put it in again`);
  const release = await readRelease(cloud.release);
  if (release.images[name] === undefined) {
    throw new UserError(`release ${release.name} has no image ${name}; use one that has it`);
  }
  return imageReference(release, cloud.registry ?? cluster?.imageMirror?.registry ?? "", name);
}

/** podman as root, for this terminal. Its own arguments hold no secret. */
function asRoot(args: string[]): Command {
  const variables = Object.entries(podmanEnvironment()).map(([name, value]) => `${name}=${value}`);
  return process.getuid?.() === 0
    ? { program: "env", args: [...variables, "podman", ...args] }
    : { program: "sudo", args: ["-n", "env", ...variables, "podman", ...args] };
}

async function readRelease(release: string): Promise<ReleaseArgs> {
  const file = release.includes("/")
    ? resolve(repositoryDirectory, release)
    : join(repositoryDirectory, "releases", `${release}.yaml`);
  return readReleaseFile(file).catch((error: Error) => {
    throw new UserError(`stratiform:cloud.release: ${error.message}`);
  });
}

/** The client's image in this computer's store, pulled once by its digest. */
async function ensureClientImage(record: LabRecord, release: ReleaseArgs, registry: string): Promise<string> {
  const entry = release.images.client;
  if (entry === undefined) throw new UserError(`release ${release.name} has no image client; use one that has it`);
  const image = `${clientRepository}:${entry.digest.replace("sha256:", "").slice(0, 16)}`;
  if (await exists(image)) return image;
  return withLock("client-image", async () => {
    if (await exists(image)) return image;
    const source = `docker://${registry}/${entry.path}@${entry.digest}`;
    const trust = join(labDirectory(record.name), "tls", "trust");
    // Not podman pull: the image would keep the name that it has in this lab's registry, beyond the lab's end.
    const copy = [
      "--insecure-policy",
      "copy",
      "--quiet",
      "--src-cert-dir",
      trust,
      source,
      `containers-storage:${image}`,
    ];
    await runAsRoot("skopeo", copy, { env: podmanEnvironment() }).catch((error: Error) => {
      throw new UserError(
        `the image of the OpenStack client cannot be pulled: ${error.message}\n` +
          `What the registry lacks, this pushes: npm run lab -- up --name ${record.name}`,
      );
    });
    await removeOthers(image);
    return image;
  });
}

function exists(image: string): Promise<boolean> {
  return podman(["image", "exists", image]).then(
    () => true,
    () => false,
  );
}

/** Removes clients of earlier releases, but for those in use. */
async function removeOthers(image: string): Promise<void> {
  const format = "{{.Repository}}:{{.Tag}}";
  const all = (await podman(["images", "--filter", `reference=${clientRepository}`, "--format", format])).split("\n");
  for (const other of all) {
    if (other.startsWith(`${clientRepository}:`) && other !== image) {
      await podman(["rmi", other]).catch(() => undefined);
    }
  }
}
