import Table from "cli-table3";
import picocolors from "picocolors";
import type { Progress, Reporter } from "./toolchain/reporter";

/** Plain where nobody looks: the library itself also colours for CI systems. */
const colors = picocolors.createColors(process.stdout.isTTY === true && picocolors.isColorSupported);

/** Time of one phase. */
export interface PhaseTime {
  /** What the phase did. */
  title: string;
  /** Seconds. */
  seconds: number;
  /** Whether it came to its end. */
  done: boolean;
}

/** How a `TerminalReporter` writes. */
export interface ReporterOptions {
  /** Takes one line. @default standard output */
  write?: (line: string) => void;
  /** How often a running phase says where it is, in milliseconds. @default 5000 */
  interval?: number;
  /** Width of a line of progress in characters. @default that of the terminal, or 200 */
  width?: number;
}

/**
 * Says on the terminal what begins, where it is, and how long it took. Phases may run side by side: each line names its
 * phase, and no line is overwritten, so a log file reads as the terminal does.
 */
export class TerminalReporter implements Reporter {
  /** Times of all phases that ended, in the order of their ends. */
  readonly times: PhaseTime[] = [];
  readonly #write: (line: string) => void;
  readonly #interval: number;
  readonly #width: number;

  constructor(options: ReporterOptions = {}) {
    this.#write = options.write ?? ((line) => void process.stdout.write(`${line}\n`));
    this.#interval = options.interval ?? 5_000;
    this.#width = options.width ?? process.stdout.columns ?? 200;
  }

  /** Writes a line that belongs to no phase. */
  say(line: string): void {
    this.#write(line);
  }

  async phase<T>(title: string, run: (progress: Progress) => Promise<T>): Promise<T> {
    const begin = performance.now();
    const seconds = () => (performance.now() - begin) / 1000;
    let last = "";
    this.#write(`${colors.cyan("▸")} ${title}`);
    const timer = setInterval(() => {
      const where = `  … ${title} (${seconds().toFixed(0)} s)${last === "" ? "" : `: ${last}`}`;
      this.#write(colors.dim(where.length > this.#width ? `${where.slice(0, this.#width - 1)}…` : where));
    }, this.#interval);
    let done = false;
    try {
      const result = await run((line) => {
        last = line.trim();
      });
      done = true;
      return result;
    } finally {
      clearInterval(timer);
      this.#end(title, seconds(), done);
    }
  }

  /** Runs a phase that writes to the terminal itself: only its begin, end and time are reported. */
  async foreground<T>(title: string, run: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    let done = false;
    this.#write(`${colors.cyan("▸")} ${title}`);
    try {
      const result = await run();
      done = true;
      return result;
    } finally {
      this.#end(title, (performance.now() - begin) / 1000, done);
    }
  }

  #end(title: string, seconds: number, done: boolean): void {
    this.times.push({ title, seconds, done });
    this.#write(`${done ? colors.green("✓") : colors.red("✗")} ${title} (${seconds.toFixed(1)} s)`);
  }

  /** Table of the phases' times; phases that ran side by side add up to more than the whole. */
  table(): string {
    const rows = this.times.map((time) => [time.done ? time.title : `${time.title} (failed)`, time.seconds.toFixed(1)]);
    return plainTable(["Phase", "Seconds"], rows);
  }
}

/** A table for the terminal. */
export function plainTable(head: string[], rows: string[][]): string {
  const table = new Table({
    head,
    style: { head: process.stdout.isTTY ? ["bold"] : [], border: process.stdout.isTTY ? ["gray"] : [] },
  });
  table.push(...rows);
  return table.toString();
}
