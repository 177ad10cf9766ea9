import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryDirectory } from "../lab/toolchain/cache";
import type { Reporter } from "../lab/toolchain/reporter";
import { ensureImages } from "./build";
import { runInImage } from "./chroot";
import { loginOptions, type OptionSource, optionSources } from "./option-supplement";
import { imageSeries } from "./recipes";

/** One option as the oslo-config-generator of the images describes it (`--format json`); only what is used here. */
export interface GeneratedOption {
  dest: string;
  name: string;
  type: string;
  choices?: readonly (readonly (string | number | boolean | null)[])[] | null;
  min?: number | null;
  max?: number | null;
  default?: unknown;
  sample_default?: unknown;
  deprecated_for_removal?: boolean;
  deprecated_reason?: string | null;
  deprecated_opts?: readonly { group?: string | null; name?: string | null }[];
}

/** The generator's whole answer; only what is used here. */
export interface GeneratedOptions {
  options: Readonly<Record<string, { opts: readonly GeneratedOption[] }>>;
}

/** What a release knows of one option, as `components/kit/options.ts` reads it. */
export interface CompactOption {
  type: string;
  choices?: (string | number | boolean | null)[];
  min?: number;
  max?: number;
  default?: unknown;
  deprecated?: string | true;
  was?: string[];
}

/** Options of a service, as they are kept in the repository. */
export interface CompactOptions {
  service: string;
  series: string;
  version: string;
  dynamic?: string[];
  named?: Record<string, Record<string, string>>;
  files: Record<string, Record<string, Record<string, CompactOption>>>;
}

/** The generator's words for kinds of values, and ours. */
const types: Readonly<Record<string, string>> = {
  "boolean value": "boolean",
  "dict value": "dict",
  "floating point value": "float",
  "host address value": "host",
  "host domain value": "hostdomain",
  "hostname value": "hostname",
  "IPv4 zone prefix": "integer",
  "IPv6 zone prefix": "integer",
  "integer value": "integer",
  "ip address value": "ipaddress",
  "list value": "list",
  "multi valued": "multi",
  "port value": "port",
  "string value": "string",
  "uri value": "uri",
  "unknown value": "any",
};

/** Options by section and name, sorted, from the generator's answer. */
export function compactOptions(generated: GeneratedOptions): Record<string, Record<string, CompactOption>> {
  return sorted(
    Object.entries(generated.options).map(([section, { opts }]) => [
      section,
      sorted(opts.map((option) => [plainName(option.dest), compactOption(section, option)])),
    ]),
  );
}

/**
 * Adds what the generator does not list: options by which a service logs in, and sections read with the options of others.
 * @throws Error if a section is to be read like one that no file has
 */
export function supplementOptions(
  files: CompactOptions["files"],
  { login = [], alike = {}, named = {} }: Pick<OptionSource, "login" | "alike" | "named">,
): CompactOptions["files"] {
  const models = [...Object.values(alike), ...Object.values(named).flatMap((kinds) => Object.values(kinds))];
  const missing = models.find((model) => !Object.values(files).some((file) => file[model] !== undefined));
  if (missing !== undefined) throw new Error(`the generator lists no section [${missing}] that others could be like`);
  return Object.fromEntries(
    Object.entries(files).map(([name, sections]) => {
      const logins = login.flatMap((section): [string, Record<string, CompactOption>][] => {
        const listed = sections[section];
        return listed === undefined ? [] : [[section, sorted(Object.entries({ ...loginOptions, ...listed }))]];
      });
      const likes = Object.entries(alike).flatMap(([section, model]): [string, Record<string, CompactOption>][] => {
        const listed = sections[model];
        return listed === undefined ? [] : [[section, { ...listed, ...sections[section] }]];
      });
      return [name, sorted(Object.entries({ ...sections, ...Object.fromEntries([...logins, ...likes]) }))];
    }),
  );
}

function compactOption(section: string, option: GeneratedOption): CompactOption {
  const type = types[option.type];
  if (type === undefined) {
    throw new Error(`option ${option.dest} in [${section}] is a "${option.type}": teach images/options.ts that kind`);
  }
  const choices = (option.choices ?? []).map((choice) => choice[0] ?? null);
  // What depends on the computer that was asked has an example in its place.
  const value = option.sample_default ?? option.default;
  const was = (option.deprecated_opts ?? []).map(
    (old) => `${old.group ?? section}.${plainName(old.name ?? option.dest)}`,
  );
  const names = [...new Set(was)].filter((old) => old !== `${section}.${plainName(option.dest)}`).sort();
  const reason = option.deprecated_reason?.replace(/\s+/g, " ").trim();
  return {
    type,
    ...(choices.length > 0 ? { choices } : {}),
    ...(typeof option.min === "number" ? { min: option.min } : {}),
    ...(typeof option.max === "number" ? { max: option.max } : {}),
    ...(value === null || value === undefined ? {} : { default: value }),
    ...(option.deprecated_for_removal === true ? { deprecated: reason || true } : {}),
    ...(names.length > 0 ? { was: names } : {}),
  };
}

/** Some old names are written as on a command line. */
function plainName(name: string): string {
  return name.replace(/-/g, "_");
}

