import { spawn } from "node:child_process";
import type { Command } from "./client";
import { UserError } from "./error";

/** How a program that was spoken with ended. */
export interface ConversationEnd {
  /** Exit code; -1 if a signal ended it. */
  code: number;
  /** Its last lines on standard error. */
  errors: string;
}

/** How many lines of standard error are kept. */
const keptLines = 40;

/**
 * Speaks with a program: takes each line of its standard output in turn, and writes what `answer` returns, if anything, as
 * a line to its standard input.
 * @throws UserError if it cannot be started; what `answer` throws, after the program was ended
 */
export async function converse(
  command: Command,
  answer: (line: string) => Promise<string | undefined>,
): Promise<ConversationEnd> {
  const child = spawn(command.program, command.args, { stdio: ["pipe", "pipe", "pipe"] });
  const errors: string[] = [];
  child.stdin.on("error", () => undefined);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors.push(...text.split("\n").filter((line) => line !== ""));
    errors.splice(0, Math.max(0, errors.length - keptLines));
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new UserError(`${command.program} cannot be started: ${error.message}`)));
    child.once("close", (code) => resolve(code ?? -1));
  });
  // It is waited for below, when all was read.
  ended.catch(() => undefined);
  try {
    for await (const line of linesOf(child.stdout)) {
      const said = await answer(line);
      if (said !== undefined) child.stdin.write(`${said}\n`);
    }
  } catch (error) {
    child.kill("SIGTERM");
    await ended.catch(() => undefined);
    throw error;
  }
  child.stdin.end();
  return { code: await ended, errors: errors.join("\n") };
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = "";
  stream.setEncoding("utf8");
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
