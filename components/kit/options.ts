import type { ConfigFiles, OptionValue } from "./config";
import { type OptionEntry, valueProblem } from "./option-values";
import { nameProblem } from "./oslo";
import { nearestKey, proposal } from "./proposal";

export type { OptionEntry };

/** Options by section and name. */
export type OptionSections = Record<string, Record<string, OptionEntry>>;

/** All options of a service in a series, generated from the code of its images. */
export interface OptionList {
  /** Service, such as `keystone`. */
  service: string;
  /** OpenStack series, such as `2025.1`. */
  series: string;
  /** Version of the service's code. */
  version?: string;
  /** Options by file. */
  files: Record<string, OptionSections>;
  /** Sections with options that no list can name, such as those of storage backends; `*` stands for any text. @default none */
  dynamic?: readonly string[];
  /** Sections that an option names as `name:kind`, such as Glance's stores: `<section>.<option>` → kind → section whose options it has. @default none */
  named?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What was found. Each begins with the place. */
export interface OptionProblems {
  /** Unknown options and values that cannot be. */
  errors: string[];
  /** Options that are on their way out. */
  warnings: string[];
}

/** Names a place to the user. Section and option are empty where the problem is the file's or the section's. */
export type OptionPlace = (file: string, section: string, option: string) => string;

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.keys(record).includes(key) ? record[key] : undefined;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDynamic(list: OptionList, section: string): boolean {
  return (list.dynamic ?? []).some((pattern) => {
    const text = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${text.join(".*")}$`).test(section);
  });
}

/**
 * Checks options against what the release knows: unknown file, section or option (with the nearest name), a value of
 * another type, not among the choices, or out of range; and warns of those on their way out.
 *
 * @param files options, as a definition or a user sets them; their shape is checked too
 */
export function checkOptions(list: OptionList, files: ConfigFiles, where: OptionPlace): OptionProblems {
  const found: OptionProblems = { errors: [], warnings: [] };
  for (const [file, sections] of Object.entries(files)) {
    const known = own(list.files, file);
    if (known === undefined) {
      found.errors.push(`${where(file, "", "")}: unknown file; ${proposal(file, Object.keys(list.files))}`);
    } else if (!isMapping(sections)) {
      found.errors.push(`${where(file, "", "")}: must be a mapping of sections; write "section: { option: value }"`);
    } else {
      const extended = { ...known, ...namedSections(list, known, sections) };
      for (const [section, options] of Object.entries(sections)) {
        checkSection(found, { list, known: extended, file, section, where }, options);
      }
    }
  }
  return found;
}

/** Sections that the options of a file name, with the options of their kind. */
function namedSections(list: OptionList, known: OptionSections, sections: Record<string, unknown>): OptionSections {
  const result: OptionSections = {};
  for (const [place, kinds] of Object.entries(list.named ?? {})) {
    const [section = "", option = ""] = place.split(".");
    const options = own(sections, section);
    const value = isMapping(options) ? own(options, option) : undefined;
    // Written as a mapping or, in oslo.config's own form, as a text.
    const pairs = isMapping(value)
      ? Object.entries(value).map(([name, kind]) => [name, String(kind)])
      : String(value ?? "")
          .split(",")
          .map((pair) => pair.split(":").map((part) => part.trim()));
    for (const [name = "", kind = ""] of pairs) {
      const model = own(known, own(kinds, kind) ?? "");
      if (model !== undefined) {
        result[name] = model;
      }
    }
  }
  return result;
}

interface SectionPlace {
  list: OptionList;
  known: OptionSections;
  file: string;
  section: string;
  where: OptionPlace;
}

function checkSection(found: OptionProblems, place: SectionPlace, options: unknown): void {
  const { list, known, file, section, where } = place;
  if (!isMapping(options)) {
    found.errors.push(`${where(file, section, "")}: must be a mapping of options; write "option: value"`);
    return;
  }
  const listed = own(known, section);
  const dynamic = isDynamic(list, section);
  for (const [option, value] of Object.entries(options)) {
    const at = where(file, section, option);
    const entry = listed && own(listed, option);
    const successor = entry === undefined ? renamed(known, section, option) : undefined;
    const [settledSection, settledOption, settled] = successor ?? [section, option, entry];
    if (settled === undefined && !dynamic) {
      found.errors.push(
        `${at}: ${listed === undefined ? "unknown section" : "unknown option"}; ${remedy(place, option)}`,
      );
      continue;
    }
    if (successor !== undefined) {
      found.warnings.push(`${at}: is an old name; write [${settledSection}] ${settledOption} instead`);
    }
    if (settled?.deprecated !== undefined) {
      found.warnings.push(`${at}: is deprecated${settled.deprecated === true ? "" : `: ${settled.deprecated}`}`);
    }
    const problem = nameProblem(section, option) ?? valueProblem(value as OptionValue, settled ?? { type: "any" });
    if (problem !== undefined) {
      found.errors.push(`${at}: ${problem}`);
    }
  }
}

/** The option that once had this name. */
function renamed(known: OptionSections, section: string, option: string): [string, string, OptionEntry] | undefined {
  const old = `${section}.${option}`;
  for (const [newSection, options] of Object.entries(known)) {
    for (const [newOption, entry] of Object.entries(options)) {
      if (entry.was?.includes(old)) {
        return [newSection, newOption, entry];
      }
    }
  }
  return undefined;
}

/** What to do about an option that its section, or a section that its file, does not have. */
function remedy({ known, section }: SectionPlace, option: string): string {
  const options = Object.keys(own(known, section) ?? {});
  const near = nearestKey(option, options);
  if (near !== undefined) {
    return `did you mean \`${near}\`?`;
  }
  const elsewhere = Object.keys(known).filter((other) => own(known[other] ?? {}, option) !== undefined);
  if (elsewhere.length > 0) {
    return `\`${option}\` stands in ${elsewhere.map((other) => `[${other}]`).join(", ")}`;
  }
  const nearSection = options.length === 0 ? nearestKey(section, Object.keys(known)) : undefined;
  return nearSection === undefined
    ? "remove it; the release has none like it"
    : `did you mean the section \`${nearSection}\`?`;
}