function sorted<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Text of an option list's file: one option a line, so that a new release's list reads as a difference. */
export function formatOptions(list: CompactOptions): string {
  const { files, ...head } = list;
  const block = (indent: string, record: Readonly<Record<string, unknown>>, value: (inner: unknown) => string) => {
    const lines = Object.entries(record).map(([key, inner]) => `${indent}  ${JSON.stringify(key)}: ${value(inner)}`);
    return lines.length === 0 ? "{}" : `{\n${lines.join(",\n")}\n${indent}}`;
  };
  type Sections = Record<string, Record<string, CompactOption>>;
  const sections = (record: unknown) =>
    block("    ", record as Sections, (options) =>
      block("      ", options as Record<string, CompactOption>, (option) => JSON.stringify(option)),
    );
  const lines = Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`);
  return `{\n${lines.join("\n")}\n  "files": ${block("  ", files, sections)}\n}\n`;
}

/** File of a service's option list in this repository. */
export function optionsFile(service: string): string {
  return join(repositoryDirectory, "components", "openstack", "options", imageSeries, `${service}.json`);
}

/**
 * A service's options, asked from its image's code.
 * @throws Error if no service of that name has options
 */
export async function currentOptions(service: string, report: Reporter): Promise<CompactOptions> {
  const source = sourceOf(service);
  const { images } = await ensureImages(report);
  const built = images[source.image ?? service];
  const version = built?.packages.find((one) => one.name === source.versionOf)?.version;
  if (built === undefined || version === undefined) {
    throw new Error(
      `service ${service}: there is no image ${source.image ?? service} with the package ${source.versionOf}`,
    );
  }
  const files = Object.entries(source.files).map(
    async ([file, namespaces]): Promise<[string, CompactOptions["files"][""]]> => {
      const command = ["oslo-config-generator", "--format", "json", ...namespaceArguments(namespaces)];
      const answer = await runInImage(built.image.layers, command, {}, report);
      return [file, compactOptions(JSON.parse(answer) as GeneratedOptions)];
    },
  );
  return {
    service,
    series: imageSeries,
    // Debian's own revision changes nothing in the list.
    version: version.replace(/^\d+:/, "").replace(/-[^-]*$/, ""),
    ...(source.dynamic === undefined ? {} : { dynamic: [...source.dynamic] }),
    ...(source.named === undefined ? {} : { named: Object.assign({}, source.named) }),
    files: supplementOptions(sorted(await Promise.all(files)), source),
  };
}

/**
 * Writes the option lists of all services into this repository.
 * @returns the files
 */
export async function writeOptions(report: Reporter): Promise<string[]> {
  const files: string[] = [];
  for (const service of Object.keys(optionSources)) {
    const list = await report.phase(`Ask ${service} for its options`, () => currentOptions(service, report));
    const file = optionsFile(service);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, formatOptions(list));
    files.push(file);
  }
  return files;
}

/** Reads the option list that the repository has for a service. */
export async function committedOptions(service: string): Promise<CompactOptions> {
  return JSON.parse(await readFile(optionsFile(service), "utf8")) as CompactOptions;
}

/**
 * Lets the oslo-config-validator of a service's image judge a rendered file.
 * @param image name of the service, such as `keystone`
 * @param configText the file
 * @param file which of the service's files it is. @default the only one
 * @returns what the validator says of it: warnings, or nothing
 * @throws Error with what the validator says, if it refuses the file
 */
export async function validateConfig(
  image: string,
  configText: string,
  report: Reporter = silent,
  file?: string,
): Promise<string> {
  const source = sourceOf(image);
  const [name, namespaces] = Object.entries(source.files).find(([one]) => file === undefined || one === file) ?? [];
  if (name === undefined || namespaces === undefined) {
    throw new Error(`service ${image} has no file ${file}; it has ${Object.keys(source.files).join(", ")}`);
  }
  const { images } = await ensureImages(report);
  const built = images[source.image ?? image];
  if (built === undefined) throw new Error(`there is no image ${source.image ?? image}`);
  const sections = [...configText.matchAll(/^\[([^\]\n]+)\]/gm)].map((match) => match[1] ?? "");
  const byName = Object.keys(source.named ?? {}).flatMap((option) => namedSections(configText, option));
  const patterns = [...(source.dynamic ?? []), ...Object.keys(source.alike ?? {}), ...byName];
  const unlisted = patterns.flatMap((pattern) => sections.filter((section) => matches(pattern, section)));
  const command = [
    ...["oslo-config-validator", ...namespaceArguments(namespaces), "--input-file", `/mnt/${name}`],
    ...[...new Set(unlisted)].flatMap((section) => ["--exclude-group", section]),
  ];
  // The validator speaks on standard error.
  const shell = ["sh", "-c", 'exec "$@" 2>&1', "sh", ...command];
  return runInImage(built.image.layers, shell, { [name]: configText }, report);
}

/** Sections that an option of a rendered file names as `name:kind`. */
function namedSections(configText: string, option: string): string[] {
  const value = new RegExp(`^${option.split(".")[1]} *= *(.*)$`, "m").exec(configText)?.[1] ?? "";
  return value.split(",").map((pair) => pair.split(":")[0]?.trim() ?? "");
}

function matches(pattern: string, section: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(section);
}

function namespaceArguments(namespaces: readonly string[]): string[] {
  return namespaces.flatMap((namespace) => ["--namespace", namespace]);
}

function sourceOf(service: string): OptionSource {
  const source = optionSources[service];
  if (source === undefined) {
    throw new Error(`no service ${service} has options; those that have: ${Object.keys(optionSources).join(", ")}`);
  }
  return source;
}

const silent: Reporter = { phase: (_title, work) => work(() => undefined) };
