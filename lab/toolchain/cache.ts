import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { run, runAsRoot } from "./process";
import type { Progress, Reporter } from "./reporter";

/** Root of this repository. */
export const repositoryDirectory = resolve(__dirname, "..", "..");

/** Where everything that was downloaded or built is kept: `$STRATIFORM_CACHE`, else `stratiform` in the user's cache directory. */
export function cacheDirectory(): string {
  const own = process.env.STRATIFORM_CACHE;
  if (own !== undefined && own !== "") return resolve(own);
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "stratiform");
}

/** What a result is made of; a change of any part gives another hash. */
export interface Ingredients {
  /** Flags, versions, scripts. */
  values: readonly string[];
  /** Files whose names (relative to `root`) and contents count. */
  files?: readonly string[];
  /** Directory that file names are relative to. @default the repository */
  root?: string;
}

/** Short SHA-256 over everything that goes into a result: 16 hexadecimal digits. */
export async function hashOf(ingredients: Ingredients): Promise<string> {
  const hash = createHash("sha256");
  const part = (text: string | Buffer) => hash.update(`${text.length}:`).update(text);
  for (const value of ingredients.values) part(value);
  for (const file of [...(ingredients.files ?? [])].sort()) {
    part(relative(ingredients.root ?? repositoryDirectory, file));
    part(await readFile(file));
  }
  return hash.digest("hex").slice(0, 16);
}

/** SHA-256 digest of a file: `sha256:<64 hexadecimal digits>`. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

/**
 * Runs `work` while no other process (nor another call in this one) holds the lock of that name.
 * The lock is the kernel's: it goes with the process that holds it, however that ends.
 * @param waiting called once if somebody else holds the lock
 */
export async function withLock<T>(name: string, work: () => Promise<T>, waiting?: () => void): Promise<T> {
  const file = join(cacheDirectory(), "locks", `${name}.lock`);
  await mkdir(dirname(file), { recursive: true });
  // The holder lives as long as its standard input stays open, that is as long as this process.
  const holder = spawn("flock", [file, "sh", "-c", "echo locked; cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const timer = setTimeout(() => waiting?.(), 1000);
  try {
    await new Promise<void>((granted, failed) => {
      holder.stdout.once("data", () => granted());
      holder.once("error", (error) =>
        failed(new Error(`lock ${file}: ${error.message}; install the package util-linux`)),
      );
      holder.once("exit", (code) => failed(new Error(`lock ${file}: flock ended with ${code}`)));
    });
    clearTimeout(timer);
    return await work();
  } finally {
    clearTimeout(timer);
    const ended = new Promise((end) => holder.once("exit", end).once("error", end));
    holder.stdin.end();
    if (holder.exitCode === null && holder.pid !== undefined) await ended;
  }
}

/**
 * A directory made once: `<cache>/builds/<name>-<hash>`.
 * It is made beside its place and renamed into it when complete, so a directory of that name can be trusted.
 * @param make fills the empty directory it is given
 * @returns the complete directory
 */
export async function madeOnce(
  name: string,
  hash: string,
  title: string,
  report: Reporter,
  make: (directory: string, progress: Progress) => Promise<void>,
): Promise<string> {
  const builds = join(cacheDirectory(), "builds");
  const target = join(builds, `${name}-${hash}`);
  if (existsSync(target)) return target;
  return report.phase(title, (progress) =>
    withLock(
      name,
      async () => {
        if (existsSync(target)) return target;
        await mkdir(builds, { recursive: true });
        await removeLeftovers(builds, name);
        const unfinished = join(builds, `.unfinished-${name}-${process.pid}`);
        try {
          await mkdir(unfinished);
          await make(unfinished, progress);
          await run("sync", ["-f", unfinished]); // the content reaches the disk before the name that vouches for it
          await rename(unfinished, target);
        } finally {
          await removeTree(unfinished);
        }
        return target;
      },
      () => progress("waits for another run that makes the same thing"),
    ),
  );
}

/** Removes what interrupted runs left; called under the lock of that name. */
async function removeLeftovers(builds: string, name: string): Promise<void> {
  const mine = new RegExp(`^\\.unfinished-${name.replace(/[^\w-]/g, "\\$&")}-\\d+$`);
  for (const entry of await readdir(builds)) if (mine.test(entry)) await removeTree(join(builds, entry));
}

async function removeTree(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  // A build as root may leave files that only root can remove.
  await rm(directory, { recursive: true, force: true }).catch(() => runAsRoot("rm", ["-rf", "--", directory]));
}
