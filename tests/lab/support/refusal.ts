import * as assert from "node:assert/strict";
import type { Site, StackFile } from "./site";
import { textOf } from "./site";

/** Longest time of a refusal in seconds: what is asked of the program, not of the machine. */
const refusalLimit = 60;

/** How a refused command is run. */
export interface RefusalOptions {
  /** Edit of the stack file for this command alone. @default none */
  change?: (stack: StackFile) => void;
  /** What is done to the edited stack file before the command; its time does not count. @default nothing */
  prepare?: () => Promise<void>;
  /** Arguments of pulumi. @default a preview */
  args?: string[];
  /** Environment on top of the lab's. @default none */
  env?: Record<string, string | undefined>;
}

/** Runs a pulumi command that must refuse within a minute, and without a stack trace. Returns all it said. */
export async function refusal(site: Site, options: RefusalOptions = {}): Promise<string> {
  const args = options.args ?? ["preview"];
  let begin = 0;
  const result = await site.withStack(options.change ?? (() => undefined), async () => {
    await options.prepare?.();
    begin = Date.now();
    return site.pulumi(args, options.env);
  });
  const seconds = (Date.now() - begin) / 1000;
  const text = textOf(result);
  assert.notEqual(result.code, 0, `pulumi ${args.join(" ")} accepted bad input:\n${text}`);
  assert.ok(seconds < refusalLimit, `the refusal took ${seconds.toFixed(0)} s, more than ${refusalLimit} s:\n${text}`);
  assert.doesNotMatch(text, /^\s+at .*:\d+/m, `a stack trace stands in the message:\n${text}`);
  return text;
}

/** Fails unless one line of a text has all of these words, in this order. */
export function assertSays(text: string, ...words: (string | RegExp)[]): void {
  const pattern = words.map((word) => (typeof word === "string" ? literal(word) : `(?:${word.source})`)).join(".*");
  assert.match(text, new RegExp(pattern), `no line says ${words.join(" … ")}:\n${text}`);
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
