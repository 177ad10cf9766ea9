import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { TerminalReporter } from "../../lab/report";
import { ensurePackages } from "../../lab/toolchain/index";
import { filesEnding, repository } from "./files";

/** Longest source file: what a reader keeps in mind. Generated files and lock files are not meant. */
const longestFile = 400;

/** Longest time for one tool, compiling Go from an empty cache included. */
const limitMs = 15 * 60_000;

/** Runs a tool in a folder of the repository, and fails with all that it printed unless it ends well. */
function check(folder: string, command: string, ...words: string[]): string {
  const run = spawnSync(command, words, {
    cwd: path.join(repository, folder),
    // As the toolchain builds, so that what one compiles the other finds in Go's cache.
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-trimpath" },
    encoding: "utf8",
    timeout: limitMs,
  });
  if (run.error) {
    throw run.error;
  }
  const text = `${run.stdout}${run.stderr}`.trim();
  assert.equal(run.status, 0, `${[path.basename(command), ...words].join(" ")} (in ${folder || "."}):\n${text}`);
  return text;
}

/** Runs a program of an npm package of the repository. */
function checkWith(program: string, ...words: string[]): void {
  check("", process.execPath, require.resolve(program), ...words);
}

function isInstalled(command: string): boolean {
  return spawnSync(command, ["--version"]).error === undefined;
}

describe("sources", function () {
  this.timeout(limitMs);
  this.slow(30_000);

  it("are formatted and free of lint (biome)", () =>
    checkWith("@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."));

  it("have sound types (tsc)", () => checkWith("typescript/bin/tsc", "-p", "."));

  it("keep the direction of the strata (dependency-cruiser)", () => {
    const folders = ["index.ts", "components", "config", "lab", "operations", "tests"];
    check(
      "",
      process.execPath,
      path.join(repository, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
      ...["--config", ".dependency-cruiser.cjs", ...folders],
    );
  });

  it(`have at most ${longestFile} lines`, () => {
    const long = filesEnding(".ts", ".mjs", ".cjs", ".sh", ".go")
      .map((file) => ({ file, lines: fs.readFileSync(path.join(repository, file), "utf8").split("\n").length - 1 }))
      .filter(({ lines }) => lines > longestFile);
    assert.deepEqual(long, []);
  });
});

describe("shell files", function () {
  this.timeout(limitMs);

  before(async () => ensurePackages(["shellcheck"], new TerminalReporter()));

  it("pass shellcheck", () => {
    // The host steps' library and inputs are put in front of them when they are sent, hence neither "referenced but not
    // assigned" nor "appears unused" is decided by one file.
    const files = [...filesEnding(".sh"), ...(fs.existsSync(path.join(repository, ".ci/run")) ? [".ci/run"] : [])];
    check("", "shellcheck", "--severity=warning", "--exclude=SC2154,SC2034", "--shell=bash", ...files);
  });
});

describe("Go modules of the lab", function () {
  this.timeout(limitMs);
  this.slow(60_000);
  const modules = filesEnding("go.mod").map((file) => path.dirname(file));
  const ours = modules.filter((folder) => folder.startsWith("lab/"));

  before(function () {
    if (!isInstalled("gofmt") && spawnSync("go", ["version"]).error) {
      this.skip();
    }
  });

  it("are formatted (gofmt)", () => {
    const files = filesEnding(".go");
    assert.equal(files.length === 0 ? "" : check("", "gofmt", "-l", ...files), "");
  });

  for (const folder of ours) {
    it(`pass go vet: ${folder}`, () => {
      check(folder, "go", "vet", "-p", "2", "./...");
    });

    it(`pass their own tests: ${folder}`, () => {
      check(folder, "go", "test", "-p", "2", "./...");
    });
  }
});
