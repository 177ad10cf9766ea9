import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { cacheDirectory, digestOf } from "./cache";
import type { Progress } from "./reporter";

/** How long a server may take to answer before it counts as out of reach, in milliseconds. */
const answerLimit = 5_000;
/** How long a transfer may stand still, in milliseconds. */
const stallLimit = 30_000;
/** How long later runs believe that a server is out of reach, in milliseconds. */
const memory = 3_600_000;

const probes = new Map<string, Promise<boolean>>();

/**
 * Whether a server answers within seconds. The answer holds for this run; a "no" also for later ones, for an hour.
 * @param origin scheme and host, such as `https://example.org`
 */
export function reachable(origin: string): Promise<boolean> {
  return remembered(new URL(origin).host, () => answers(origin));
}

/**
 * What `ask` says of something far away. The answer holds for this run; a "no" also for later ones, for an hour.
 * @param name what is asked for; no path
 */
export function remembered(name: string, ask: () => Promise<boolean>): Promise<boolean> {
  const known = probes.get(name);
  if (known !== undefined) return known;
  const probe = askUnlessRefused(name, ask);
  probes.set(name, probe);
  return probe;
}

/** Whether all these servers answer within seconds. */
export async function allReachable(origins: readonly string[]): Promise<boolean> {
  return (await Promise.all(origins.map(reachable))).every(Boolean);
}

async function askUnlessRefused(name: string, ask: () => Promise<boolean>): Promise<boolean> {
  const file = join(cacheDirectory(), "unreachable", name);
  const at = Number(await readFile(file, "utf8").catch(() => "0"));
  if (Date.now() - at < memory) return false;
  const yes = await ask();
  if (yes) {
    await rm(file, { force: true });
  } else {
    await mkdir(join(cacheDirectory(), "unreachable"), { recursive: true });
    await writeFile(file, String(Date.now()));
  }
  return yes;
}

function answers(origin: string): Promise<boolean> {
  const request = { method: "HEAD", redirect: "manual", signal: AbortSignal.timeout(answerLimit) } as const;
  return fetch(origin, request).then(
    () => true,
    () => false,
  );
}

/** The text behind a URL. */
export async function downloadText(url: string): Promise<string> {
  return (await open(url, AbortSignal.timeout(stallLimit))).text();
}

/**
 * Downloads a file and checks its digest; nothing is left at `file` if that fails.
 * @param digest `sha256:<64 hexadecimal digits>`
 */
export async function downloadFile(url: string, file: string, digest: string, progress: Progress): Promise<void> {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error(`nothing arrived for ${stallLimit / 1000} s`)), stallLimit);
  const part = `${file}.part`;
  try {
    const response = await open(url, stalled.signal);
    const total = Number(response.headers.get("content-length") ?? 0);
    let received = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        timer.refresh();
        received += chunk.length;
        progress(`${url}: ${mebibytes(received)}${total > 0 ? ` of ${mebibytes(total)}` : ""} MiB`);
        done(null, chunk);
      },
    });
    if (response.body === null) throw new Error(`${url}: empty answer`);
    await pipeline(
      Readable.fromWeb(response.body as import("node:stream/web").ReadableStream),
      count,
      createWriteStream(part),
    );
    const found = await digestOf(part);
    if (found !== digest) {
      throw new Error(
        `${url}: digest ${found}, expected ${digest}. Something on the way changes the file, or the pin is wrong.`,
      );
    }
    await rename(part, file);
  } finally {
    clearTimeout(timer);
    await rm(part, { force: true });
  }
}

async function open(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status} ${response.statusText}`);
  return response;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
