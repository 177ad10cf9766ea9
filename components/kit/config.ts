/**
 * Values of one option. A list is joined with commas, a mapping written as `key:value,key:value`, a `MultiValue` written
 * as one line per value (oslo's MultiStrOpt), true and false as `true` and `false`. A `$` stands for itself: the writer doubles it.
 */
export type OptionValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>> | MultiValue;

/** An option that may stand in a file several times. */
export interface MultiValue {
  multi: readonly string[];
}

/** Options by section. */
export type ConfigSections = Record<string, Record<string, OptionValue>>;

/** Sections by file name, such as `keystone.conf`. */
export type ConfigFiles = Record<string, ConfigSections>;
