/** How an image of a distributor looks inside: whose user runs it, and what its programs and files are called. */
export interface ImageEntry {
  /** Numeric user that owns the service's files and runs its programs. 0 only where the service needs root. */
  uid: number;
  /** Numeric group of that user. */
  gid: number;
  /** Programs by the name that definitions use, each with the arguments it always needs: `{ "keystone-manage": ["/usr/bin/keystone-manage"] }`. */
  programs: Record<string, string[]>;
  /** Directories and files by the name that definitions use: `{ config: "/etc/keystone" }`. */
  paths: Record<string, string>;
  /** WSGI applications by process, as lines of a uwsgi configuration: `{ api: "module=keystone.wsgi.api:application" }`. @default none */
  wsgi?: Record<string, string>;
}

/** All images of a distributor, by the name that definitions use. Where they lie is the release's matter. */
export type ImageCatalogue = Record<string, ImageEntry>;

/**
 * An image's entry.
 * @throws Error if the catalogue has none of that name
 */
export function imageEntry(catalogue: ImageCatalogue, image: string): ImageEntry {
  const entry = catalogue[image];
  if (entry === undefined) {
    throw new Error(`the image catalogue has no ${image}; it has ${Object.keys(catalogue).sort().join(", ")}`);
  }
  return entry;
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

/**
 * A path of an image's entry.
 * @throws Error if the image has no path of that name
 */
export function entryPath(image: string, entry: ImageEntry, name: string): string {
  const found = entry.paths[name];
  if (found === undefined) {
    throw new Error(`image ${image} has no path ${name} in its catalogue entry`);
  }
  return found;
}
