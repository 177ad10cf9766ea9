import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";

/** A server that a test run has started. */
export interface Server {
  /** Process id. */
  pid: number;
  /** Ends the server, and waits until it has ended. */
  stop(): Promise<void>;
}

/** How long a server may take to end by itself before it is killed, in milliseconds. */
const graceMs = 5_000;

/** A TCP port on 127.0.0.1 that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** Starts a server with its output in a log file. It is ended by its process id, at the latest when this process ends. */
export function startServer(program: string, flags: Record<string, string>, logFile: string): Server {
  const log = fs.openSync(logFile, "a");
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, words, { stdio: ["ignore", log, log] });
  fs.closeSync(log);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      await ended(child);
      process.off("exit", kill);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await end;
  clearTimeout(timer);
}

/** Last lines of a log file. */
export function lastLines(file: string, count = 20): string {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trimEnd().split("\n").slice(-count).join("\n") : "";
}

/** Process ids of a process's children, and of theirs. */
export function descendants(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  if (!fs.existsSync(tasks)) return [];
  // Each thread has children of its own.
  const texts = fs.readdirSync(tasks).map((thread) => fs.readFileSync(path.join(tasks, thread, "children"), "utf8"));
  const children = texts.flatMap((text) => text.split(" ").filter(Boolean).map(Number));
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Kills processes; one that has ended already is passed over. */
export function kill(...pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}
