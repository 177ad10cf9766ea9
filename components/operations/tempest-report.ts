import { join } from "node:path";

/** A program of this folder: `tempest_prepare.py`, `tempest_results.py`, `tempest_run.sh`. */
export function tempestProgram(name: string): string {
  return join(__dirname, "scripts", name);
}

/** What happened to a test. "fail" is of the test's own class set-up too, whose name is then `setUpClass (…)`. */
export type TempestStatus = "success" | "fail" | "skip" | "xfail" | "uxsuccess" | "inprogress";

/** One test, as scripts/tempest_results.py writes it. */
export interface TempestTest {
  /** Whole name, with tags in brackets. */
  id: string;
  status: TempestStatus;
  /** Seconds. */
  seconds: number;
  /** Why it was left out, or the traceback of a failure. */
  detail: string;
}

/** Tests by what happened to them. */
export interface TempestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Whether a status is a failure: a test that never ended is one. */
function hasFailed(status: TempestStatus): boolean {
  return status === "fail" || status === "uxsuccess" || status === "inprogress";
}

/** How many tests passed, failed, were left out. */
export function tempestCounts(tests: readonly TempestTest[]): TempestCounts {
  const failed = tests.filter(({ status }) => hasFailed(status)).length;
  const skipped = tests.filter(({ status }) => status === "skip").length;
  return { passed: tests.length - failed - skipped, failed, skipped };
}

/** Name of a test without its tags. */
export function tempestName(id: string): string {
  return id.replace(/\[.*\]/, "");
}

/**
 * Reads what scripts/tempest_results.py wrote.
 * @throws Error if it is no list of tests
 */
export function parseTempestResults(text: string): TempestTest[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new Error("the results of Tempest are no list");
  return value as TempestTest[];
}

/** A report for the terminal: failures with their tracebacks, what was left out and why, the slowest tests, the counts. */
export function tempestText(tests: readonly TempestTest[], slowest = 10): string {
  const { passed, failed, skipped } = tempestCounts(tests);
  const part = (title: string, lines: string[]) => (lines.length === 0 ? [] : [title, ...lines, ""]);
  const bySeconds = [...tests].sort((left, right) => right.seconds - left.seconds).slice(0, slowest);
  return [
    ...part(
      "Failed",
      tests
        .filter(({ status }) => hasFailed(status))
        .map(
          ({ id, detail, status }) =>
            `  ${tempestName(id)}\n    ${(detail || status).trim().split("\n").join("\n    ")}`,
        ),
    ),
    ...part(
      "Skipped",
      tests.filter(({ status }) => status === "skip").map(({ id, detail }) => `  ${tempestName(id)}: ${detail.trim()}`),
    ),
    ...part(
      "Slowest, in seconds",
      bySeconds.map(({ id, seconds }) => `  ${seconds.toFixed(1).padStart(7)}  ${tempestName(id)}`),
    ),
    `${tests.length} tests: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  ].join("\n");
}

function escaped(text: string): string {
  // Characters that XML 1.0 knows in no form come out of guests' consoles.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const plain = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
  return plain.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

/** The report as JUnit XML, which CI systems read. */
export function tempestJunit(tests: readonly TempestTest[]): string {
  const { failed, skipped } = tempestCounts(tests);
  const seconds = tests.reduce((sum, one) => sum + one.seconds, 0);
  const cases = tests.map((one) => {
    const name = tempestName(one.id);
    const dot = /\)$/.test(name) ? -1 : name.lastIndexOf(".");
    const place = `classname="${escaped(name.slice(0, Math.max(dot, 0)))}" name="${escaped(name.slice(dot + 1))}"`;
    const open = `  <testcase ${place} time="${one.seconds.toFixed(3)}"`;
    if (hasFailed(one.status)) {
      const last = one.detail.trim().split("\n").at(-1) ?? "";
      return `${open}><failure message="${escaped(last)}">${escaped(one.detail)}</failure></testcase>`;
    }
    return one.status === "skip"
      ? `${open}><skipped message="${escaped(one.detail.trim())}"/></testcase>`
      : `${open}/>`;
  });
  const counts = `tests="${tests.length}" failures="${failed}" skipped="${skipped}" time="${seconds.toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="tempest" ${counts}>`,
    ...cases,
    "</testsuite>",
    "",
  ].join("\n");
}

/** The report as a page. */
export function tempestHtml(tests: readonly TempestTest[], title: string): string {
  const { passed, failed, skipped } = tempestCounts(tests);
  const order = (one: TempestTest): number => (hasFailed(one.status) ? 0 : one.status === "skip" ? 2 : 1);
  const rows = [...tests]
    .sort((left, right) => order(left) - order(right))
    .map((one) => {
      const kind = hasFailed(one.status) ? "failed" : one.status === "skip" ? "skipped" : "passed";
      const detail = one.detail.trim() === "" ? "" : `<pre>${escaped(one.detail.trim())}</pre>`;
      return `<tr class="${kind}"><td>${kind}</td><td>${escaped(tempestName(one.id))}${detail}</td><td>${one.seconds.toFixed(1)}</td></tr>`;
    });
  return [
    "<!doctype html>",
    `<html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>`,
    "<style>body{font:14px sans-serif;margin:2em}td,th{text-align:left;vertical-align:top;padding:2px 12px 2px 0}",
    "pre{white-space:pre-wrap;background:#f4f4f4;padding:6px}.failed td:first-child{color:#b00020;font-weight:bold}",
    ".skipped{color:#777}</style>",
    `<h1>${escaped(title)}</h1><p>${passed} passed, ${failed} failed, ${skipped} skipped</p>`,
    "<table><tr><th>Result</th><th>Test</th><th>Seconds</th></tr>",
    ...rows,
    "</table></html>",
    "",
  ].join("\n");
}
