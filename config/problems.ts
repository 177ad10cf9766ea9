import { z } from "zod";
import { proposal } from "../components/kit/proposal";

export { proposal };

/** Most characters of a wrong value that a message repeats. */
const longestQuote = 60;

/** A path inside a value, as `hosts[1].address` or `labels["example.com/rack"]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => {
      if (typeof part === "number") {
        return `[${part}]`;
      }
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(String(part)) ? `.${String(part)}` : `["${String(part)}"]`;
    })
    .join("");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Keys of `value` that `schema` does not know, at any depth, as problems with their path.
 *
 * @param hints what to do about keys that are known to be elsewhere, by path
 */
export function unknownKeys(
  schema: z.core.$ZodType,
  value: unknown,
  hints: Record<string, string>,
  path: PropertyKey[] = [],
): string[] {
  if (schema instanceof z.ZodOptional) {
    return unknownKeys(schema.unwrap(), value, hints, path);
  }
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((item, index) => unknownKeys(schema.element, item, hints, [...path, index]));
  }
  if (schema instanceof z.ZodRecord && isRecord(value)) {
    return Object.entries(value).flatMap(([key, item]) => unknownKeys(schema.valueType, item, hints, [...path, key]));
  }
  if (schema instanceof z.ZodObject && isRecord(value)) {
    const shape: Record<string, z.core.$ZodType> = schema.shape;
    return Object.entries(value).flatMap(([key, item]) => {
      const known = Object.hasOwn(shape, key) ? shape[key] : undefined;
      const where = pathText([...path, key]);
      return known
        ? unknownKeys(known, item, hints, [...path, key])
        : [`${where}: unknown key; ${hints[where] ?? proposal(key, Object.keys(shape))}`];
    });
  }
  return [];
}

function kindOf(value: unknown): string {
  if (value === null) {
    return "empty";
  }
  if (Array.isArray(value)) {
    return "a list";
  }
  const text = JSON.stringify(value);
  return isRecord(value) ? "a mapping" : text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text;
}

/** What each kind of value is called in messages, and how it is written. */
const expectations: Record<string, string> = {
  string: "a text; put it in quotes",
  number: "a number; write it without quotes",
  boolean: "true or false; write it without quotes",
  array: 'a list; write "[…]" or one item a line, each after "- "',
  object: 'a mapping; write "{ key: value }" or one "key: value" a line',
  record: 'a mapping; write "{ key: value }" or one "key: value" a line',
};

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}

/** Problems of the shape of `value` that a failed parse found, each with path, what, and what to do. */
export function shapeProblems(error: z.ZodError, value: unknown): string[] {
  return error.issues.map((issue) => {
    const where = pathText(issue.path);
    const found = valueAt(value, issue.path);
    if (found === undefined) {
      return `${where}: is missing; add it`;
    }
    if (issue.code === "invalid_value") {
      const allowed = issue.values.map(String);
      const near = proposal(String(found), allowed);
      return `${where}: ${kindOf(found)} is not possible; ${near.startsWith("did") ? near : `use one of ${allowed.join(", ")}`}`;
    }
    if (issue.code === "invalid_type") {
      return `${where}: is ${kindOf(found)} but must be ${expectations[issue.expected] ?? issue.expected}`;
    }
    return `${where}: ${issue.message}`;
  });
}
