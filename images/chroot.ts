import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cacheDirectory, madeOnce } from "../lab/toolchain/cache";
import type { Layer } from "../lab/toolchain/oci";
import { type RunOptions, runAsRoot } from "../lab/toolchain/process";
import type { Reporter } from "../lab/toolchain/reporter";

/** A shell script of this folder. */
export function script(name: string): string {
  return join(__dirname, "scripts", name);
}

/**
 * Layers as directories that overlayfs can read, unpacked once and kept.
 * @returns the directories, lowest first
 */
export async function unpackLayers(layers: readonly Layer[], report: Reporter): Promise<string[]> {
  return Promise.all(
    layers.map(async (layer) => {
      const name = basename(dirname(layer.file)).replace(/^layer-image-|-[0-9a-f]{16}$/g, "");
      const hash = layer.contentDigest.slice("sha256:".length, "sha256:".length + 16);
      const place = await madeOnce(
        `unpacked-image-${name}`,
        hash,
        `Unpack image layer ${name}`,
        report,
        async (directory) => {
          await mkdir(join(directory, "tree"));
          await runAsRoot("sh", [script("unpack.sh"), layer.file, join(directory, "tree")]);
        },
      );
      return join(place, "tree");
    }),
  );
}

/** A program that runs in an image. */
export interface Entry {
  /** Unpacked layers, lowest first. */
  lower: readonly string[];
  /** Empty directory for the changes; the folder `mnt` in it is seen as /mnt inside. */
  place: string;
  /** Program and arguments. */
  command: readonly string[];
  /** Further directories laid over, by their path inside. @default none */
  overlays?: Readonly<Record<string, string>>;
  /** Write down what is there before and after. @default false */
  record?: boolean;
}

/**
 * Runs a program as root in unpacked layers, in namespaces of its own: no mount and no process is left however it ends.
 * @returns its standard output
 */
export async function enter(entry: Entry, options: RunOptions = {}): Promise<string> {
  await mkdir(join(entry.place, "mnt"), { recursive: true });
  if (entry.record === true) await writeFile(join(entry.place, "record"), "");
  const overlays = Object.entries(entry.overlays ?? {}).map(([inside, outside]) => `${outside}:${inside}`);
  const lower = [...entry.lower].reverse().join(":");
  return runAsRoot(
    "unshare",
    [
      ...["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"],
      ...["sh", script("enter.sh"), entry.place, lower, ...overlays, "--", ...entry.command],
    ],
    options,
  );
}

/** Does work in a directory of its own in the cache, which is gone afterwards, whoever owns what is in it. */
export async function withWorkingDirectory<T>(name: string, work: (directory: string) => Promise<T>): Promise<T> {
  await mkdir(cacheDirectory(), { recursive: true });
  const directory = await mkdtemp(join(cacheDirectory(), `${name}-`));
  try {
    return await work(directory);
  } finally {
    await runAsRoot("rm", ["-rf", "--", directory]);
  }
}

/**
 * Runs a program in an image that is thrown away afterwards.
 * @param layers of the image, lowest first
 * @param files what is to lie in /mnt, by name
 * @returns its standard output
 */
export async function runInImage(
  layers: readonly Layer[],
  command: readonly string[],
  files: Readonly<Record<string, string>>,
  report: Reporter,
  options: RunOptions = {},
): Promise<string> {
  const lower = await unpackLayers(layers, report);
  return withWorkingDirectory("image", async (directory) => {
    await mkdir(join(directory, "mnt"));
    for (const [name, content] of Object.entries(files)) await writeFile(join(directory, "mnt", name), content);
    return enter({ lower, place: directory, command }, options);
  });
}
