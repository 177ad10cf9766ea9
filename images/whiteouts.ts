import { posix } from "node:path";

/** What is in a file system: `find`'s letter for the type, by path without a slash before it. */
export type Inventory = ReadonlyMap<string, string>;

/** Reads what `enter.sh` wrote: "type path" with a zero byte after each. */
export function parseInventory(text: string): Inventory {
  return new Map(
    text
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => [line.slice(2), line.slice(0, 1)]),
  );
}

/**
 * Whiteouts of a layer, as the OCI image format has them: beside each thing that the layer takes away an empty file
 * `.wh.<name>`. Found by what was there before and is not there any more, so it is all the same whether overlayfs marks
 * single files or whole directories as gone.
 */
export function whiteouts(before: Inventory, after: Inventory): string[] {
  const gone = [...before.keys()].filter((path) => !after.has(path));
  return gone.flatMap((path) => {
    const directory = posix.dirname(path);
    // Below something that is gone, or is no directory any more, there is nothing left to take away.
    if (directory !== "." && after.get(directory) !== "d") return [];
    return [posix.join(directory, `.wh.${posix.basename(path)}`)];
  });
}
