import type { ImageEntry } from "../kit/catalogue";
import type { StepDefinition } from "./definition";

/** Where a step finds its inputs. */
export const inputDirectory = "/etc/stratiform/input";

/** A word for the shell, whatever is in it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.split("'").join(`'\\''`)}'`;
}

/**
 * Argument vector of a command whose first word is a program's name in the image's catalogue entry.
 * @throws Error if the image has no program of that name
 */
export function argumentVector(image: string, entry: ImageEntry, command: readonly string[]): string[] {
  const [program = "", ...rest] = command;
  const found = entry.programs[program];
  if (found === undefined) {
    throw new Error(
      `image ${image} has no program ${program} in its catalogue entry; it has ${Object.keys(entry.programs).join(", ")}`,
    );
  }
  return [...found, ...rest];
}

/** The shell program of a step: its commands one after another, each told in the log; the first failure ends it. */
export function stepScript(image: string, entry: ImageEntry, step: StepDefinition): string {
  return [
    "set -eu",
    ...Object.entries(step.environment ?? {}).flatMap(([variable, input]) => [
      // A file that ends in a newline loses it here, as it should.
      `${variable}="$(cat ${shellWord(`${inputDirectory}/${input}`)})"`,
      `export ${variable}`,
    ]),
    ...step.commands.flatMap((command) => {
      const line = argumentVector(image, entry, command).map(shellWord).join(" ");
      return [`echo ${shellWord(`+ ${command.join(" ")}`)}`, line];
    }),
    "",
  ].join("\n");
}
