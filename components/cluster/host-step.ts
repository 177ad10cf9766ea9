import * as fs from "node:fs";
import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { gzipSync, strToU8 } from "fflate";

/** Values of a step's inputs, by name. Each is a variable of the step's shell program. */
export type StepInputs = Record<string, pulumi.Input<string>>;

/** A shell file of this folder's `scripts`, without its name's ending. */
export type Script = "claim" | "prepare" | "control-plane" | "worker" | "version" | "ready";

const scripts = path.join(__dirname, "scripts");

/** The text of a script, as it is in this package. */
export function readScript(name: string): string {
  return fs.readFileSync(path.join(scripts, `${name}.sh`), "utf8");
}

/** A value as a shell word that stands for exactly this value. */
export function shellQuote(value: string): string {
  return `'${value.replace(/'/g, "'\\''")}'`;
}

/** The inputs of a program as shell assignments. */
export function shellAssignments(inputs: Record<string, string>): string {
  return Object.entries(inputs)
    .map(([name, value]) => `${name}=${shellQuote(value)}`)
    .join("\n");
}

/**
 * What a step's shell reads from standard input: the launcher, and the program it starts as a unit of its own. Inputs
 * and program travel this way because a process list shows arguments, and a failure's message shows the command.
 *
 * The program is compressed: it stands in the state twice, as input and as output, and Pulumi writes the whole state at
 * each step of an update. A library does it whose bytes are the same on every computer; those of Node's own may differ
 * between processors, and a step whose text differs is run again.
 */
export function stepProgram(script: Script, inputs: Record<string, string>): string {
  const program = [
    shellAssignments(inputs),
    readScript("library"),
    readScript(script),
    'case "$1" in apply) apply ;; remove) remove ;; esac',
  ].join("\n");
  const packed = Buffer.from(gzipSync(strToU8(program), { level: 9, mtime: 0 })).toString("base64");
  return [
    readScript("launcher"),
    `program="$(base64 --decode <<'END' | gzip --decompress`,
    packed,
    "END",
    ')"',
    `launch ${shellQuote(script)} "$1" <<<"$program"`,
    "",
  ].join("\n");
}

/** The command that runs a program from standard input as root. It never contains an input. */
export function asRoot(action: "apply" | "remove"): string {
  return `if [ "$(id -u)" = 0 ]; then exec bash -s -- ${action}; else exec sudo -n bash -s -- ${action}; fi`;
}

/** A step on a host. */
export interface HostStepArgs {
  /** How the host is reached. */
  connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  /** The shell file. */
  script: Script;
  /** Its inputs. All are treated as secrets. */
  inputs: StepInputs;
  /** Whether deleting the resource runs the script's `remove`. @default false */
  removes?: boolean;
}

/**
 * A step on a host: a shell file that decides from live state what is left to do, and can be run again at any point.
 * The connection is no reason to ignore a change: a later delete uses the connection in the state, so a new SSH key must
 * reach it, and running a step again costs a moment.
 */
export function hostStep(name: string, args: HostStepArgs, opts: pulumi.CustomResourceOptions): command.remote.Command {
  const stdin = pulumi.secret(
    pulumi.all(args.inputs).apply((inputs) => stepProgram(args.script, inputs as Record<string, string>)),
  );
  return new command.remote.Command(
    name,
    {
      connection: args.connection,
      create: asRoot("apply"),
      update: asRoot("apply"),
      ...(args.removes ? { delete: asRoot("remove") } : {}),
      stdin,
      addPreviousOutputInEnv: false,
    },
    { deleteBeforeReplace: true, additionalSecretOutputs: ["stdin"], ...opts },
  );
}
