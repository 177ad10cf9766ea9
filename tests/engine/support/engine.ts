import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { defaultKubernetesVersion } from "../../../components/cluster/versions";
import { folderBackend } from "../../../lab/pulumi";
import { TerminalReporter } from "../../../lab/report";
import { ensurePulumi, type PulumiToolchain, repositoryDirectory } from "../../../lab/toolchain";
import type { Api } from "./api";
import { type Kubernetes, startKubernetes } from "./apiserver";
import { descendants, kill } from "./process";
import { ensurePrograms, type Programs } from "./programs";

const execute = promisify(execFile);

/** What all files of this folder share: the Pulumi CLI with its plugins, and one Kubernetes API. */
export interface Engine {
  /** Temporary directory of this run. Nothing is written elsewhere but to the toolchain's cache. */
  directory: string;
  /** CLI and plugins. */
  toolchain: PulumiToolchain;
  /** Client of the Kubernetes API. */
  api: Api;
  /** Copy of the folder `programs`, where Pulumi may write its stack files. */
  programs: string;
  /** The whole environment of the Pulumi CLI. */
  env: NodeJS.ProcessEnv;
  /** Whether the Kubernetes plugin is this repository's stand-in, which fails early where the official one waits. */
  standIn: boolean;
  /** Process ids of the commands of Pulumi that run. */
  running: Set<number>;
  /** Runs kubectl as a person would. @returns its output */
  kubectl(...words: string[]): Promise<string>;
}

let current: Engine | undefined;
let kubernetes: Kubernetes | undefined;

/** The engine of this run. */
export function engine(): Engine {
  if (!current) throw new Error("the engine is there in tests and hooks only, not while files are read");
  return current;
}

/** Passphrase of all stacks; what tests look for in the state must not be readable without it. */
export const passphrase = "engine tests";

/** Environment of the CLI: nothing of the user's Pulumi, and no way to the network. */
function environment(directory: string, toolchain: PulumiToolchain, kubeconfig: string): NodeJS.ProcessEnv {
  const { HOME, LANG, TMPDIR, PATH = "" } = process.env;
  const own = [...toolchain.path, path.dirname(process.execPath)];
  return {
    HOME,
    LANG,
    TMPDIR,
    PATH: [...own, PATH].join(path.delimiter),
    KUBECONFIG: kubeconfig,
    PULUMI_HOME: path.join(directory, "pulumi-home"),
    PULUMI_BACKEND_URL: folderBackend(path.join(directory, "state")),
    PULUMI_CONFIG_PASSPHRASE: passphrase,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_ERROR_OUTPUT_STRING: "true",
    // For --event-log.
    PULUMI_DEBUG_COMMANDS: "true",
    // Types are checked with those of the whole repository.
    PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    NODE_COMPILE_CACHE: path.join(directory, "compile-cache"),
  };
}

function linkPlugins(home: string, toolchain: PulumiToolchain): void {
  for (const plugin of toolchain.plugins) {
    // Pulumi passes over a plugin's directory that is a link itself.
    const directory = path.join(home, "plugins", path.basename(plugin.directory));
    fs.mkdirSync(directory, { recursive: true });
    for (const file of fs.readdirSync(plugin.directory)) {
      fs.symlinkSync(path.join(plugin.directory, file), path.join(directory, file));
    }
  }
}

async function prepare(directory: string, programs: Programs, toolchain: PulumiToolchain): Promise<Engine> {
  fs.mkdirSync(path.join(directory, "kubernetes"));
  fs.mkdirSync(path.join(directory, "state"));
  linkPlugins(path.join(directory, "pulumi-home"), toolchain);
  const copy = path.join(directory, "programs");
  fs.cpSync(path.join(__dirname, "..", "programs"), copy, { recursive: true });
  fs.symlinkSync(path.join(repositoryDirectory, "node_modules"), path.join(copy, "node_modules"));
  kubernetes = await startKubernetes(programs, path.join(directory, "kubernetes"));
  const { api, kubeconfig } = kubernetes;
  const env = environment(directory, toolchain, kubeconfig);
  return {
    directory,
    toolchain,
    api,
    programs: copy,
    env,
    standIn: toolchain.plugins.some(({ name, origin }) => name === "kubernetes" && origin === "stand-in"),
    running: new Set(),
    kubectl: async (...words) => (await execute(programs.kubectl, words, { env, timeout: 60_000 })).stdout,
  };
}

before("the toolchain, and a Kubernetes API", async function () {
  // Compiling Kubernetes and Pulumi from an empty cache is what takes long.
  this.timeout(3_600_000);
  const report = new TerminalReporter();
  const [programs, toolchain] = await Promise.all([
    ensurePrograms(defaultKubernetesVersion, report),
    ensurePulumi(report),
  ]);
  console.log(`  ${toolchain.origin}`);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-engine-"));
  process.once("exit", () => leave(directory));
  process.once("SIGTERM", () => process.exit(143));
  current = await prepare(directory, programs, toolchain);
});

after("the Kubernetes API is taken away", async function () {
  this.timeout(60_000);
  // A test that failed may have left a command that waits for what will not come.
  for (const pid of current?.running ?? []) kill(pid, ...descendants(pid));
  await kubernetes?.stop();
});

/** What is left to do when this process ends, however that comes. */
function leave(directory: string): void {
  for (const pid of current?.running ?? []) kill(pid, ...descendants(pid));
  if (process.env.STRATIFORM_TEST_KEEP === undefined) {
    fs.rmSync(directory, { recursive: true, force: true });
  } else {
    console.log(`  kept: ${directory}`);
  }
}
