import * as assert from "node:assert/strict";

/** Pause in milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** How many different failures of a wait are told, the last ones. */
const remembered = 40;

/**
 * Tries until a probe neither throws nor returns undefined or false.
 *
 * @param what what is waited for, as it stands in the failure's message
 * @param limit longest wait in seconds; a bound against hanging, never a measure of speed
 * @param probe what is tried
 * @param interval pause between tries in milliseconds
 * @returns what the probe returned
 * @throws AssertionError with the last failure when the time is over, and those before it where they differ
 */
export async function eventually<T>(
  what: string,
  limit: number,
  probe: () => Promise<T | undefined | false>,
  interval = 1000,
): Promise<T> {
  const start = Date.now();
  const failures: { after: string; message: string }[] = [];
  let tries = 0;
  do {
    tries += 1;
    try {
      const found = await probe();
      if (found !== undefined && found !== false) {
        return found;
      }
    } catch (error) {
      const { message } = error as Error;
      if (message !== failures.at(-1)?.message) {
        failures.push({ after: ((Date.now() - start) / 1000).toFixed(1), message });
      }
    }
    await pause(interval);
  } while (Date.now() - start < limit * 1000);
  const last = failures.at(-1)?.message ?? "it was never so";
  const all = failures.slice(-remembered).map(({ after, message }) => `${after} s: ${message}`);
  const before = all.length > 1 ? `\nbefore, from\n${all.join("\n")}` : "";
  return assert.fail(`waited ${limit} s for ${what}; tried ${tries} times; last: ${last}${before}`);
}

/**
 * The result of a promise, or a failure when it takes longer than `limit` seconds.
 *
 * @throws AssertionError when the time is over; the work itself goes on
 */
export async function within<T>(what: string, limit: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} took more than ${limit} s` })),
      limit * 1000,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
