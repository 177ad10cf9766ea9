import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "./error";
import { labDirectory } from "./names";

/** A background process of a lab. */
export interface ServicePlan {
  /** Lab. */
  lab: string;
  /** Name: of its pid file and log. */
  name: string;
  /** Program and arguments. */
  command: [string, ...string[]];
  /** Address and port where it listens. */
  address: string;
  port: number;
  /** Environment on top of the current one. */
  env?: Record<string, string>;
}

interface Identity {
  pid: number;
  /** Start of the process in clock ticks after boot: with the pid it names one process and no later one. */
  start: string;
  /** Command and environment it was started with. */
  command: string;
}

/** How long a service may take until it listens, and until it has ended, in milliseconds. */
const limit = 15_000;

function pidFile(lab: string, name: string): string {
  return join(labDirectory(lab), "pids", `${name}.json`);
}

function logFile(lab: string, name: string): string {
  return join(labDirectory(lab), "logs", `${name}.log`);
}

/** Start time of a process as in field 22 of `/proc/<pid>/stat`; undefined if there is none, or only its remains. */
export function processStart(pid: number): string | undefined {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return undefined;
  try {
    // The second field is the program's name in parentheses, and may itself contain some.
    const fields = readFileSync(file, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

async function readIdentity(lab: string, name: string): Promise<Identity | undefined> {
  const text = await readFile(pidFile(lab, name), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Identity);
}

/** Pid of a service of a lab, if that very process still runs. */
export async function servicePid(lab: string, name: string): Promise<number | undefined> {
  const identity = await readIdentity(lab, name);
  return identity !== undefined && processStart(identity.pid) === identity.start ? identity.pid : undefined;
}

/**
 * Starts a service unless it runs already with the same command, and waits until it listens.
 * @throws UserError with the last lines of its log if it ends or does not listen
 */
export async function ensureService(plan: ServicePlan): Promise<void> {
  const command = JSON.stringify([plan.command, plan.env ?? {}]);
  const known = await readIdentity(plan.lab, plan.name);
  const running = known !== undefined && processStart(known.pid) === known.start;
  if (running && known.command === command && (await listens(plan.address, plan.port))) return;
  if (running) await stopService(plan.lab, plan.name);
  if (await listens(plan.address, plan.port)) {
    throw new UserError(
      `${plan.name} of lab ${plan.lab}: something else listens on ${plan.address}:${plan.port}. ` +
        `Find it with "ss -ltnp sport = :${plan.port}", end it, and run the command again.`,
    );
  }
  const pid = await startDetached(plan);
  const start = processStart(pid);
  if (start !== undefined) {
    await mkdir(join(labDirectory(plan.lab), "pids"), { recursive: true });
    await writeFile(pidFile(plan.lab, plan.name), JSON.stringify({ pid, start, command } satisfies Identity));
  }
  const end = Date.now() + limit;
  while (!(await listens(plan.address, plan.port))) {
    if (processStart(pid) !== start || start === undefined || Date.now() > end) {
      const log = logFile(plan.lab, plan.name);
      const lines = (await readFile(log, "utf8").catch(() => "")).trim().split("\n").slice(-8).join("\n  ");
      throw new UserError(
        `${plan.name} of lab ${plan.lab} does not listen on ${plan.address}:${plan.port}; its log ${log} ends:\n  ${lines}`,
      );
    }
    await sleep(50);
  }
}

async function startDetached(plan: ServicePlan): Promise<number> {
  await mkdir(join(labDirectory(plan.lab), "logs"), { recursive: true });
  const log = await open(logFile(plan.lab, plan.name), "a");
  try {
    const [program, ...args] = plan.command;
    const child = spawn(program, args, {
      cwd: labDirectory(plan.lab),
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, ...plan.env },
    });
    const started = new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    await started.catch((error: Error) => {
      throw new UserError(`${plan.name} of lab ${plan.lab}: ${program} does not start: ${error.message}`);
    });
    child.unref();
    return child.pid ?? 0;
  } finally {
    await log.close();
  }
}

/** Ends a service by its own pid, and waits for its end. Nothing happens if that very process is gone. */
export async function stopService(lab: string, name: string): Promise<void> {
  const pid = await servicePid(lab, name);
  if (pid !== undefined) {
    const start = processStart(pid);
    process.kill(pid, "SIGTERM");
    const end = Date.now() + limit / 3;
    while (processStart(pid) === start) {
      if (Date.now() > end) process.kill(pid, "SIGKILL");
      await sleep(50);
    }
  }
  await rm(pidFile(lab, name), { force: true });
}

/** Whether something accepts connections. */
export function listens(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 2_000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("connect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });
}
