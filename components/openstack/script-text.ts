import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Text of a file in `components/openstack/scripts`. */
export function scriptText(file: string): string {
  return readFileSync(join(__dirname, "scripts", file), "utf8");
}
