import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultKubernetesVersion } from "../components/cluster/versions";
import type { ReleaseArgs } from "../components/kit/release";
import { cacheDirectory } from "../lab/toolchain/cache";
import { composeImage, type Image, type Layer } from "../lab/toolchain/oci";
import { ensurePackages } from "../lab/toolchain/packages";
import type { Reporter } from "../lab/toolchain/reporter";
import { packagesOf, recipeLayer } from "./layers";
import type { InstalledPackage } from "./packages";
import {
  type ImageRecipe,
  imageDebianRelease,
  imagePath,
  imageRecipes,
  imageSeries,
  recipeChain,
  recipeProblems,
} from "./recipes";
import { localReleaseName, writeReleaseFile } from "./release-file";
import { spdxDocument } from "./sbom";

/** An image that was built, or found built. */
export interface BuiltImage {
  /** Name in catalogue and release. */
  name: string;
  /** Path in a registry: `stratiform/keystone`. */
  path: string;
  /** Layers, configuration and digest. */
  image: Image;
  /** Version of what it is named after, as Debian numbers it. */
  version: string;
  /** All packages in it. */
  packages: readonly InstalledPackage[];
}

/** All images of this computer, and the release that they make. */
export interface BuiltImages {
  /** Images by name. Those that are only layers of others are not among them. */
  images: Readonly<Record<string, BuiltImage>>;
  /** Release of these images, named `local-<hash>`. */
  release: ReleaseArgs;
  /** File with the release: `<cache>/releases/local-<hash>.yaml`. */
  releaseFile: string;
  /** Directory with a list of packages of each image: `<cache>/releases/local-<hash>/<image>.spdx.json`. */
  sbomDirectory: string;
}

/** Debian packages that building and pushing need on this computer. */
export const builderPackages: readonly string[] = ["debian-archive-keyring", "mmdebstrap", "skopeo", "zstd"];

/** How many layers are built at a time: installing packages is work of one core, now and then of two. */
const parallelBuilds = 2;

/**
 * Builds what is missing of all images, their lists of packages and the release of them. With nothing missing it only looks.
 * @throws Error with the builder's last lines, if an image cannot be built; nothing half-made is left
 */
export async function ensureImages(report: Reporter): Promise<BuiltImages> {
  const problems = recipeProblems(imageRecipes);
  if (problems.length > 0) throw new Error(`images/recipes.ts:\n  ${problems.join("\n  ")}`);
  await ensurePackages(builderPackages, report);
  const layers = recipeLayers(report);
  const published = imageRecipes.filter((recipe) => recipe.versionOf !== undefined);
  // A failure ends the queue, and what is being built is waited for: so nothing half-made is left.
  const outcomes = await Promise.allSettled(layers.values());
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const built = await Promise.all(published.map((recipe) => builtImage(recipe, layers)));
  const images = Object.fromEntries(built.map((one) => [one.name, one]));
  const release = releaseOf(built);
  const directory = join(cacheDirectory(), "releases");
  const sbomDirectory = join(directory, release.name);
  const releaseFile = join(directory, `${release.name}.yaml`);
  await writePackageLists(built, sbomDirectory);
  if (!existsSync(releaseFile)) {
    await writeReleaseFile(releaseFile, release, ["Images built on this computer. They are nowhere else."]);
  }
  return { images, release, releaseFile, sbomDirectory };
}

/** The layers of each recipe's image, lowest first. Each is made as soon as the one below it is there. */
function recipeLayers(report: Reporter): ReadonlyMap<string, Promise<Layer[]>> {
  const turn = limited(parallelBuilds);
  const layers = new Map<string, Promise<Layer[]>>();
  for (const recipe of imageRecipes) {
    const below =
      recipe.parent === undefined ? Promise.resolve([]) : (layers.get(recipe.parent) ?? Promise.resolve([]));
    layers.set(
      recipe.name,
      below.then(async (found) =>
        recipe.packages === undefined ? found : [...found, await recipeLayer(recipe, found, turn, report)],
      ),
    );
  }
  return layers;
}

async function builtImage(recipe: ImageRecipe, layers: ReadonlyMap<string, Promise<Layer[]>>): Promise<BuiltImage> {
  const own = (await layers.get(recipe.name)) ?? [];
  const last = own[own.length - 1];
  if (last === undefined) throw new Error(`image ${recipe.name} has no layer`);
  const packages = await packagesOf(last);
  const version = packages.find((one) => one.name === recipe.versionOf)?.version;
  if (version === undefined) {
    throw new Error(`image ${recipe.name} lacks the package ${recipe.versionOf}, which gives it its version`);
  }
  return {
    name: recipe.name,
    path: `${imagePath}/${recipe.name}`,
    image: imageOf(recipe, own, version),
    version,
    packages,
  };
}

function imageOf(recipe: ImageRecipe, layers: readonly Layer[], version: string): Image {
  const uid = recipe.uid ?? 0;
  return composeImage(layers, {
    user: uid === 0 ? undefined : `${uid}:${uid}`,
    environment: Object.assign({}, ...recipeChain(recipe.name).map((one) => one.environment ?? {})),
    workingDirectory: "/",
    labels: {
      "org.opencontainers.image.title": recipe.name,
      "org.opencontainers.image.version": version,
    },
  });
}

/** The layers of an image that is built, for programs that run in it on this computer. */
export async function imageLayers(name: string, report: Reporter): Promise<readonly Layer[]> {
  const { images } = await ensureImages(report);
  const found = images[name];
  if (found === undefined) {
    throw new Error(`there is no image ${name}; there are ${Object.keys(images).join(", ")}`);
  }
  return found.image.layers;
}

function releaseOf(built: readonly BuiltImage[]): ReleaseArgs {
  const images = Object.fromEntries(
    built.map(({ name, path, image, version }) => [name, { path, digest: image.digest, version }]),
  );
  const release = { series: imageSeries, kubernetesVersion: defaultKubernetesVersion, images };
  return { name: localReleaseName(release), ...release };
}

/** Writes the lists of packages beside each other, all or none. */
async function writePackageLists(built: readonly BuiltImage[], directory: string): Promise<void> {
  if (existsSync(directory)) return;
  await mkdir(join(directory, ".."), { recursive: true });
  const unfinished = await mkdtemp(`${directory}-`);
  try {
    const created = `${new Date().toISOString().slice(0, 19)}Z`;
    for (const { name, image, version, packages } of built) {
      const described = { name, digest: image.digest, version, debianRelease: imageDebianRelease, packages };
      const text = JSON.stringify(spdxDocument(described, created), null, 1);
      await writeFile(join(unfinished, `${name}.spdx.json`), `${text}\n`);
    }
    await rename(unfinished, directory).catch((error) => {
      if (!existsSync(directory)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Lets `limit` pieces of work run at a time, in the order in which they came. After a failure none begins any more. */
function limited(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = limit;
  let failure: unknown;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free === 0) await new Promise<void>((go) => waiting.push(go));
    else free--;
    try {
      if (failure !== undefined) throw failure;
      return await work();
    } catch (error) {
      failure ??= error;
      throw error;
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
