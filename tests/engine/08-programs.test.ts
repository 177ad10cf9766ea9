import * as assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { repositoryDirectory } from "../../lab/toolchain";
import { engine } from "./support/engine";
import { Stack } from "./support/stack";

describe("a program that refuses its configuration", function () {
  this.timeout(60_000);

  it("shows its message, and no stack trace", async () => {
    const stack = await Stack.create("refusal");
    const outcome = await stack.command("preview");
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.text, /cluster\.hosts\[1\]\.name: dev-1 is the name of another host already/);
    assert.doesNotMatch(outcome.text, /^\s+at |index\.ts|node_modules|unhandled/im);
  });
});

describe("the package for other languages", function () {
  this.timeout(120_000);

  /** What `pulumi package get-schema` makes of a plugin's folder or a schema file. */
  async function getSchema(source: string): Promise<unknown> {
    const { directory: cwd, env, toolchain } = engine();
    const words = ["package", "get-schema", source];
    const { stdout } = await promisify(execFile)(toolchain.pulumi, words, { cwd, env, maxBuffer: 64 << 20 });
    return JSON.parse(stdout);
  }

  it("has the schema of the snapshot when Pulumi's own command asks for it, from any directory", async () => {
    // The command installs what package.json names, into the folder itself: a copy, whose dependencies are there already.
    const folder = path.join(engine().directory, "package");
    const copy = path.join(folder, "components");
    fs.cpSync(path.join(repositoryDirectory, "components"), copy, { recursive: true });
    for (const name of ["node_modules", "tsconfig.json"]) {
      fs.symlinkSync(path.join(repositoryDirectory, name), path.join(folder, name));
    }
    const manifest = JSON.parse(fs.readFileSync(path.join(copy, "package.json"), "utf8")) as object;
    fs.writeFileSync(path.join(copy, "package.json"), JSON.stringify({ ...manifest, dependencies: {} }));
    // The command leaves out what has its default, so the snapshot goes through it too.
    const snapshot = await getSchema(path.join(repositoryDirectory, "tests/unit/schema.snapshot.json"));
    assert.deepEqual(await getSchema(copy), snapshot);
  });
});
