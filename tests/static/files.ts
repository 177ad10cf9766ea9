import * as fs from "node:fs";
import * as path from "node:path";

/** The repository's root. */
export const repository = path.resolve(__dirname, "../..");

const skipped = new Set(["node_modules", "dist"]);

/** Files of this repository whose name ends so, with paths from its root; without what is built, installed or hidden. */
export function filesEnding(...endings: string[]): string[] {
  const visit = (folder: string): string[] =>
    fs.readdirSync(path.join(repository, folder), { withFileTypes: true }).flatMap((entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        return skipped.has(entry.name) || entry.name.startsWith(".") ? [] : visit(file);
      }
      return endings.some((ending) => entry.name.endsWith(ending)) ? [file] : [];
    });
  return visit("").sort();
}
