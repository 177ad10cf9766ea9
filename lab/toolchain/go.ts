import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, repositoryDirectory } from "./cache";
import { run } from "./process";
import type { Progress } from "./reporter";

/** Programs to be built from one Go module of this repository. */
export interface GoBuild {
  /** Directory of the module, relative to the repository. */
  module: string;
  /** Packages with a `main`, as `go build` names them. */
  packages: readonly string[];
  /** String variables set by the linker. @default none */
  variables?: Readonly<Record<string, string>>;
  /** Build tags. @default none */
  tags?: readonly string[];
}

/** Builds at the same time: a build's last part, linking, uses one core only. */
const parallelBuilds = 2;
const environment = { CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off", GOOS: "linux", GOARCH: "amd64" };

let free = parallelBuilds;
const waiting: (() => void)[] = [];

/** Flags of `go build`; the same for all modules so that they share compiled packages. */
function flags(build: GoBuild): string[] {
  const variables = Object.entries(build.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const tags = build.tags === undefined ? [] : ["-tags", build.tags.join(",")];
  return ["-trimpath", "-buildvcs=false", ...tags, "-ldflags", ["-s -w", ...variables].join(" ")];
}

/**
 * Hash of everything that goes into a build: go.mod, go.sum, the module's own sources, flags, Go's version.
 * @throws Error if there is no suitable Go
 */
export async function goHash(build: GoBuild): Promise<string> {
  const directory = join(repositoryDirectory, build.module);
  return hashOf({
    values: [await goVersion(directory), ...build.packages, ...flags(build), JSON.stringify(environment)],
    files: await moduleFiles(directory),
  });
}

/** The version of the Go that builds a module, such as `go1.26.8`. */
async function goVersion(directory: string): Promise<string> {
  const output = await run("go", ["env", "GOVERSION"], { cwd: directory, env: environment }).catch((error: Error) => {
    throw new Error(
      `Go is needed to build ${directory}, but does not run: ${error.message}\nInstall Go from the go.dev site.`,
    );
  });
  return output.trim();
}

/** go.mod, go.sum, Go sources (not tests) and embedded files of a module. */
async function moduleFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith("_test.go") && /\.go$|^go\.(mod|sum)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Version of a module that a module of this repository requires, with its `v`. */
export async function requiredVersion(module: string, dependency: string): Promise<string> {
  const file = join(repositoryDirectory, module, "go.mod");
  const text = existsSync(file) ? await readFile(file, "utf8") : "";
  const found = text.split("\n").find((line) =>
    line
      .replace(/^require/, "")
      .trim()
      .startsWith(`${dependency} v`),
  );
  const version = found?.split(`${dependency} `)[1]?.split(" ")[0];
  if (version === undefined) throw new Error(`${file}: requires no ${dependency}`);
  return version;
}

/**
 * Compiles and links programs into a directory, one after another with other builds if two are under way.
 * A program is called as its package's last part.
 */
export async function goBuild(build: GoBuild, directory: string, progress: Progress): Promise<void> {
  await enter(progress);
  try {
    const cwd = join(repositoryDirectory, build.module);
    progress("looks at its modules");
    const fetching = (line: string) => {
      if (line.startsWith("go: ")) progress(line.slice(4));
    };
    const list = ["list", "-deps", ...tagArguments(build), ...build.packages];
    const total = (await run("go", list, { cwd, env: environment, onLine: fetching })).trim().split("\n").length;
    // -v names each package as it is compiled; those found in Go's cache are not named.
    let compiled = 0;
    let latest = "";
    const show = () => progress(`${compiled} of at most ${total} packages compiled${latest}`);
    const silence = setInterval(show, 4_000);
    try {
      const onLine = (line: string) => {
        if (line.startsWith("go: ")) return;
        compiled++;
        latest = `, now ${line}`;
        show();
      };
      const args = ["build", "-v", ...flags(build), "-o", `${directory}/`, ...build.packages];
      await run("go", args, { cwd, env: environment, onLine });
    } finally {
      clearInterval(silence);
    }
  } finally {
    leave();
  }
}

function tagArguments(build: GoBuild): string[] {
  return build.tags === undefined ? [] : ["-tags", build.tags.join(",")];
}

async function enter(progress: Progress): Promise<void> {
  if (free > 0) {
    free--;
    return;
  }
  progress("waits for another build");
  await new Promise<void>((turn) => waiting.push(turn));
}

function leave(): void {
  const next = waiting.shift();
  if (next === undefined) free++;
  else next();
}
