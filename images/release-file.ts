import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parse, stringify } from "yaml";
import type { ReleaseArgs } from "../components/kit/release";
import { checkRelease } from "../components/kit/release-check";

/**
 * Reads the text of a release file.
 * @param origin its name, for messages
 * @throws Error that names every problem with its place
 */
export function parseRelease(text: string, origin: string): ReleaseArgs {
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw new Error(`${origin}: this is no YAML: ${error instanceof Error ? error.message : error}`);
  }
  const problems = checkRelease(content);
  if (problems.length > 0) throw new Error(`${origin} is no release:\n${problems.map((one) => `  ${one}`).join("\n")}`);
  return content as ReleaseArgs;
}

/**
 * Reads a release file.
 * @throws Error if it is not there or no release
 */
export async function readReleaseFile(file: string): Promise<ReleaseArgs> {
  return parseRelease(await readFile(file, "utf8"), file);
}

/**
 * Text of a release file: always the same for the same release.
 * @param comment lines put before it. @default none
 */
export function formatRelease(release: ReleaseArgs, comment: readonly string[] = []): string {
  const { name, series, kubernetesVersion, predecessor } = release;
  const images = Object.fromEntries(Object.entries(release.images).sort(([left], [right]) => (left < right ? -1 : 1)));
  const plain = { name, series, kubernetesVersion, ...(predecessor === undefined ? {} : { predecessor }), images };
  const head = comment.map((line) => `${`# ${line}`.trimEnd()}\n`).join("");
  return `${head}${stringify(plain, { lineWidth: 0, defaultStringType: "PLAIN" })}`;
}

/** Writes a release file and the folders above it. */
export async function writeReleaseFile(
  file: string,
  release: ReleaseArgs,
  comment: readonly string[] = [],
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, formatRelease(release, comment));
}

/** Name of a release that exists on this computer only: made of everything else in it. */
export function localReleaseName(release: Omit<ReleaseArgs, "name">): string {
  const text = formatRelease({ name: "", ...release });
  return `local-${createHash("sha256").update(text).digest("hex").slice(0, 10)}`;
}
