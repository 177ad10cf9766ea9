import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { kubernetesPrograms } from "../components/cluster/versions";
import type { LabCertificates } from "./certificates";
import { labDirectory } from "./names";
import { ensureService } from "./service";
import type { CniPlugins, KubernetesRelease } from "./toolchain/index";

/** Port of the mirror on this computer's address in the lab network. */
export const mirrorPort = 8443;
/** Name of its pid file and log. */
export const mirrorService = "mirror";

/** What a mirror offers, as `ArtifactsArgs` takes it. */
export interface Mirror {
  /** Base URL of Kubernetes releases. */
  kubernetesUrl: string;
  /** Base URL of CNI plugin releases. */
  cniUrl: string;
  /** Digests by `<version>/<file>`. */
  digests: Record<string, string>;
}

/** Paths under the mirror's root, each with the file that it shows. */
export function mirrorFiles(releases: readonly KubernetesRelease[], cni: CniPlugins): Record<string, string> {
  const files: Record<string, string> = { [`cni/${cni.version}/${basename(cni.archive)}`]: cni.archive };
  for (const { version, directory } of releases) {
    for (const program of kubernetesPrograms) {
      files[`kubernetes/v${version}/bin/linux/amd64/${program}`] = join(directory, program);
    }
  }
  return files;
}

/** Digests of what a mirror offers, by `<version>/<file>`. */
export function mirrorDigests(releases: readonly KubernetesRelease[], cni: CniPlugins): Record<string, string> {
  const digests: Record<string, string> = { [`${cni.version}/${basename(cni.archive)}`]: cni.digest };
  for (const release of releases) {
    for (const program of kubernetesPrograms) {
      const digest = release.digests[program];
      if (digest === undefined) throw new Error(`${release.directory}: no digest of ${program}; remove the directory`);
      digests[`v${release.version}/${program}`] = digest;
    }
  }
  return digests;
}

/** Digests by path on the mirror: upstream publishes each beside its file. */
function publishedDigests(releases: readonly KubernetesRelease[], cni: CniPlugins): Record<string, string> {
  const digests = mirrorDigests(releases, cni);
  return Object.fromEntries(
    Object.keys(mirrorFiles(releases, cni)).flatMap((path) => {
      const [version = "", file = ""] = [/v\d+\.\d+\.\d+/.exec(path)?.[0], basename(path)];
      const digest = digests[`${version}/${file}`];
      return digest === undefined ? [] : [[path, digest]];
    }),
  );
}

/** The mirror of release files: the toolchain's results, in the layout of the upstream download sites, over HTTPS. */
export async function ensureMirror(
  lab: string,
  address: string,
  certificates: LabCertificates,
  releases: readonly KubernetesRelease[],
  cni: CniPlugins,
): Promise<Mirror> {
  const root = join(labDirectory(lab), "mirror");
  for (const [path, file] of Object.entries(mirrorFiles(releases, cni))) {
    const link = join(root, path);
    await mkdir(dirname(link), { recursive: true });
    await rm(`${link}.new`, { force: true });
    await symlink(file, `${link}.new`);
    await rename(`${link}.new`, link);
  }
  for (const [path, digest] of Object.entries(publishedDigests(releases, cni))) {
    await writeFile(join(root, `${path}.sha256`), `${digest.replace("sha256:", "")}\n`);
  }
  await ensureService({
    lab,
    name: mirrorService,
    command: [
      process.execPath,
      join(__dirname, "mirror-server.mjs"),
      ...[root, address, String(mirrorPort), certificates.certificate, certificates.key],
    ],
    address,
    port: mirrorPort,
  });
  const base = `https://${address}:${mirrorPort}`;
  return { kubernetesUrl: `${base}/kubernetes`, cniUrl: `${base}/cni`, digests: mirrorDigests(releases, cni) };
}
