import { argumentVector, type ImageEntry } from "../kit/catalogue";
import type { StepDefinition } from "./definition";

/** Where a step finds its inputs. */
export const inputDirectory = "/etc/stratiform/input";

/** A word for the shell, whatever is in it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.split("'").join(`'\\''`)}'`;
}

/** The shell program of a step: its commands one after another, each told in the log; the first failure ends it. */
export function stepScript(image: string, entry: ImageEntry, step: StepDefinition): string {
  const line = (command: readonly string[]): string => argumentVector(image, entry, command).map(shellWord).join(" ");
  return [
    "set -eu",
    ...Object.entries(step.environment ?? {}).flatMap(([variable, input]) => [
      // A file that ends in a newline loses it here, as it should.
      `${variable}="$(cat ${shellWord(`${inputDirectory}/${input}`)})"`,
      `export ${variable}`,
    ]),
    ...(step.unless === undefined
      ? []
      : [
          // Its output stands in no pipe: there its failure would go unseen.
          `found="$(${line(step.unless.command)})"`,
          `if printf '%s\\n' "$found" | grep -qF -e ${shellWord(step.unless.says)}; then`,
          `  echo ${shellWord(`${step.name}: done before`)}`,
          "  exit 0",
          "fi",
        ]),
    ...step.commands.flatMap((command) => [`echo ${shellWord(`+ ${command.join(" ")}`)}`, line(command)]),
    "",
  ].join("\n");
}
