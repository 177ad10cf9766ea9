import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";

/**
 * Writes a file that only its owner may read. A reader sees the old one or the new one, never half of one; of writers
 * beside each other, the last one's stays.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  const part = `${file}.${randomUUID()}`;
  await writeFile(part, text, { mode: 0o600 });
  await rename(part, file);
}
