import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { readScript, stepProgram } from "../../components/cluster/host-step";

describe("what a host step's shell reads", () => {
  const inputs = { KEY: 'it\'s\n"two" lines, $HOME, ü' };

  it("starts the program as a unit of its own, with its inputs as they are", () => {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-step-"));
    try {
      // The launcher's part is played by what takes the program from it.
      const text = stepProgram("ready", inputs).replace(
        readScript("launcher"),
        `set -euo pipefail; launch() { echo "$1 $2"; cat >${place}/program; }`,
      );
      const run = spawnSync("bash", ["-s", "--", "apply"], { input: text, encoding: "utf8" });
      assert.deepEqual([run.status, run.stdout, run.stderr], [0, "ready apply\n", ""]);
      const program = fs.readFileSync(path.join(place, "program"), "utf8");
      for (const part of ["library", "ready"]) assert.ok(program.includes(readScript(part)), part);
      const [assignments = ""] = program.split(readScript("library"));
      const seen = spawnSync("bash", ["-c", `${assignments}printf %s "$KEY"`], { encoding: "utf8" });
      assert.equal(seen.stdout, inputs.KEY);
    } finally {
      fs.rmSync(place, { recursive: true });
    }
  });

  it("starts nothing where it arrives damaged", () => {
    const text = stepProgram("ready", inputs)
      .replace(readScript("launcher"), "set -euo pipefail; launch() { echo launched; }")
      .replace(/\n(H4sI[^\n]{200})[^\n]*\n/, "\n$1\n");
    const run = spawnSync("bash", ["-s", "--", "apply"], { input: text, encoding: "utf8" });
    assert.notEqual(run.status, 0);
    assert.equal(run.stdout, "");
  });

  it("is small, and the same each time: it stands in the state twice, and a step whose text differs is run again", () => {
    const text = stepProgram("prepare", inputs);
    const whole = ["launcher", "library", "prepare"].map((name) => readScript(name).length);
    assert.ok(text.length < whole.reduce((sum, one) => sum + one, 0) * 0.6);
    const now = Date.now;
    try {
      Date.now = () => now() + 86_400_000;
      assert.equal(stepProgram("prepare", inputs), text);
    } finally {
      Date.now = now;
    }
  });
});
