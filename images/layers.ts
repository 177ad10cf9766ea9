import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { debianCatalogue } from "../components/kit/debian-catalogue";
import { cacheDirectory, hashOf, withLock } from "../lab/toolchain/cache";
import { makeRootFileSystem, ownAptOptions, ownSources } from "../lab/toolchain/debian";
import { type Layer, layerMadeOnce } from "../lab/toolchain/oci";
import { runAsRoot } from "../lab/toolchain/process";
import type { Progress, Reporter } from "../lab/toolchain/reporter";
import { enter, script, unpackLayers } from "./chroot";
import { type InstalledPackage, parsePackages } from "./packages";
import { type ImageRecipe, imageDebianRelease, packageDay } from "./recipes";
import { fixedUsers } from "./users";
import { parseInventory, whiteouts } from "./whiteouts";

/** Raised when the way in which layers are made changes what is in them. */
const layerFormat = "1";

/** Files that stay although nobody reads them in a container: licences go with what they license. */
const kept = ["/usr/share/doc/*/copyright"];

/** File beside a layer with the packages of the image that ends with it. */
const packagesFile = "packages";

/** The packages of the image whose last layer this is. */
export async function packagesOf(layer: Layer): Promise<InstalledPackage[]> {
  return parsePackages(await readFile(join(dirname(layer.file), packagesFile), "utf8"));
}

/**
 * The layer of a recipe, made once: its name in the cache is made of the recipe, its scripts and the layer below it.
 * @param below layers of the parent, lowest first
 * @param turn waits until this computer has room for one more build
 */
export async function recipeLayer(
  recipe: ImageRecipe,
  below: readonly Layer[],
  turn: <T>(work: () => Promise<T>) => Promise<T>,
  report: Reporter,
): Promise<Layer> {
  const base = below.length === 0;
  const files = [...(recipe.setup === undefined ? [] : [recipe.setup]), ...(base ? [] : layerScripts)];
  const hash = await hashOf({
    values: [
      ...[layerFormat, imageDebianRelease, packageDay, ...(recipe.packages ?? [])],
      ...(base ? fixedUsers.map(({ name, uid }) => `${name} ${uid}`) : []),
      ...below.map((layer) => layer.contentDigest),
    ],
    files: files.map(script),
  });
  const name = `image-${recipe.name}`;
  const place = join(cacheDirectory(), "builds", `layer-${name}-${hash}`);
  const made = async () => {
    const lower = existsSync(place) ? [] : await unpackLayers(below, report);
    return layerMadeOnce(name, hash, `Build image layer ${recipe.name}`, report, (archive, progress) =>
      base ? makeBase(recipe, archive, progress) : makeLayer(recipe, lower, archive, progress),
    );
  };
  return existsSync(place) ? made() : turn(made);
}

const layerScripts = ["install.sh", "finish.sh", "enter.sh", "pack.sh", "unpack.sh"];

/** Makes the root file system that everything is laid on. */
async function makeBase(recipe: ImageRecipe, archive: string, progress: Progress): Promise<void> {
  const users = fixedUsers.map(({ name, uid }) => `'${name} ${uid}'`).join(" ");
  const sources = (await ownSources(imageDebianRelease)).length > 0 ? "drop" : "keep";
  const setup = script(recipe.setup ?? "")
    .split("'")
    .join("'\\''");
  await makeRootFileSystem(
    {
      variant: "minbase",
      packages: recipe.packages ?? [],
      release: imageDebianRelease,
      script: `printf '%s\\n' ${users} | sh '${setup}' "$1" ${sources}`,
      kept,
    },
    archive,
    progress,
  );
  progress("lists the packages");
  const query = `\${db:Status-Status}\\t\${Package}\\t\${Version}\\t\${Architecture}\\t\${source:Package}\\t\${source:Version}\\n`;
  const packages = await runAsRoot("sh", ["-c", listPackages, "sh", archive, query]);
  await writeFile(join(dirname(archive), packagesFile), packages);
}

/** dpkg-query of this computer, given the base's own list of packages. */
const listPackages = [
  "set -eu",
  "place=$(mktemp -d)",
  "trap 'rm -rf \"$place\"' EXIT",
  'tar -C "$place" -xf "$1" ./var/lib/dpkg/status',
  'mkdir -p "$place/var/lib/dpkg/info" "$place/var/lib/dpkg/updates"',
  'dpkg-query --admindir="$place/var/lib/dpkg" -W -f "$2"',
].join("\n");

