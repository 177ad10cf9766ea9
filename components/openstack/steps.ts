import { argumentVector, type ImageEntry } from "../kit/catalogue";
import type { StepDefinition } from "./definition";

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

/** One after another, or beside each other: then each failure is seen when all have ended. */
function sequence(lines: readonly { told: string; line: string }[], beside: boolean): string[] {
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
  const line = (command: readonly string[]): string => argumentVector(image, entry, command).map(shellWord).join(" ");
  const commands = step.commands.map((one) => {
    const { command, environment } = "command" in one ? one : { command: one, environment: {} };
    const alone = line(command);
    const variables = exported(environment);
    return {
      told: `echo ${shellWord(`+ ${command.join(" ")}`)}`,
      line: variables.length === 0 ? alone : `( ${[...variables, alone].join("; ")} )`,
    };
  });
  return [
    "set -eu",
    ...exported(step.environment ?? {}),
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
    ...sequence(commands, step.beside ?? false),
    "",
  ].join("\n");
}
