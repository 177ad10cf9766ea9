import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const library = join(__dirname, "..", "..", "components", "cluster", "scripts", "library.sh");

/** Runs a line of a host step with a stand-in of kubectl that fails a number of times, then says something. */
function step(line: string, failures: number, says: string): { status: number | null; stdout: string } {
  const directory = mkdtempSync(join(tmpdir(), "stratiform-ask-"));
  try {
    const kubectl = `kubectl() {
      echo x >>calls
      if (($(wc -l <calls) <= ${failures})); then echo "connection refused" >&2; return 1; fi
      printf '%s' '${says}'
    }`;
    const program = `HOST_NAME=worker-1; source "${library}"; host_conf=none; ${kubectl}\n${line}`;
    const { status, stdout } = spawnSync("bash", ["-c", program], {
      cwd: directory,
      encoding: "utf8",
      timeout: 20_000,
    });
    return { status, stdout };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe("host steps that ask the API", function () {
  this.timeout(30_000);

  it("ask again where an API server has just begun anew", () => {
    const { status, stdout } = step('if node_exists; then echo "there"; else echo "not there"; fi', 2, "node/worker-1");
    assert.equal(stdout.trim(), "there");
    assert.equal(status, 0);
  });

  it("take no silence for the answer that a node is not there", () => {
    assert.match(step('if node_exists; then echo "there"; else echo "not there"; fi', 1, "").stdout, /^not there$/m);
  });

  it("leave a node alone that has the stack's labels, though the first questions had no answer", () => {
    const line = 'NODE_LABELS=a=b; NODE_TAINTS=""; converge_node; wc -l <calls';
    const { status, stdout } = step(line, 3, "a=b|");
    assert.equal(status, 0, stdout);
    assert.equal(stdout.trim(), "5");
  });
});
