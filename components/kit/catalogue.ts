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
