import { join } from "node:path";
import { addonImages } from "../../components/cluster/versions";
import { remembered } from "./download";
import { run, succeeds } from "./process";

/** How long a registry may take to answer before it counts as out of reach, in seconds. */
const answerLimit = 10;

/**
 * Upstream's images of a cluster of one release, by `<image>:<tag>`: those of Kubernetes as its own kubeadm names them, the
 * add-ons' as they are pinned. A name without a registry is completed by whoever pulls.
 * @param version such as `1.34.4`
 * @param kubeadm path of that release's kubeadm
 */
export async function upstreamImages(version: string, kubeadm: string): Promise<Map<string, string>> {
  const list = await run(kubeadm, ["config", "images", "list", "--kubernetes-version", `v${version}`]);
  const kubernetes = list.trim().split("\n");
  const addons = Object.entries(addonImages).map(([name, { repository, tag }]): [string, string] => [
    `${name}:${tag}`,
    `${repository}:${tag}`,
  ]);
  return new Map([
    ...kubernetes.map((source): [string, string] => [source.slice(source.lastIndexOf("/") + 1), source]),
    ...addons,
  ]);
}

/** The registry in an image's name; empty where the name has none. */
function registryOf(source: string): string {
  const first = source.split("/")[0] ?? "";
  return source.includes("/") && /[.:]/.test(first) ? first : "";
}

/**
 * Whether images can be had: one of each registry is asked for, and must be described within seconds. The answer is
 * remembered as `reachable`'s is.
 */
export async function imagesReachable(sources: Iterable<string>): Promise<boolean> {
  const samples = new Map([...sources].map((source) => [registryOf(source), source]));
  const answers = [...samples].map(([registry, source]) =>
    remembered(`images of ${registry || "no named registry"}`, () =>
      succeeds("skopeo", ["--command-timeout", `${answerLimit}s`, "inspect", "--raw", `docker://${source}`], {
        timeout: 2 * answerLimit * 1000,
      }),
    ),
  );
  return (await Promise.all(answers)).every(Boolean);
}

/** Whether all images of a cluster of a release can be had from upstream; `directory` holds its kubeadm. */
export async function releaseImagesReachable(version: string, directory: string): Promise<boolean> {
  return imagesReachable((await upstreamImages(version, join(directory, "kubeadm"))).values());
}
