import * as assert from "node:assert/strict";
import * as fc from "fast-check";
import { assertSame, diffSnapshots, parseSnapshot } from "../lab/support/snapshot";

const before = "## files\nf 644 /etc/hosts aa\nf 644 /etc/passwd bb\n## routes\ndefault via 10.0.0.1\n";

describe("the comparison of two snapshots of a host", () => {
  it("finds nothing between equal ones, whatever the order", () => {
    const turned = "## routes\ndefault via 10.0.0.1\n## files\nf 644 /etc/passwd bb\nf 644 /etc/hosts aa\n";
    assert.deepEqual(diffSnapshots(parseSnapshot(before), parseSnapshot(turned)), []);
  });

  it("names the part and what came, went and changed", () => {
    const after = "## files\nf 644 /etc/hosts XX\nf 644 /etc/passwd bb\n## routes\n";
    assert.deepEqual(diffSnapshots(parseSnapshot(before), parseSnapshot(after)), [
      "files: - f 644 /etc/hosts aa",
      "files: + f 644 /etc/hosts XX",
      "routes: - default via 10.0.0.1",
    ]);
  });

  it("tells apart one and two of the same thing", () => {
    const one = parseSnapshot("## processes\nsleep\n");
    const two = parseSnapshot("## processes\nsleep\nsleep\n");
    assert.deepEqual(diffSnapshots(one, two), ["processes: + sleep"]);
  });

  it("does not take a snapshot that broke off for an equal one", () => {
    assert.deepEqual(diffSnapshots(parseSnapshot(before), parseSnapshot("## files\n")), [
      "files: - f 644 /etc/hosts aa",
      "files: - f 644 /etc/passwd bb",
      "routes: - the whole part",
    ]);
    assert.throws(() => assertSame("node-1", parseSnapshot(""), parseSnapshot("")), /empty/);
  });

  it("finds every single change", () => {
    const line = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.array(line), line, (lines, extra) => {
        const left = parseSnapshot(`## files\n${lines.join("\n")}\n`);
        const right = parseSnapshot(`## files\n${[...lines, extra].join("\n")}\n`);
        assert.deepEqual(diffSnapshots(left, right), [`files: + ${extra}`]);
        assert.deepEqual(diffSnapshots(right, left), [`files: - ${extra}`]);
      }),
    );
  });
});
