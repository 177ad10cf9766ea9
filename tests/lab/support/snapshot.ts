import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

/** What a host holds, by part (`files`, `iptables`, `processes`, …): a line per thing. */
export type Snapshot = ReadonlyMap<string, readonly string[]>;

/** The shell program, for a host's standard shell run as root, that prints a snapshot. */
export const snapshotProgram = fs.readFileSync(path.join(__dirname, "snapshot.sh"), "utf8");

/** Reads what the snapshot program printed. */
export function parseSnapshot(text: string): Snapshot {
  const parts = new Map<string, string[]>();
  let lines: string[] | undefined;
  for (const line of text.split("\n")) {
    const title = /^## (\S+)$/.exec(line)?.[1];
    if (title) {
      lines = [];
      parts.set(title, lines);
    } else if (line.trim() !== "") {
      lines?.push(line.trim());
    }
  }
  return parts;
}

/**
 * What is there after but not before (`+`), and the reverse (`-`), each with its part in front. A thing that is there
 * twice counts twice.
 */
export function diffSnapshots(before: Snapshot, after: Snapshot): string[] {
  const differences: string[] = [];
  for (const part of new Set([...before.keys(), ...after.keys()])) {
    const left = before.get(part);
    const right = after.get(part);
    if (!left || !right) {
      differences.push(`${part}: ${left ? "-" : "+"} the whole part`);
      continue;
    }
    const counts = new Map<string, number>();
    for (const line of left) counts.set(line, (counts.get(line) ?? 0) - 1);
    for (const line of right) counts.set(line, (counts.get(line) ?? 0) + 1);
    for (const [line, count] of counts) {
      if (count !== 0) {
        differences.push(`${part}: ${count < 0 ? "-" : "+"} ${line}`);
      }
    }
  }
  return differences;
}

/**
 * Fails if a host is not as it was.
 *
 * @param ignored lines of a difference that are no concern of this comparison
 */
export function assertSame(host: string, before: Snapshot, after: Snapshot, ignored?: RegExp): void {
  assert.ok((before.get("files")?.length ?? 0) > 100, `the snapshot of ${host} is empty`);
  const differences = diffSnapshots(before, after).filter((line) => !ignored?.test(line));
  if (differences.length > 0) {
    const most = 40;
    const more = differences.length > most ? `\n  … and ${differences.length - most} more` : "";
    assert.fail(
      `${host} is not as it was ("+" is new, "-" is gone):\n  ${differences.slice(0, most).join("\n  ")}${more}`,
    );
  }
}
