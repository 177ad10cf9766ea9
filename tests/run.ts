import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { LevelResult } from "./reporter";

/** A level of tests: a folder of `*.test.ts` files, run by one mocha process. */
interface Level {
  /** Folder under tests/. */
  folder: string;
  /** Further environment. @default none */
  env?: Record<string, string>;
  /** Whether its files may run beside each other, two at a time, in any order. @default false */
  beside?: boolean;
}

/** The levels of `npm test`, cheapest first. */
const defaultLevels = ["static", "unit", "graph", "engine", "lab"];

/** All levels by name. "long" holds the long forms of the lab's tests, which take hours and are no part of `npm test`. */
const levels: Record<string, Level> = {
  ...Object.fromEntries(defaultLevels.map((name) => [name, { folder: name }])),
  unit: { folder: "unit", beside: true },
  long: { folder: "long", env: { STRATIFORM_TEST_LONG: "1" } },
};

interface Outcome extends LevelResult {
  name: string;
  seconds: number;
}

/** Mocha's own process: its usual command starts this one as a child, to which it would not pass on signals. */
const mocha = path.join(path.dirname(require.resolve("mocha/package.json")), "lib/cli/cli.js");

/** As in `npm run test:unit`. A file that ends its process counts as one failed test. */
const besideOptions = ["--no-sort", "--parallel", "--jobs", "2"];

/** The mocha process of the level that runs, to pass on signals. */
let current: number | undefined;

function hasTests(folder: string): boolean {
  return (
    fs.existsSync(folder) &&
    fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).some((file) => file.endsWith(".test.ts"))
  );
}

function runMocha(level: Level, resultFile: string): Promise<number> {
  const reporter = path.join(__dirname, "reporter.ts");
  const folder = path.join("tests", level.folder);
  const child = spawn(
    process.execPath,
    ["--import", "tsx", mocha, ...(level.beside ? besideOptions : []), "--reporter", reporter, folder],
    {
      cwd: path.dirname(__dirname),
      env: { ...process.env, ...level.env, STRATIFORM_TEST_RESULT: resultFile },
      stdio: "inherit",
    },
  );
  current = child.pid;
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      current = undefined;
      resolve(code ?? 128 + (os.constants.signals[signal ?? "SIGTERM"] ?? 0));
    });
  });
}

/** Runs one level. A level that ends without a result, or badly without a failed test, counts as one failed test. */
async function runLevel(name: string, level: Level, folder: string): Promise<Outcome> {
  const start = Date.now();
  const seconds = (): number => (Date.now() - start) / 1000;
  const resultFile = path.join(folder, `${name}.json`);
  const code = await runMocha(level, resultFile);
  const empty: LevelResult = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const result = fs.existsSync(resultFile)
    ? (JSON.parse(fs.readFileSync(resultFile, "utf8")) as LevelResult)
    : undefined;
  if (result === undefined || (code !== 0 && result.failed === 0)) {
    const crash = `the level ended with exit code ${code}; what it printed last says why`;
    const counted = result ?? empty;
    return { ...counted, failed: counted.failed + 1, failures: [...counted.failures, crash], name, seconds: seconds() };
  }
  return { ...result, name, seconds: seconds() };
}

function printTable(outcomes: Outcome[]): void {
  console.log("\nlevel     passed  failed  skipped     seconds");
  for (const { name, passed, failed, skipped, seconds } of outcomes) {
    const numbers = [String(passed).padStart(6), String(failed).padStart(6), String(skipped).padStart(7)];
    console.log(`${name.padEnd(8)}  ${numbers.join("  ")}  ${seconds.toFixed(1).padStart(10)}`);
  }
  for (const { name, failures } of outcomes) {
    for (const failure of failures) {
      console.log(`failed: ${name}: ${failure}`);
    }
  }
}

function lastLine(outcomes: Outcome[]): string {
  const sum = (key: "passed" | "failed" | "skipped"): number =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

async function main(names: string[]): Promise<number> {
  const unknown = names.filter((name) => levels[name] === undefined);
  if (unknown.length > 0) {
    console.error(`unknown level ${unknown.join(", ")}; known are ${Object.keys(levels).join(", ")}`);
    return 2;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-tests-"));
  const outcomes: Outcome[] = [];
  try {
    for (const name of names) {
      const level = levels[name];
      if (level === undefined || !hasTests(path.join(__dirname, level.folder))) {
        console.log(`\n== ${name}: no tests`);
        continue;
      }
      console.log(`\n== ${name}`);
      outcomes.push(await runLevel(name, level, folder));
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  printTable(outcomes);
  console.log(lastLine(outcomes));
  return outcomes.length > 0 && outcomes.every((outcome) => outcome.failed === 0) ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The level cleans up after itself; it gets Ctrl-C from the terminal, and anything else from here.
    if (signal === "SIGTERM" && current !== undefined) {
      process.kill(current, signal);
    }
  });
}

const chosen = process.argv.slice(2);
main(chosen.length > 0 ? chosen : defaultLevels).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
