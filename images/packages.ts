/** A Debian package in an image. */
export interface InstalledPackage {
  name: string;
  version: string;
  /** Architecture: `amd64` or `all`. */
  architecture: string;
  /** Source package that it was built from. */
  source: string;
  /** Version of the source package. */
  sourceVersion: string;
}

/** Reads dpkg-query's lines: status, name, version, architecture, source, version of the source, by tabs. */
export function parsePackages(text: string): InstalledPackage[] {
  return text.split("\n").flatMap((line) => {
    const [status, name = "", version = "", architecture = "", source = "", sourceVersion = ""] = line.split("\t");
    return status === "installed" ? [{ name, version, architecture, source, sourceVersion }] : [];
  });
}
