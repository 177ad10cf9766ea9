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
  /**
   * Groups of files, by their numbers, that run beside each other before all others, each group in order and with a lab of
   * its own. @default none
   */
  groups?: string[][];
}

/** The levels of `npm test`, cheapest first. */
const defaultLevels = ["static", "unit", "graph", "engine", "lab"];

function numbers(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index).padStart(2, "0"));
}

/** All levels by name. "long" holds the long forms of the lab's tests, which take hours and are no part of `npm test`. */
const levels: Record<string, Level> = {
  ...Object.fromEntries(defaultLevels.map((name) => [name, { folder: name }])),
  unit: { folder: "unit", beside: true },
  // These need bare hosts only, which wait more than they work.
  lab: { folder: "lab", groups: [numbers(1, 7), numbers(8, 10)] },
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

/** The mocha processes that run, to pass on signals. */
const current = new Set<number>();
/** Whether we were told to stop: what runs is waited for, and nothing else begins. */
let stopped = false;

function hasTests(folder: string): boolean {
  return (
    fs.existsSync(folder) &&
    fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).some((file) => file.endsWith(".test.ts"))
  );
}

/** One mocha process. */
interface Run {
  /** Folder or files. */
  paths: string[];
  options: string[];
  env: Record<string, string>;
  /** Where what it prints goes. @default to this process' own output */
  output?: string;
}

function runMocha(run: Run, resultFile: string): Promise<number> {
  const reporter = path.join(__dirname, "reporter.ts");
  const output = run.output === undefined ? undefined : fs.openSync(run.output, "w");
  const child = spawn(
    process.execPath,
    ["--import", "tsx", mocha, ...run.options, "--reporter", reporter, ...run.paths],
    {
      cwd: path.dirname(__dirname),
      env: { ...process.env, ...run.env, STRATIFORM_TEST_RESULT: resultFile },
      stdio: ["inherit", output ?? "inherit", output ?? "inherit"],
    },
  );
  if (output !== undefined) fs.closeSync(output);
  const { pid } = child;
  if (pid !== undefined) current.add(pid);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (pid !== undefined) current.delete(pid);
      resolve(code ?? 128 + (os.constants.signals[signal ?? "SIGTERM"] ?? 0));
    });
  });
}

/** What one mocha process found. One that ends without a result, or badly without a failed test, counts as one failed test. */
async function resultOf(run: Run, resultFile: string): Promise<LevelResult> {
  const code = await runMocha(run, resultFile);
  const empty: LevelResult = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const result = fs.existsSync(resultFile)
    ? (JSON.parse(fs.readFileSync(resultFile, "utf8")) as LevelResult)
    : undefined;
  if (result === undefined || (code !== 0 && result.failed === 0)) {
    const crash = `the level ended with exit code ${code}; what it printed last says why`;
    const counted = result ?? empty;
    return { ...counted, failed: counted.failed + 1, failures: [...counted.failures, crash] };
  }
  return result;
}

/** The mocha processes of a level: those of a stage run beside each other, one stage after another. */
function stagesOf(level: Level, folder: string): Run[][] {
  const place = path.join("tests", level.folder);
  const options = level.beside ? besideOptions : [];
  const env = level.env ?? {};
  const { groups = [] } = level;
  if (groups.length === 0) return [[{ paths: [place], options, env }]];
  const files = fs.readdirSync(place).filter((file) => file.endsWith(".test.ts"));
  const groupOf = (file: string): number => groups.findIndex((group) => group.includes(file.slice(0, 2)));
  const pathsOf = (wanted: number): string[] =>
    files.filter((file) => groupOf(file) === wanted).map((file) => path.join(place, file));
  const lab = process.env["STRATIFORM_TEST_LAB"] ?? "ci";
  const first = groups.map((_, index): Run => {
    const run = { paths: pathsOf(index), options, env };
    if (index === 0) return run;
    const own = `${lab}-${String.fromCharCode("a".charCodeAt(0) + index)}`;
    return { ...run, env: { ...env, STRATIFORM_TEST_LAB: own }, output: path.join(folder, `${own}.log`) };
  });
  return [first, [{ paths: pathsOf(-1), options, env }]].map((stage) => stage.filter(({ paths }) => paths.length > 0));
}

function sumOf(results: readonly LevelResult[]): Omit<LevelResult, "failures"> {
  const sum = (key: "passed" | "failed" | "skipped"): number => results.reduce((total, one) => total + one[key], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/** Runs one level. */
async function runLevel(name: string, level: Level, folder: string): Promise<Outcome> {
  const start = Date.now();
  const results: LevelResult[] = [];
  for (const [number, stage] of stagesOf(level, folder).entries()) {
    if (stopped) break;
    const running = stage.map((run, index) => resultOf(run, path.join(folder, `${name}-${number}-${index}.json`)));
    results.push(...(await Promise.all(running)));
    for (const { output } of stage) {
      if (output !== undefined) process.stdout.write(fs.readFileSync(output));
    }
  }
  return {
    name,
    ...sumOf(results),
    failures: results.flatMap(({ failures }) => failures),
    seconds: (Date.now() - start) / 1000,
  };
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
  const { passed, failed, skipped } = sumOf(outcomes);
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
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
      if (stopped) break;
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
  return !stopped && outcomes.length > 0 && outcomes.every((outcome) => outcome.failed === 0) ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    stopped = true;
    // The level cleans up after itself; it gets Ctrl-C from the terminal, and anything else from here.
    if (signal === "SIGTERM") {
      for (const pid of current) process.kill(pid, signal);
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
