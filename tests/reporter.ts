import * as fs from "node:fs";
import mocha from "mocha";

/** What a level's mocha process writes for `tests/run.ts`, into the file that `STRATIFORM_TEST_RESULT` names. */
export interface LevelResult {
  passed: number;
  failed: number;
  skipped: number;
  /** Full titles of the failed tests. */
  failures: string[];
}

/** Groups of tests that take longer than this many seconds are listed at the end, with their time. */
const longSeconds = 20;

/** Mocha's "spec" reporter, which also counts into a file, and says where the time went. */
class CountingReporter extends mocha.reporters.Spec {
  constructor(runner: mocha.Runner, options?: mocha.MochaOptions) {
    super(runner, options);
    const result: LevelResult = { passed: 0, failed: 0, skipped: 0, failures: [] };
    runner.on("pass", () => {
      result.passed++;
    });
    runner.on("pending", () => {
      result.skipped++;
    });
    runner.on("fail", (test) => {
      result.failed++;
      result.failures.push(test.fullTitle());
    });
    const times: { title: string; begin: number; seconds?: number }[] = [];
    runner.on("suite", ({ title, parent }) => {
      if (parent?.root) {
        times.push({ title, begin: Date.now() });
      }
    });
    runner.on("suite end", ({ parent }) => {
      const last = times.at(-1);
      if (parent?.root && last) {
        last.seconds = (Date.now() - last.begin) / 1000;
      }
    });
    runner.on("end", () => {
      for (const { title, seconds = 0 } of times.filter(({ seconds = 0 }) => seconds >= longSeconds)) {
        console.log(`  ${seconds.toFixed(0).padStart(5)} s  ${title}`);
      }
      const file = process.env["STRATIFORM_TEST_RESULT"];
      if (file) {
        fs.writeFileSync(file, JSON.stringify(result));
      }
    });
  }
}

module.exports = CountingReporter;
