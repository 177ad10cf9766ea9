import type { ConfigFiles, ConfigSections, MultiValue, OptionValue } from "./config";

/** One item of a list or a mapping; YAML gives numbers and booleans too. */
type Item = string | number | boolean;

/** Control characters other than a tab: none stands in a value, and line breaks would begin a new option. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controlCharacter = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/;

/** Whether an option stands in the file several times. */
export function isMulti(value: OptionValue): value is MultiValue {
  return typeof value === "object" && "multi" in value && Array.isArray(value.multi);
}

/** Text of a single value, in the form that oslo.config reads as just this text. */
function scalar(value: Item): string {
  const text = String(value);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new Error(`${text} is no number; write one`);
  }
  if (controlCharacter.test(text)) {
    throw new Error("holds a line break or another control character, which no option can; remove it");
  }
  if (text.includes("\\$")) {
    throw new Error('holds "\\$", which oslo.config reads as "$" alone; write it another way');
  }
  return text.split("$").join("$$");
}

/** A value as it stands behind `=`. oslo.config cuts white space at the ends and one pair of equal quotes: a further pair keeps both. */
function written(text: string): string {
  const quoted = /^(["']).*\1$/.test(text) || /^["']$/.test(text);
  return quoted || text !== text.trim() ? `"${text}"` : text;
}

/** An item of a list or mapping: oslo.config splits at commas and cuts white space at the ends. */
function item(value: Item, separators: string): string {
  const text = scalar(value);
  const found = separators.split("").find((separator) => text.includes(separator));
  if (found !== undefined) {
    throw new Error(`item "${value}" holds "${found}", which ends an item; remove it`);
  }
  if (text !== text.trim()) {
    throw new Error(`item "${value}" begins or ends with white space, which is not kept; remove it`);
  }
  return text;
}

function filled(text: string): string {
  if (text === "") {
    throw new Error("holds an empty item, which is not kept; remove it");
  }
  return text;
}

/**
 * What stands behind `=`, once per line of the option.
 * @throws Error if oslo.config would not read the value back; the text says what is wrong and what to do
 */
export function renderValue(value: OptionValue): string[] {
  if (isMulti(value)) {
    if (value.multi.length === 0) {
      throw new Error("has no value; give it one, or leave the option out");
    }
    return value.multi.map((one) => written(scalar(one)));
  }
  if (Array.isArray(value)) {
    return [written((value as Item[]).map((one) => filled(item(one, ","))).join(","))];
  }
  if (typeof value === "object") {
    const pairs = Object.entries(value).map(([key, one]) => `${filled(item(key, ",:"))}:${item(one, ",")}`);
    return [written(pairs.join(","))];
  }
  return [written(scalar(value as Item))];
}

/** Problem of the name of a section or option, if it cannot stand in a file. */
export function nameProblem(section: string, option: string): string | undefined {
  if (!/^[^\s[\]]+( [^\s[\]]+)*$/.test(section) || controlCharacter.test(section)) {
    return `"${section}" cannot name a section; use letters, digits, "_", "-", ":" and "."`;
  }
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(option)) {
    return `"${option}" cannot name an option; use letters, digits, "_", "-" and "."`;
  }
  return undefined;
}

/**
 * An oslo.config file: `DEFAULT` first, then sections and options in the order in which they are given; empty sections
 * are left out. Values are written so that oslo.config reads back what was given (rules: `OptionValue`).
 * @throws Error with section and option, if a name or value cannot stand in a file
 */
export function renderOslo(sections: ConfigSections): string {
  const { DEFAULT: first, ...others } = sections;
  return Object.entries({ ...(first === undefined ? {} : { DEFAULT: first }), ...others })
    .filter(([, options]) => Object.keys(options).length > 0)
    .map(([section, options]) => {
      const lines = Object.entries(options).flatMap(([option, value]) => optionLines(section, option, value));
      return [`[${section}]`, ...lines, ""].join("\n");
    })
    .join("\n");
}

function optionLines(section: string, option: string, value: OptionValue): string[] {
  const problem = nameProblem(section, option);
  if (problem !== undefined) {
    throw new Error(`[${section}] ${option}: ${problem}`);
  }
  try {
    return renderValue(value).map((text) => `${option} = ${text}`.trimEnd());
  } catch (error) {
    throw new Error(`[${section}] ${option}: ${(error as Error).message}`);
  }
}

/** Files of `base` with the options of `override` in place of their own, and those it adds behind them. Neither is changed. */
export function mergeFiles(base: ConfigFiles, override: ConfigFiles): ConfigFiles {
  const merged: ConfigFiles = { ...base };
  for (const [file, sections] of Object.entries(override)) {
    const own: ConfigSections = { ...merged[file] };
    for (const [section, options] of Object.entries(sections)) {
      own[section] = { ...own[section], ...options };
    }
    merged[file] = own;
  }
  return merged;
}

/** Options, as `<file>.<section>.<option>`, that stand in both: there must be none, or which of them counts would depend on how a program reads its files. */
export function disjoint(plain: ConfigFiles, secret: ConfigFiles): string[] {
  return Object.entries(secret).flatMap(([file, sections]) =>
    Object.entries(sections).flatMap(([section, options]) =>
      Object.keys(options)
        .filter((option) => plain[file]?.[section]?.[option] !== undefined)
        .map((option) => `${file}.${section}.${option}`),
    ),
  );
}
