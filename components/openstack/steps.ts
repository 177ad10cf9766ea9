import { argumentVector, type ImageEntry } from "../kit/catalogue";
import type { StepCommand, StepDefinition } from "./definition";

/** Where a step finds its inputs. */
export const inputDirectory = "/etc/stratiform/input";

/** A word for the shell, whatever is in it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.split("'").join(`'\\''`)}'`;
}

/** Takes variables from inputs. A file that ends in a newline loses it here, as it should. */
function exported(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).flatMap(([variable, input]) => [
    `${variable}="$(cat ${shellWord(`${inputDirectory}/${input}`)})"`,
    `export ${variable}`,
  ]);
}

/** A command, or several, as lines of the shell: each is told in the log before it runs. */
interface Told {
  told: string;
  line: string;
}

/** One after another, or beside each other: then each failure is seen when all have ended. */
function joined(lines: readonly Told[], beside: boolean): string[] {
  if (!beside) {
    return lines.flatMap(({ told, line }) => [told, line]);
  }
  return [
    "running=",
    ...lines.flatMap(({ told, line }) => [told, `${line} &`, 'running="$running $!"']),
    "status=0",
    'for one in $running; do wait "$one" || status=$?; done',
    'exit "$status"',
  ];
}

/** The shell program of a step: its commands, each told in the log; a failure of one is the step's. */
export function stepScript(image: string, entry: ImageEntry, step: StepDefinition): string {
  const plain = (command: readonly string[]): Told => ({
    told: `echo ${shellWord(`+ ${command.join(" ")}`)}`,
    line: argumentVector(image, entry, command).map(shellWord).join(" "),
  });
  const told = (one: StepCommand): Told => {
    if ("sequence" in one) {
      return { told: ":", line: `( ${joined(one.sequence.map(plain), false).join("; ")} )` };
    }
    if ("command" in one) {
      const alone = plain(one.command);
      return { ...alone, line: `( ${[...exported(one.environment), alone.line].join("; ")} )` };
    }
    return plain(one);
  };
  return [
    "set -eu",
    ...exported(step.environment ?? {}),
    ...joined(step.commands.map(told), step.beside ?? false),
    "",
  ].join("\n");
}
