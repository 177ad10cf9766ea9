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

/** Mocha's "spec" reporter, which also counts into a file. */
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
    runner.on("end", () => {
      const file = process.env["STRATIFORM_TEST_RESULT"];
      if (file) {
        fs.writeFileSync(file, JSON.stringify(result));
      }
    });
  }
}

module.exports = CountingReporter;
