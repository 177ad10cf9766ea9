import * as fs from "node:fs";
import * as path from "node:path";

/** How many ancestors are looked at: the language host and the CLI, with a wrapper or two between them. */
const ancestors = 5;

/** The value of `--config-file` in a command line, if it has one. */
export function configFileOf(commandLine: readonly string[]): string | undefined {
  const flag = "--config-file";
  const index = commandLine.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  const word = commandLine[index];
  return word === undefined ? undefined : word === flag ? commandLine[index + 1] : word.slice(flag.length + 1);
}

function parentOf(pid: number): number {
  // The second field is the program's name in parentheses, and may itself contain some.
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[1]);
}

/**
 * Name of the stack file for messages. Pulumi does not tell a program about `--config-file`, so on Linux the command
 * line of the CLI that started it is asked; elsewhere, and without that option, it is the default name.
 */
export function stackFileName(stack: string): string {
  try {
    let pid = process.ppid;
    for (let count = 0; count < ancestors && pid > 1; count++) {
      const file = configFileOf(fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0"));
      if (file) {
        return path.relative(process.cwd(), file).startsWith("..") ? file : path.relative(process.cwd(), file);
      }
      pid = parentOf(pid);
    }
  } catch {
    // No /proc, or an ancestor is gone: the default name.
  }
  return `Pulumi.${stack}.yaml`;
}
