import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kubernetesPrograms, upstreamDigests, upstreamKubernetesUrl } from "../../components/cluster/versions";
import { digestOf, hashOf, madeOnce } from "./cache";
import { allReachable, downloadFile, downloadText } from "./download";
import { type GoBuild, goBuild, goHash, requiredVersion } from "./go";
import { run } from "./process";
import type { Progress, Reporter } from "./reporter";

/** A Kubernetes release on this computer. */
export interface KubernetesRelease {
  /** Version without a `v`, such as `1.34.4`. */
  version: string;
  /** Directory with the programs: kubeadm, kubelet, kubectl; if built here, also kube-apiserver and the others. */
  directory: string;
  /** SHA-256 digests by file name: `sha256:<64 hexadecimal digits>`. */
  digests: Record<string, string>;
  /** Where the programs are from. */
  origin: "upstream" | "built";
}

const digestFile = "digests.json";
/** Registry of Kubernetes' images; programs and images are taken from one origin. */
export const upstreamRegistry = "registry.k8s.io";

/** Whether Kubernetes' release files and images can be had from upstream. */
export function kubernetesReachable(): Promise<boolean> {
  return allReachable([new URL(upstreamKubernetesUrl).origin, `https://${upstreamRegistry}`]);
}

/**
 * The programs of a Kubernetes release: from upstream where it answers within seconds, else built from the pinned module.
 * @param version such as `1.34.4`
 * @throws Error if this version can neither be downloaded nor built
 */
export async function ensureKubernetes(version: string, report: Reporter): Promise<KubernetesRelease> {
  const upstream = await kubernetesReachable();
  const directory = upstream ? await fromUpstream(version, report) : await built(version, report);
  const digests = JSON.parse(await readFile(join(directory, digestFile), "utf8")) as Record<string, string>;
  return { version, directory, digests, origin: upstream ? "upstream" : "built" };
}

async function fromUpstream(version: string, report: Reporter): Promise<string> {
  const hash = await hashOf({ values: [version, upstreamKubernetesUrl, ...kubernetesPrograms] });
  return madeOnce(
    `kubernetes-${version}`,
    hash,
    `Download Kubernetes ${version}`,
    report,
    async (directory, progress) => {
      for (const program of kubernetesPrograms) {
        const url = `${upstreamKubernetesUrl}/v${version}/bin/linux/amd64/${program}`;
        const digest =
          upstreamDigests[`v${version}/${program}`] ?? `sha256:${(await downloadText(`${url}.sha256`)).trim()}`;
        await downloadFile(url, join(directory, program), digest, progress);
        await chmod(join(directory, program), 0o755);
      }
      await writeDigests(directory);
    },
  );
}

/** The build of a release; its version is compiled in as upstream does. */
async function recipe(version: string): Promise<GoBuild> {
  const [major = "", minor = ""] = version.split(".");
  const module = `tools/kubernetes/v${major}.${minor}`;
  const pinned = await requiredVersion(module, "k8s.io/kubernetes").catch(() => undefined);
  if (pinned !== `v${version}`) {
    const has = pinned === undefined ? "there is no such folder" : `it pins ${pinned}`;
    throw new Error(
      `Kubernetes ${version} cannot be downloaded from here, and is not built from ${module}: ${has}. ` +
        "Choose a version pinned under tools/kubernetes, or go where Kubernetes' downloads can be reached.",
    );
  }
  const facts = {
    gitVersion: `v${version}`,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "none",
    buildDate: "1970-01-01T00:00:00Z",
  };
  const variables: Record<string, string> = {};
  for (const place of ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]) {
    for (const [name, value] of Object.entries(facts)) variables[`${place}.${name}`] = value;
  }
  const programs = [...kubernetesPrograms, "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"];
  return { module, packages: programs.map((program) => `k8s.io/kubernetes/cmd/${program}`), variables };
}

async function built(version: string, report: Reporter): Promise<string> {
  const build = await recipe(version);
  const title = `Build Kubernetes ${version}`;
  return madeOnce(
    `kubernetes-${version}`,
    await goHash(build),
    title,
    report,
    async (directory, progress: Progress) => {
      await goBuild(build, directory, progress);
      const says = (await run(join(directory, "kubeadm"), ["version", "-o", "short"])).trim();
      if (says !== `v${version}`)
        throw new Error(`kubeadm says it is ${says}, expected v${version}: see tools/kubernetes`);
      await writeDigests(directory);
    },
  );
}

async function writeDigests(directory: string): Promise<void> {
  const digests: Record<string, string> = {};
  for (const file of (await readdir(directory)).sort()) digests[file] = await digestOf(join(directory, file));
  await writeFile(join(directory, digestFile), `${JSON.stringify(digests, null, 2)}\n`);
}