/** Makes the layer of packages that are installed on other layers. */
async function makeLayer(
  recipe: ImageRecipe,
  lower: readonly string[],
  archive: string,
  progress: Progress,
): Promise<void> {
  const place = dirname(archive);
  const mnt = join(place, "mnt");
  try {
    await mkdir(mnt);
    const lists = await aptLists(lower, place, progress);
    await installIn(recipe, { lower, place, lists }, progress);
    progress("packs the layer");
    const [before, after] = await Promise.all(
      ["before", "after"].map(async (name) => parseInventory(await readFile(join(place, name), "utf8"))),
    );
    const marks = whiteouts(before ?? new Map(), after ?? new Map());
    const input = marks.map((path) => `${path}\0`).join("");
    await runAsRoot("sh", [script("pack.sh"), place, archive], { input });
    await writeFile(join(place, packagesFile), await readFile(join(mnt, "packages"), "utf8"));
  } finally {
    // Only the archive and the list of packages stay, and those are the caller's own.
    const rest = ["upper", "work", "root", "mnt", "lists", "before", "after", "begin", "record"];
    await runAsRoot("rm", ["-rf", "--", ...rest.map((name) => join(place, name))]);
  }
}

/** Installs a recipe's packages and runs its own script. */
async function installIn(
  recipe: ImageRecipe,
  at: { lower: readonly string[]; place: string; lists: string },
  progress: Progress,
): Promise<void> {
  const mnt = join(at.place, "mnt");
  const scripts = ["install.sh", ...(recipe.setup === undefined ? [] : [recipe.setup]), "finish.sh"];
  for (const name of scripts) await writeFile(join(mnt, name), await readFile(script(name)));
  await writeFile(join(mnt, "apt.conf"), await aptConfiguration());
  await writeSources(mnt);
  const words: Record<string, readonly string[]> = {
    "install.sh": recipe.packages ?? [],
    "finish.sh": Object.values(debianCatalogue[recipe.name]?.programs ?? {}).map(([program = ""]) => program),
  };
  const steps = scripts.map((name) => ["sh", `/mnt/${name}`, ...(words[name] ?? [])].join(" "));
  await enter(
    {
      lower: at.lower,
      place: at.place,
      command: ["sh", "-c", steps.join(" && ")],
      overlays: { "/var/lib/apt/lists": at.lists },
      record: true,
    },
    { onLine: progress },
  );
}

/** apt's configuration for a build: this computer's way to the packages, and nothing of it in the image. */
async function aptConfiguration(): Promise<string> {
  const own = await ownSources(imageDebianRelease);
  return [
    ...(await ownAptOptions()),
    'Dir::Cache "/mnt/cache";',
    ...(own.length === 0 ? [] : ['Dir::Etc::SourceList "/mnt/sources.list";', 'Dir::Etc::SourceParts "/dev/null";']),
    'Acquire::Languages "none";',
    'DPkg::Options { "--force-unsafe-io"; };',
    "",
  ].join("\n");
}

async function writeSources(mnt: string): Promise<void> {
  await writeFile(join(mnt, "sources.list"), `${(await ownSources(imageDebianRelease)).join("\n")}\n`);
  await mkdir(join(mnt, "cache", "archives"), { recursive: true });
}

/** Whether this process has fetched the lists of packages. */
let listsAreFresh = false;

/**
 * A copy of the lists of packages for one build. They are fetched once in each run that builds something, and kept, so
 * that the next run fetches only what has changed.
 */
async function aptLists(lower: readonly string[], place: string, progress: Progress): Promise<string> {
  const shared = join(cacheDirectory(), "apt-lists", imageDebianRelease);
  const copy = join(place, "lists");
  await withLock("apt-lists", async () => {
    await mkdir(shared, { recursive: true });
    if (!listsAreFresh) {
      const update = join(place, "update");
      try {
        await mkdir(join(update, "mnt"), { recursive: true });
        await writeFile(join(update, "mnt", "apt.conf"), await aptConfiguration());
        await writeSources(join(update, "mnt"));
        await enter(
          {
            lower,
            place: update,
            command: ["env", "APT_CONFIG=/mnt/apt.conf", "apt-get", "update", "-q"],
            overlays: { "/var/lib/apt/lists": shared },
          },
          { onLine: progress },
        );
      } finally {
        await runAsRoot("rm", ["-rf", "--", update]);
      }
      listsAreFresh = true;
    }
    await runAsRoot("cp", ["-a", shared, copy]);
  });
  return copy;
}
