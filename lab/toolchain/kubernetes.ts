import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kubernetesPrograms, upstreamDigests, upstreamKubernetesUrl } from "../../components/cluster/versions";
import { digestOf, hashOf, madeOnce } from "./cache";
import { downloadFile, downloadText, reachable } from "./download";
import { type GoBuild, goBuild, goHash, requiredVersion } from "./go";
import { ensurePackages, labPackages } from "./packages";
import { run } from "./process";
import type { Progress, Reporter } from "./reporter";
import { releaseImagesReachable } from "./upstream-images";

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

/**
 * The programs of a Kubernetes release: from upstream where they and the images can be had within seconds, else built
 * from the pinned module. Programs and images are taken from one origin.
 * @param version such as `1.34.4`
 * @throws Error if this version can neither be downloaded nor built
 */
export async function ensureKubernetes(version: string, report: Reporter): Promise<KubernetesRelease> {
  const upstream = await upstreamWithImages(version, report);
  const directory = upstream ?? (await built(version, report));
  const digests = JSON.parse(await readFile(join(directory, digestFile), "utf8")) as Record<string, string>;
  return { version, directory, digests, origin: upstream === undefined ? "built" : "upstream" };
}

/** Upstream's programs, if its images can be had too: only its own kubeadm knows their names. */
async function upstreamWithImages(version: string, report: Reporter): Promise<string | undefined> {
  if (!(await reachable(new URL(upstreamKubernetesUrl).origin))) return undefined;
  const directory = await fromUpstream(version, report);
  await ensurePackages(labPackages, report);
  return (await releaseImagesReachable(version, directory)) ? directory : undefined;
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
