import { run, runAsRoot } from "./process";
import type { Progress } from "./reporter";

/** Debian release of lab hosts and image bases: its systemd 252 takes cgroup v1 as well as v2. */
export const debianRelease = "bookworm";

/** A root file system to be made. */
export interface RootFileSystem {
  /** mmdebstrap's choice of a base: `minbase` has apt, `essential` only dpkg, `extract` nothing but the packages, unpacked. */
  variant: "minbase" | "essential" | "extract";
  /** Packages beside the base. */
  packages: readonly string[];
  /** Script run at the end with the root file system's directory as its argument. @default none */
  script?: string;
  /** Debian release. @default that of lab hosts */
  release?: string;
  /** Files (patterns) to be had although they lie among those that are left out. @default none */
  kept?: readonly string[];
}

/** Parts of packages that nobody reads in a container. */
const leftOut = [
  "/usr/share/man/*",
  "/usr/share/doc/*",
  "/usr/share/locale/*",
  "/usr/share/info/*",
  "/usr/share/lintian/*",
];

/** Parts of a Debian release that another release has too. */
const commonSuites = ["", "-updates", "-security"];

/**
 * This computer's own sources of a Debian release, as lines of a sources list; empty if it has none.
 * If it has sources of another Debian release only, the same places are taken for this one.
 */
export async function ownSources(wanted: string): Promise<string[]> {
  const format = ["ORIGIN", "CODENAME", "REPO_URI", "RELEASE", "COMPONENT"].map((name) => `$(${name})`).join("|");
  const listing = await run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).catch(() => "");
  return sourcesOf(listing, wanted);
}

/** What `ownSources` finds in apt's list of index targets: `origin|codename|uri|release|component` a line. */
export function sourcesOf(listing: string, wanted: string): string[] {
  const debian = listing.split("\n").flatMap((line) => {
    const [origin, codename = "", uri = "", release = "", component = ""] = line.split("|");
    const [base = "", ...suffix] = codename.split("-");
    return origin === "Debian" ? [{ base, suite: ["", ...suffix].join("-"), uri, release, component }] : [];
  });
  const exact = debian.filter(({ base }) => base === wanted);
  if (exact.length > 0) return exact.map(({ uri, release, component }) => `deb ${uri} ${release} ${component}`);
  const others = debian.filter(({ suite }) => commonSuites.includes(suite));
  return [...new Set(others.map(({ uri, suite, component }) => `deb ${uri} ${wanted}${suite} ${component}`))];
}

/** This computer's proxy and checks of dates for apt, as lines of its configuration: what works here works in the root file system too. */
export async function ownAptOptions(): Promise<string[]> {
  const dump = await run("apt-config", ["dump"]);
  const wanted = /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ".+";$/;
  return dump.split("\n").filter((line) => wanted.test(line));
}

/** Makes a Debian root file system as a tar archive. */
export async function makeRootFileSystem(system: RootFileSystem, archive: string, progress: Progress): Promise<void> {
  const release = system.release ?? debianRelease;
  const sources = await ownSources(release);
  const args = [
    `--variant=${system.variant}`,
    "--format=tar",
    `--include=${system.packages.join(",")}`,
    ...(await ownAptOptions()).map((option) => `--aptopt=${option}`),
    ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...(system.kept ?? []).map((path) => `--dpkgopt=path-include=${path}`),
    ...(system.script === undefined
      ? []
      : [`--${system.variant === "extract" ? "extract" : "customize"}-hook=${system.script}`]),
    release,
    archive,
    ...(sources.length === 0 ? [] : ["-"]),
  ];
  await runAsRoot("mmdebstrap", args, {
    input: sources.join("\n"),
    env: { SOURCE_DATE_EPOCH: "0", LC_ALL: "C.UTF-8", TMPDIR: process.env.TMPDIR ?? "/var/tmp" },
    onLine: progress,
  });
}
