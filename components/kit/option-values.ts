import type { OptionValue } from "./config";
import { isMulti, renderValue } from "./oslo";
import { nearestKey } from "./proposal";

/** What a release knows of one option. */
export interface OptionEntry {
  /** Kind of value, as oslo.config names it: `string`, `boolean`, `integer`, `float`, `list`, `dict`, `multi`, `port`, `uri`, … */
  type: string;
  /** All values that are possible. @default any of the type */
  choices?: readonly (string | number | boolean | null)[];
  /** Least number. @default none */
  min?: number;
  /** Greatest number. @default none */
  max?: number;
  /** Value where none is given. @default none */
  default?: unknown;
  /** It is on its way out: why, or what comes in its place. @default it stays */
  deprecated?: string | true;
  /** Names it once had, as `<section>.<option>`. They still work. @default none */
  was?: readonly string[];
}

/** What a value of each kind is called, and how it is written. */
const kinds: Record<string, string> = {
  boolean: "true or false",
  integer: "a whole number",
  port: "a port, a whole number",
  float: "a number",
  list: 'a list, "[one, two]"',
  dict: 'a mapping, "{ key: value }"',
  multi: 'a mapping of values that stand one in a line, "{ multi: [one, two] }"',
};

const truths = ["true", "false", "1", "0", "yes", "no", "on", "off"];

const largestPort = 65535;

/** Most characters of a wrong value that a message repeats. */
const longestQuote = 60;

/** Scalar values that each kind allows; a text is read as oslo.config reads it. Other kinds allow every text. */
const scalarForms: Record<string, (text: string) => boolean> = {
  boolean: (text) => truths.includes(text.toLowerCase()),
  integer: (text) => /^[+-]?\d+$/.test(text),
  port: (text) => /^\d+$/.test(text),
  float: (text) => /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text),
  // One text for a whole list or mapping, in oslo.config's own form.
  list: () => true,
  dict: (text) => text === "" || text.split(",").every((pair) => pair.includes(":")),
};

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** The problem of a value for an option, with what to do; undefined if there is none. */
export function valueProblem(value: OptionValue, entry: OptionEntry): string | undefined {
  return shapeProblem(value, entry) ?? writingProblem(value);
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text;
}

function shapeProblem(value: unknown, entry: OptionEntry): string | undefined {
  if (value === null || value === undefined) {
    return 'is empty; write a value, or "" for an empty one, or leave the option out';
  }
  if (isMulti(value as OptionValue)) {
    const { multi } = value as { multi: unknown[] };
    return entry.type !== "multi" && entry.type !== "any"
      ? `has several values, but takes one; it must be ${kinds[entry.type] ?? "a text"}`
      : first(multi, (one) => scalarProblem(one, { ...entry, type: "string" }));
  }
  if (Array.isArray(value)) {
    return entry.type === "list" || entry.type === "any"
      ? first(value, (one) => scalarProblem(one, { ...entry, type: "any" }))
      : wrong(value, entry.type);
  }
  if (typeof value === "object") {
    return entry.type === "dict" || entry.type === "any"
      ? first(Object.values(value), (one) => scalarProblem(one, { type: "any" }))
      : wrong(value, entry.type);
  }
  return scalarProblem(value, entry);
}

function first<T>(items: readonly T[], problem: (item: T) => string | undefined): string | undefined {
  return items.map(problem).find((one) => one !== undefined);
}

function wrong(value: unknown, kind: string): string {
  return `is ${quoted(value)} but must be ${kinds[kind] ?? "a text"}`;
}

function scalarProblem(value: unknown, entry: OptionEntry): string | undefined {
  if (!isScalar(value)) {
    return wrong(value, entry.type);
  }
  const text = String(value);
  if (entry.choices !== undefined && entry.type !== "list") {
    const choices = entry.choices.map((choice) => String(choice ?? ""));
    const near = nearestKey(text, choices);
    return choices.includes(text)
      ? undefined
      : `${quoted(value)} is not possible; ${near === undefined || near === "" ? `use one of ${choices.join(", ")}` : `did you mean \`${near}\`?`}`;
  }
  const form = scalarForms[entry.type];
  if (form !== undefined ? !form(text) : typeof value === "boolean" && entry.type !== "any") {
    return wrong(value, entry.type);
  }
  return rangeProblem(text, entry);
}

function rangeProblem(text: string, entry: OptionEntry): string | undefined {
  if (!["integer", "port", "float"].includes(entry.type)) {
    return undefined;
  }
  const least = entry.min ?? (entry.type === "port" ? 0 : undefined);
  const most = entry.max ?? (entry.type === "port" ? largestPort : undefined);
  const number = Number(text);
  if (least !== undefined && number < least) {
    return `${text} is too small; write ${least} or more`;
  }
  return most !== undefined && number > most ? `${text} is too large; write ${most} or less` : undefined;
}

/** The problem of writing a value into a file. */
function writingProblem(value: OptionValue): string | undefined {
  try {
    renderValue(value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
