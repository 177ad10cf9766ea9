import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "../lab/toolchain/cache";
import { writeLayout } from "../lab/toolchain/oci";
import { run } from "../lab/toolchain/process";
import { eachInParallel } from "../lab/toolchain/registry-push";
import type { Progress, Reporter } from "../lab/toolchain/reporter";
import type { BuiltImage, BuiltImages } from "./build";

/** A registry, with what reaching it takes. */
export interface PushTarget {
  /** Registry, with a path prefix if any: `registry.example:5000`. */
  registry: string;
  /** Directory with `ca.crt`, the CA of the registry's certificate. @default this computer's authorities */
  certDirectory?: string;
  /** Talk to it without TLS. @default false */
  plainHttp?: boolean;
}

/** Whether a registry has an image of exactly this digest. A registry that does not answer has none. */
export async function hasImage(target: PushTarget, one: BuiltImage): Promise<boolean> {
  const reference = `docker://${target.registry}/${one.path}@${one.image.digest}`;
  return run("skopeo", ["inspect", "--raw", ...access(target, ""), reference]).then(
    () => true,
    () => false,
  );
}

/**
 * Pushes to a registry what it lacks of the images. Layers that several images share are sent once.
 * @returns names of the images that were pushed
 * @throws Error with skopeo's words, such as that the registry cannot be reached or wants a login
 */
export async function pushImages(built: BuiltImages, target: PushTarget, report: Reporter): Promise<string[]> {
  const missing: BuiltImage[] = [];
  await eachInParallel(Object.values(built.images), async (one) => {
    if (!(await hasImage(target, one))) missing.push(one);
  });
  if (missing.length > 0) {
    await report.phase(`Push ${missing.length} images to ${target.registry}`, async (progress) => {
      const { first, rest } = pushOrder(missing);
      for (const one of first) await push(target, one, progress);
      // The others are waited for after a failure, so that nothing of theirs is left in the cache.
      const failures: unknown[] = [];
      await eachInParallel(rest, (one) => push(target, one, progress).catch((error) => void failures.push(error)));
      if (failures.length > 0) throw failures[0];
    });
  }
  return missing.map((one) => one.name).sort();
}

/** First, one after another, images that bring a layer which others need too; then the rest, which find it there. */
export function pushOrder<T extends Pick<BuiltImage, "image">>(images: readonly T[]): { first: T[]; rest: T[] } {
  const layers = images.flatMap((one) => one.image.layers.map(({ digest }) => digest));
  const shared = new Set(layers.filter((digest, index) => layers.indexOf(digest) !== index));
  const first = [...images]
    .sort((left, right) => right.image.layers.length - left.image.layers.length)
    .filter((one) => {
      const news = one.image.layers.filter(({ digest }) => shared.delete(digest));
      return news.length > 0;
    });
  return { first, rest: images.filter((one) => !first.includes(one)) };
}

async function push(target: PushTarget, one: BuiltImage, progress: Progress): Promise<void> {
  progress(one.path);
  const layout = await mkdtemp(join(cacheDirectory(), "layout-"));
  try {
    await writeLayout(one.image, layout);
    // The tag only keeps a registry's clean-up from taking the image for rubbish; everybody names it by digest.
    const tag = one.image.digest.slice("sha256:".length, "sha256:".length + 12);
    const destination = `docker://${target.registry}/${one.path}:${tag}`;
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "--quiet",
      ...access(target, "dest-"),
      `oci:${layout}`,
      destination,
    ]);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

function access(target: PushTarget, prefix: string): string[] {
  return [
    ...(target.certDirectory === undefined ? [] : [`--${prefix}cert-dir`, target.certDirectory]),
    ...(target.plainHttp === true ? [`--${prefix}tls-verify=false`] : []),
  ];
}
