import { join } from "node:path";

/** The program that verifies a cloud; its head says how it is called, and what it says. */
export const verificationProgram = join(__dirname, "scripts", "verify.py");

/** All files of it: the program, and what it imports from beside it. Where it runs, all of them lie in one directory. */
export const verificationFiles: readonly string[] = [
  verificationProgram,
  join(__dirname, "scripts", "verify_steps.py"),
];

/** What the program says, a line each. */
export type VerificationEvent =
  | { event: "begin"; step: string; services: string[] }
  | { event: "end"; step: string; seconds: number; detail: string }
  | { event: "fail"; step: string; seconds: number; error: string; services: string[] }
  | { event: "progress"; text: string }
  | { event: "ask"; what: "ssh"; address: string; command: string; user: string }
  | { event: "ask"; what: "ping"; address: string }
  | { event: "done"; seconds: number; failed: boolean };

/** What the caller answers to "ask". */
export interface VerificationAnswer {
  /** Whether it went well. */
  ok: boolean;
  /** What was printed, or why it did not go well. */
  output: string;
}

/** A line of the program as an event; undefined for a line that is none, such as a library's warning. */
export function verificationEvent(line: string): VerificationEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value ? (value as VerificationEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** A step that was done. */
export interface VerificationStep {
  /** Name. */
  step: string;
  /** How long it took. */
  seconds: number;
  /** What it says of itself, or what is wrong. */
  detail: string;
  /** Whether it failed. */
  failed: boolean;
}

/** The steps that ended, in their order. */
export function verificationSteps(events: readonly VerificationEvent[]): VerificationStep[] {
  return events.flatMap((one): VerificationStep[] => {
    if (one.event === "end") return [{ step: one.step, seconds: one.seconds, detail: one.detail, failed: false }];
    return one.event === "fail"
      ? [{ step: one.step, seconds: one.seconds, detail: one.error.split("\n")[0] ?? "", failed: true }]
      : [];
  });
}

/** Lines of a log that say that something is wrong, and as many of the last ones as fill up to `most`. */
export function tellingLines(log: string, most: number): string[] {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.map((line) => /\b(ERROR|CRITICAL|FATAL|EMER|Traceback|error:)/.test(line));
  const wanted = new Set(telling.flatMap((tells, index) => (tells ? [index] : [])).slice(-Math.ceil(most / 2)));
  for (let index = lines.length - 1; index >= 0 && wanted.size < most; index--) wanted.add(index);
  return lines.filter((_, index) => wanted.has(index));
}
