import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { satisfies } from "semver";
import { hashOf, madeOnce, repositoryDirectory } from "./cache";
import { allReachable, downloadFile, downloadText, reachable } from "./download";
import { type GoBuild, goBuild, goHash, requiredVersion } from "./go";
import { run } from "./process";
import type { Progress, Reporter } from "./reporter";

/** A Pulumi provider plugin on this computer. */
export interface PulumiPlugin {
  /** Name, such as `random`. */
  name: string;
  /** Version without a `v`: the one that the npm package asks for. */
  version: string;
  /** Directory named as Pulumi wants it (`resource-random-v4.21.1`), with the program inside. */
  directory: string;
  /** `official`: the vendor's; `installed`: the vendor's, found in `~/.pulumi`; `stand-in`: this repository's, from `lab/plugins`. */
  origin: "official" | "stand-in" | "installed";
}

/** The Pulumi engine with what it needs to run this repository's programs. */
export interface PulumiToolchain {
  /** Path of the CLI. */
  pulumi: string;
  /** Directories that must come first on PATH: the CLI's and the language host's. */
  path: string[];
  /** Provider plugins. */
  plugins: PulumiPlugin[];
  /** One line for people: what is in use and from where. */
  origin: string;
}

const pulumiModule = "tools/pulumi";
const pulumiSource = "github.com/pulumi/pulumi";
const releases = "https://github.com/pulumi/pulumi/releases/download";
const pluginOrigins = ["https://get.pulumi.com", "https://github.com"];
const standIns = "lab/plugins";
const languageHost = "pulumi-language-nodejs";

/** The Pulumi CLI, the language host of Node.js, and the plugins that the npm packages ask for. */
export async function ensurePulumi(report: Reporter): Promise<PulumiToolchain> {
  const pinned = (await requiredVersion(pulumiModule, `${pulumiSource}/pkg/v3`)).slice(1);
  const cli = (await installedCli(pinned)) ?? (await officialCli(pinned, report)) ?? builtCli(pinned, report);
  // The stand-ins do not wait for the CLI's build; official plugins are installed by the CLI.
  const [pulumi, host, plugins] = await Promise.all([
    cli,
    Promise.resolve(cli).then((found) => ensureLanguageHost(found.path, pinned, report)),
    ensurePlugins(cli, report),
  ]);
  const inUse = (origin: PulumiPlugin["origin"]) => {
    const names = plugins.filter((plugin) => plugin.origin === origin).map(({ name, version }) => `${name} ${version}`);
    return names.length === 0 ? [] : [`${origin} plugins: ${names.join(", ")}`];
  };
  const bin = await sideBySide(pulumi.path, join(host.directory, languageHost), report);
  return {
    pulumi: join(bin, "pulumi"),
    path: [bin],
    plugins,
    origin: [pulumi.origin, host.origin, ...inUse("installed"), ...inUse("official"), ...inUse("stand-in")].join("; "),
  };
}

interface Cli {
  path: string;
  origin: string;
}

/** Full path of a program on PATH. */
function onPath(program: string): string | undefined {
  const directories = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  return directories.map((directory) => join(directory, program)).find((file) => existsSync(file));
}

async function installedCli(pinned: string): Promise<Cli | undefined> {
  const path = onPath("pulumi");
  if (path === undefined || onPath(languageHost) === undefined) return undefined;
  const version = (await run(path, ["version"], { timeout: 20_000 }).catch(() => "")).trim().replace(/^v/, "");
  return satisfies(version, `>=${pinned}`) ? { path, origin: `Pulumi ${version} as installed (${path})` } : undefined;
}

async function officialCli(version: string, report: Reporter): Promise<Cli | undefined> {
  if (!(await reachable(new URL(releases).origin))) return undefined;
  const archive = `pulumi-v${version}-linux-x64.tar.gz`;
  const hash = await hashOf({ values: [archive] });
  try {
    const directory = await madeOnce("pulumi", hash, `Download Pulumi ${version}`, report, async (place, progress) => {
      const sums = await downloadText(`${releases}/v${version}/pulumi-${version}-checksums.txt`);
      const digest = /^([0-9a-f]{64})\s/.exec(
        sums.split("\n").find((line) => line.trim().endsWith(archive)) ?? "",
      )?.[1];
      if (digest === undefined) throw new Error(`the published checksums do not name ${archive}`);
      await downloadFile(`${releases}/v${version}/${archive}`, join(place, archive), `sha256:${digest}`, progress);
      await run("tar", ["-C", place, "--strip-components=1", "-xzf", join(place, archive)]);
      await rm(join(place, archive));
    });
    return { path: join(directory, "pulumi"), origin: `official Pulumi ${version}` };
  } catch (error) {
    await report.phase(`Pulumi's release cannot be used (${String(error)}): it is built`, async () => undefined);
    return undefined;
  }
}

async function builtCli(version: string, report: Reporter): Promise<Cli> {
  const build: GoBuild = {
    module: pulumiModule,
    packages: [`${pulumiSource}/pkg/v3/cmd/pulumi`],
    variables: { [`${pulumiSource}/sdk/v3/go/common/version.Version`]: `v${version}` },
    tags: ["osusergo", "grpcnotrace"],
  };
  const title = `Build the Pulumi CLI ${version}`;
  const directory = await madeOnce("pulumi", await goHash(build), title, report, (place, progress) =>
    goBuild(build, place, progress),
  );
  return { path: join(directory, "pulumi"), origin: `Pulumi ${version} built from its sources` };
}

