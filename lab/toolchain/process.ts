import { type ChildProcess, spawn } from "node:child_process";

/** How a program is run. */
export interface RunOptions {
  /** Working directory. @default the current one */
  cwd?: string;
  /** Environment on top of the current one. */
  env?: Record<string, string>;
  /** Text for its standard input. @default nothing */
  input?: string;
  /** Called for each line of output (both streams) as it appears. */
  onLine?: (line: string) => void;
  /** Ends the program after this many milliseconds. @default no limit */
  timeout?: number;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/**
 * Runs a program to its end.
 * @returns its standard output
 * @throws Error with the command, how it ended and its last lines (of standard error, if there are any)
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      timeout: options.timeout,
    });
    running.add(child);
    let output = "";
    const tails: Record<"out" | "error", string[]> = { out: [], error: [] };
    const keep = (tail: string[]) => (line: string) => {
      tail.push(line);
      if (tail.length > 20) tail.shift();
      options.onLine?.(line);
    };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const flush = [eachLine(child.stdout, keep(tails.out)), eachLine(child.stderr, keep(tails.error))];
    const fail = (how: string) => {
      const tail = tails.error.length > 0 ? tails.error : tails.out;
      const where = options.cwd === undefined ? "" : ` in ${options.cwd}`;
      reject(
        new Error(`${[command, ...args].join(" ").slice(0, 300)}${where}: ${how}\n  ${tail.join("\n  ")}`.trimEnd()),
      );
    };
    child.on("error", (error) => {
      running.delete(child);
      fail(error.message);
    });
    child.on("close", (code, signal) => {
      running.delete(child);
      for (const end of flush) end();
      if (code === 0) resolve(output);
      else if (code !== null) fail(`exit code ${code}`);
      else fail(`ended by ${signal}${options.timeout === undefined ? "" : ` (limit ${options.timeout / 1000} s)`}`);
    });
    child.stdin?.on("error", () => undefined).end(options.input);
  });
}

function eachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): () => void {
  let rest = "";
  stream?.on("data", (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split(/[\r\n]+/);
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") take(line);
  });
  return () => {
    if (rest !== "") take(rest);
    rest = "";
  };
}

/**
 * Runs a program as root: directly, or by `sudo` without a password.
 * @returns its standard output
 */
export function runAsRoot(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  if (process.getuid?.() === 0) return run(command, args, options);
  const environment = Object.entries(options.env ?? {}).map(([key, value]) => `${key}=${value}`);
  return run("sudo", ["-n", "env", ...environment, command, ...args], { ...options, env: undefined });
}

/** Whether a program ends well; its output is dropped. */
export async function succeeds(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  return run(command, args, options).then(
    () => true,
    () => false,
  );
}
