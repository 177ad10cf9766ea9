import { spawn } from "node:child_process";
import { UserError } from "./error";

/** How a program of a lab ended. */
export interface Result {
  /** Exit code; 128 + number of the signal if one ended it. */
  code: number;
  /** Standard output. */
  stdout: string;
  /** Standard error. */
  stderr: string;
}

/** How a program is executed. */
export interface ExecuteOptions {
  /** Working directory. @default the current one */
  cwd?: string;
  /** The whole environment. @default this process's */
  env?: NodeJS.ProcessEnv;
  /** Text for standard input. @default none */
  input?: string;
  /** Takes each piece of output (both streams) as it appears. */
  onOutput?: (text: string) => void;
  /** Ends the program. */
  signal?: AbortSignal;
  /** Told the pid once it runs. */
  onStart?: (pid: number) => void;
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + ((signal === null ? undefined : signalNumbers[signal]) ?? 1);
}

/** Executes a program to its end, however it ends; only a program that cannot be started is an error. */
export function capture(program: string, args: readonly string[], options: ExecuteOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      signal: options.signal,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.once("spawn", () => options.onStart?.(child.pid ?? 0));
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      options.onOutput?.(text);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      options.onOutput?.(text);
    });
    child.once("error", (error) => {
      if (error.name !== "AbortError") reject(new UserError(`${program} cannot be started: ${error.message}`));
    });
    child.once("close", (code, signal) => resolve({ code: exitCode(code, signal), stdout, stderr }));
    child.stdin?.on("error", () => undefined).end(options.input);
  });
}

/**
 * Executes a program on this terminal: it has our standard streams. Ctrl-C reaches it by the terminal; a signal that
 * only this process got is passed on.
 * @returns its exit code
 */
export function attach(program: string, args: readonly string[], options: ExecuteOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, env: options.env, stdio: "inherit" });
    // The terminal gives Ctrl-C to the whole group: a second one would be "end at once" to Pulumi.
    const onInterrupt = () => {
      if (!process.stdin.isTTY) child.kill("SIGINT");
    };
    const onTerminate = () => void child.kill("SIGTERM");
    process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
    const done = () => process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
    child.once("error", (error) => {
      done();
      reject(new UserError(`${program} cannot be started: ${error.message}`));
    });
    child.once("close", (code, signal) => {
      done();
      resolve(exitCode(code, signal));
    });
  });
}