async function ensureLanguageHost(
  cli: string,
  version: string,
  report: Reporter,
): Promise<{ directory: string; origin: string }> {
  const beside = [join(dirname(cli), languageHost), onPath(languageHost)].find(
    (file) => file !== undefined && existsSync(file),
  );
  if (beside !== undefined) return { directory: dirname(beside), origin: "official language host" };
  const directory = await buildStandIn(languageHost, version, report);
  return { directory, origin: "stand-in language host" };
}

/** The directory with CLI and language host: Pulumi warns of a language host that is not beside its CLI. */
async function sideBySide(cli: string, host: string, report: Reporter): Promise<string> {
  if (dirname(cli) === dirname(host) || existsSync(join(dirname(cli), languageHost))) return dirname(cli);
  const hash = await hashOf({ values: [cli, host] });
  return madeOnce("pulumi-bin", hash, "Put the Pulumi CLI beside its language host", report, async (place) => {
    await copyFile(cli, join(place, "pulumi"), constants.COPYFILE_FICLONE);
    await copyFile(host, join(place, languageHost), constants.COPYFILE_FICLONE);
  });
}

/** Names and versions of the plugins that the installed npm packages ask for. */
async function wantedPlugins(): Promise<{ name: string; version: string }[]> {
  const scope = join(repositoryDirectory, "node_modules", "@pulumi");
  const wanted: { name: string; version: string }[] = [];
  for (const entry of await readdir(scope)) {
    const manifest = JSON.parse(await readFile(join(scope, entry, "package.json"), "utf8")) as PackageManifest;
    const plugin = manifest.pulumi;
    if (plugin?.resource !== true) continue;
    wanted.push({ name: plugin.name ?? entry, version: (plugin.version ?? manifest.version).replace(/^v/, "") });
  }
  return wanted;
}

interface PackageManifest {
  version: string;
  pulumi?: { resource?: boolean; name?: string; version?: string };
}

async function ensurePlugins(cli: Cli | Promise<Cli>, report: Reporter): Promise<PulumiPlugin[]> {
  const wanted = await wantedPlugins();
  const home = process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
  const missing: typeof wanted = [];
  const plugins: PulumiPlugin[] = [];
  for (const { name, version } of wanted) {
    const directory = join(home, "plugins", `resource-${name}-v${version}`);
    if (existsSync(join(directory, `pulumi-resource-${name}`)))
      plugins.push({ name, version, directory, origin: "installed" });
    else missing.push({ name, version });
  }
  if (missing.length === 0) return plugins;
  const official = await allReachable(pluginOrigins);
  const made = official ? await officialPlugins(await cli, missing, report) : undefined;
  return [...plugins, ...(made ?? (await Promise.all(missing.map((plugin) => standInPlugin(plugin, report)))))];
}

async function officialPlugins(
  cli: Cli,
  wanted: { name: string; version: string }[],
  report: Reporter,
): Promise<PulumiPlugin[] | undefined> {
  const hash = await hashOf({ values: wanted.map(({ name, version }) => `${name} ${version}`) });
  try {
    const home = await madeOnce("pulumi-plugins", hash, "Install Pulumi's plugins", report, async (place, progress) => {
      for (const { name, version } of wanted) {
        progress(`${name} ${version}`);
        const env = { PULUMI_HOME: place, PULUMI_SKIP_UPDATE_CHECK: "true" };
        await run(cli.path, ["plugin", "install", "resource", name, version], {
          env,
          onLine: progress,
          timeout: 300_000,
        });
      }
    });
    return wanted.map(({ name, version }) => {
      const directory = join(home, "plugins", `resource-${name}-v${version}`);
      return { name, version, directory, origin: "official" };
    });
  } catch (error) {
    await report.phase(
      `The official plugins cannot be had (${String(error)}): stand-ins are built`,
      async () => undefined,
    );
    return undefined;
  }
}

async function standInPlugin(plugin: { name: string; version: string }, report: Reporter): Promise<PulumiPlugin> {
  const { name, version } = plugin;
  const program = `pulumi-resource-${name}`;
  if (!existsSync(join(repositoryDirectory, standIns, "cmd", program))) {
    throw new Error(
      `The official Pulumi plugin ${name} ${version} cannot be had from here, and ${standIns} has no stand-in for it. ` +
        `Install it with "pulumi plugin install resource ${name} ${version}" where the network allows it.`,
    );
  }
  const place = await buildStandIn(program, version, report);
  return { name, version, directory: join(place, `resource-${name}-v${version}`), origin: "stand-in" };
}

/** Builds one program of lab/plugins; a provider is put into a directory named as Pulumi wants it. */
function buildStandIn(program: string, version: string, report: Reporter): Promise<string> {
  const build: GoBuild = { module: standIns, packages: [`./cmd/${program}`], variables: { "main.version": version } };
  const resource = /^pulumi-resource-(.+)$/.exec(program)?.[1];
  const make = async (place: string, progress: Progress) => {
    await goBuild(build, place, progress);
    if (resource === undefined) return;
    const directory = join(place, `resource-${resource}-v${version}`);
    await mkdir(directory);
    await rename(join(place, program), join(directory, program));
  };
  return goHash(build).then((hash) => madeOnce(program, hash, `Build the stand-in ${program}`, report, make));
}
