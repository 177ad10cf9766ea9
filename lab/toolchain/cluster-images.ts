import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheDirectory } from "./cache";
import { requiredVersion } from "./go";
import { builtPrograms, busyboxLayer, networkBase, programLayer } from "./image-layers";
import { type ImageRecipe, imageRecipes, moduleBuilds } from "./image-recipes";
import type { KubernetesRelease } from "./kubernetes";
import { composeImage, type Image, type Layer } from "./oci";
import { ensurePackages, labPackages } from "./packages";
import { copyUpstream, eachInParallel, type Push, pushedDigest, pushImage } from "./registry-push";
import type { Reporter } from "./reporter";
import { upstreamImages } from "./upstream-images";

export type { Push } from "./registry-push";

/** Images in a registry, as `ImageMirrorArgs` takes them. */
export interface ClusterImages {
  /** Tags that differ from upstream's, by image name. */
  tags: Record<string, string>;
  /** Manifest digests by `<image>:<tag>`. */
  digests: Record<string, string>;
}

/** Debian bookworm's busybox. */
const busyboxTag = "1.35.0";

/**
 * The images of clusters of these releases, in a registry. What the registry has already is not pushed again.
 * @param releases all from one origin
 * @param push the registry, which must be running
 */
export async function ensureClusterImages(
  releases: readonly KubernetesRelease[],
  push: Push,
  report: Reporter,
): Promise<ClusterImages> {
  await ensurePackages(labPackages, report);
  if (releases.every((release) => release.origin === "upstream")) return copyImages(releases, push, report);
  const { images, tags } = await buildImages(releases, report);
  const digests = Object.fromEntries([...images].map(([name, image]) => [name, image.digest]));
  const missing: [string, Image][] = [];
  await eachInParallel([...images], async ([name, image]) => {
    if ((await pushedDigest(push, name)) !== image.digest) missing.push([name, image]);
  });
  if (missing.length > 0) {
    await report.phase(`Push ${missing.length} images to ${push.registry}`, (progress) =>
      eachInParallel(missing, async ([name, image]) => {
        progress(name);
        await pushImage(push, name, image);
      }),
    );
  }
  return { tags, digests };
}

/** Builds all images. The compilers share one queue, so nothing here waits for an order. */
async function buildImages(releases: readonly KubernetesRelease[], report: Reporter) {
  const base = networkBase(report);
  const images = new Map<string, Image>();
  const tags: Record<string, string> = { busybox: busyboxTag };
  const add = async (name: string, paths: readonly string[], layers: Promise<Layer[]>) => {
    images.set(name, composeImage(await layers, { entrypoint: paths.slice(0, 1) }));
  };
  const addRecipe = async (recipe: ImageRecipe, directory: Promise<string>) => {
    const { image, paths, onNetworkBase, ...rest } = recipe;
    const tag = rest.tag ?? (await requiredVersion(rest.module, rest.dependency ?? ""));
    tags[image] = tag;
    const layer = directory.then((found) => programLayer(image, filesOf(paths, found), report));
    await add(`${image}:${tag}`, paths, Promise.all(onNetworkBase === true ? [base, layer] : [layer]));
  };
  await Promise.all([
    ...releases.flatMap(({ version, directory }) =>
      ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"].map((program) => {
        const paths = [`/usr/local/bin/${program}`];
        const layer = programLayer(`${program}-${version}`, filesOf(paths, directory), report);
        return add(`${program}:v${version}`, paths, Promise.all(program === "kube-proxy" ? [base, layer] : [layer]));
      }),
    ),
    ...moduleBuilds.flatMap((build) => {
      const directory = builtPrograms(basename(build.module), build, report, build.renames);
      return imageRecipes.filter(({ module }) => module === build.module).map((recipe) => addRecipe(recipe, directory));
    }),
    busyboxLayer(report).then((layer) => {
      images.set(`busybox:${busyboxTag}`, composeImage([layer], { command: ["sh"] }));
    }),
  ]);
  return { images, tags };
}

/** Each path in an image with the program of that name in a directory. */
function filesOf(paths: readonly string[], directory: string): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, join(directory, basename(path))]));
}

/** Copies the images that kubeadm names for each release, and those of the addons, from upstream. */
async function copyImages(
  releases: readonly KubernetesRelease[],
  push: Push,
  report: Reporter,
): Promise<ClusterImages> {
  const sources = new Map<string, string>();
  for (const { version, directory } of releases) {
    for (const [name, source] of await upstreamImages(version, join(directory, "kubeadm"))) sources.set(name, source);
  }
  // What was copied before, by source: upstream's tags do not move.
  const memory = join(cacheDirectory(), "copied-images.json");
  const copied = JSON.parse(await readFile(memory, "utf8").catch(() => "{}")) as Record<string, string>;
  const digests: Record<string, string> = {};
  await report.phase(`Copy images to ${push.registry}`, (progress) =>
    eachInParallel([...sources], async ([name, source]) => {
      const present = await pushedDigest(push, name);
      if (present === undefined || present !== copied[source]) {
        progress(source);
        copied[source] = await copyUpstream(push, source, name);
      }
      digests[name] = copied[source] ?? "";
    }),
  );
  await mkdir(cacheDirectory(), { recursive: true });
  await writeFile(memory, JSON.stringify(copied, null, 2));
  return { tags: {}, digests };
}
