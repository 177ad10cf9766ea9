import { readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { UserError } from "./error";
import { capture, type Result } from "./execute";
import { labDirectory } from "./names";
import type { LabRecord } from "./record";
import { hasConfig } from "./stack-file";
import { requireTools } from "./tools";

const keyName = "stratiform:sshPrivateKey";
/** Commands of Pulumi that take `--config-file`; all of them take `--stack` too. */
const configCommands = new Set("up update preview pre refresh destroy down dn import watch logs config".split(" "));

/**
 * Commands about the stack itself. They know no `--config-file`, and would put a salt into the committed stack file; they
 * run in the lab's directory, which is a project of the same name with the lab's stack file.
 */
const stackCommands = new Set(["stack", "state", "cancel"]);

/** Stack file of a lab. */
export function stackFileOf(record: Pick<LabRecord, "name" | "stack">): string {
  return join(labDirectory(record.name), `Pulumi.${record.stack}.yaml`);
}

/**
 * Backend that keeps stacks in a folder, without the files of metadata that Pulumi writes beside each state and never
 * needs. They are the only ones it does not write whole: a `kill -9` at that instant leaves an empty one, and every
 * command after it says "failed to load checkpoint: EOF".
 */
export function folderBackend(directory: string): string {
  return `file://${directory}?metadata=skip`;
}

/** Environment of a lab's commands. The user's own Pulumi backend is kept. */
export function labEnvironment(record: LabRecord, base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const directory = labDirectory(record.name);
  const { path, standIns } = requireTools(record);
  const own = (name: string, value: string) => (base[name] === undefined || base[name] === "" ? { [name]: value } : {});
  return {
    ...base,
    PATH: [...path, ...(base.PATH ?? "").split(delimiter)].join(delimiter),
    PULUMI_HOME: join(directory, "pulumi-home"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...own("PULUMI_BACKEND_URL", folderBackend(join(directory, "state"))),
    ...(base.PULUMI_CONFIG_PASSPHRASE === undefined
      ? own("PULUMI_CONFIG_PASSPHRASE_FILE", join(directory, "passphrase"))
      : {}),
    // The provider's own limits, 50 and 100 requests per second, are what a preview waits for.
    ...own("PULUMI_K8S_CLIENT_QPS", "200"),
    ...own("PULUMI_K8S_CLIENT_BURST", "400"),
    // Pulumi's own limit, four a core, is soon full of resources that only wait for their pods.
    ...own("PULUMI_PARALLEL", "64"),
    // Otherwise a preview asks the API about one resource after another.
    ...own("PULUMI_PARALLEL_DIFF", "true"),
    ...(standIns
      ? { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true", PULUMI_DISABLE_REGISTRY_RESOLVE: "true" }
      : {}),
  };
}

/**
 * Completes a Pulumi command line: commands that read the stack's configuration get the lab's stack and stack file,
 * unless the user names others.
 */
export function pulumiArguments(args: readonly string[], stack: string, stackFile: string): string[] {
  const at = args.findIndex((word) => !word.startsWith("-"));
  const command = args[at];
  if (command === undefined) return [...args];
  if (stackCommands.has(command) && !args.includes("--cwd") && !args.includes("-C")) {
    return ["--cwd", dirname(stackFile), ...args];
  }
  if (!configCommands.has(command)) return [...args];
  const end = args.indexOf("--");
  const options = args.slice(at + 1, end < 0 ? undefined : end);
  const has = (...names: string[]) =>
    options.some((word) => names.some((name) => word === name || word.startsWith(`${name}=`)));
  if (has("--help", "-h") || has("--config-file")) return [...args];
  // Another stack has another file; Pulumi finds it by itself.
  if (has("--stack", "-s")) return [...args];
  return [...args.slice(0, at + 1), "--stack", stack, "--config-file", stackFile, ...args.slice(at + 1)];
}

/**
 * Makes the stack, and puts the SSH key into its file as a secret. Pulumi does both: the lab's directory is a
 * project of the same name, so that salt and secret go into the lab's stack file and not into the repository.
 */
export async function prepareStack(record: LabRecord): Promise<void> {
  const directory = labDirectory(record.name);
  const tools = requireTools(record);
  const env = labEnvironment(record);
  const project = join(directory, "Pulumi.yaml");
  const file = stackFileOf(record);
  const pulumi = async (args: string[], cwd: string, input?: string): Promise<Result> =>
    capture(tools.pulumi, ["--non-interactive", ...args], { cwd, env, ...(input === undefined ? {} : { input }) });
  const salted = /^encryptionsalt:|^secretsprovider:/m.test(await readFile(file, "utf8"));
  await writeFile(project, "name: stratiform\nruntime: nodejs\n");
  if (!salted) {
    const made = await pulumi(["stack", "init", record.stack], directory);
    if (made.code !== 0) throw stackError(record, made, env);
  }
  if (!(await hasConfig(file, keyName))) {
    const key = await readFile(join(directory, "ssh_key"), "utf8");
    const set = await pulumi(["config", "set", "--secret", "--stack", record.stack, keyName], directory, key);
    if (set.code !== 0) throw stackError(record, set, env);
  }
  const selected = await pulumi(["stack", "select", record.stack], directory);
  if (selected.code !== 0) throw stackError(record, selected, env);
}

function stackError(record: LabRecord, result: Result, env: NodeJS.ProcessEnv): UserError {
  const text = (result.stderr || result.stdout).trim();
  const remedy = /already exists/.test(text)
    ? ` An earlier lab left it in the backend ${env.PULUMI_BACKEND_URL}: remove it with ` +
      `"pulumi stack rm --force ${record.stack}", or name another with --stack.`
    : "";
  return new UserError(`stack ${record.stack} of lab ${record.name}: ${text}${remedy}`);
}
