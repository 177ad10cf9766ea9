import * as assert from "node:assert/strict";
import type { Site } from "./site";
import { textOf } from "./site";

/** What a preview would do to one resource. */
export interface Operation {
  /** `create`, `update`, `delete`, `replace`, … */
  op: string;
  /** Name of the resource. */
  name: string;
}

/** What `pulumi preview` would change, sorted by name: resources, without what only groups them. */
export async function plannedChanges(site: Site): Promise<Operation[]> {
  const result = await site.pulumi(["preview", "--json"]);
  assert.equal(result.code, 0, textOf(result).slice(-3000));
  const { steps } = JSON.parse(result.stdout.slice(result.stdout.indexOf("{"))) as {
    steps?: { op: string; urn: string }[];
  };
  return (steps ?? [])
    .filter(
      ({ op, urn }) =>
        !["same", "read", "refresh"].includes(op) && !/(stratiform:index:\w+|pulumi:Stack)::[^:]+$/.test(urn),
    )
    .map(({ op, urn }) => ({ op, name: urn.slice(urn.lastIndexOf("::") + 2) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Numbers of resources by operation, from the summary that ends an update: `{ created: 3, unchanged: 40 }`. */
export function summary(text: string): Record<string, number> {
  const start = text.lastIndexOf("Resources:");
  assert.notEqual(start, -1, `pulumi printed no summary:\n${text.slice(-2000)}`);
  const counts: Record<string, number> = {};
  for (const [, sign, count, what] of text.slice(start).matchAll(/^\s*([+~-]?)\s*(\d+) (\w+)/gm)) {
    if (count && what) {
      counts[what] = Number(count);
    }
    void sign;
  }
  return counts;
}
