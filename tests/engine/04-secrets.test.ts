import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { engine } from "./support/engine";
import { type Outcome, Stack } from "./support/stack";

/** A secret, and how it may be written: plain, in base64 alone, or in base64 in the midst of something. */
function spellings(secret: string): string[] {
  const inBase64 = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${"x".repeat(shift)}${secret}`).toString("base64");
    // Without the ends, which depend on what stands around.
    return text.slice(shift === 0 ? 0 : 4, text.length - 4);
  });
  return [secret, ...inBase64];
}

describe("secrets", function () {
  this.timeout(180_000);
  const mine = "correct-horse-battery-staple";
  const other = "incorrect-donkey-charger-paperclip";
  const outcomes: Outcome[] = [];
  let stack: Stack;
  let secrets: string[];

  before(async () => {
    stack = await Stack.create("secrets", { public: "in-the-open" });
    await stack.setSecret("mine", mine);
    outcomes.push(await stack.up("--diff"));
    const { data } = await engine().api.get("/api/v1/namespaces/secrets/secrets/credentials");
    const password = Buffer.from(data?.["password"] ?? "", "base64").toString();
    secrets = [mine, other, password].flatMap(spellings);
  });

  it("reach the cluster as they are", async () => {
    const { data } = await engine().api.get("/api/v1/namespaces/secrets/secrets/credentials");
    const text = (key: string): string => Buffer.from(data?.[key] ?? "", "base64").toString();
    assert.equal(text("encoded"), mine);
    assert.match(text("password"), /^[A-Za-z0-9]{32}$/);
    assert.equal(text("config"), `[database]\npassword = ${text("password")}\n`);
    const output = await stack.run("stack", "output", "--stack", "test", "--show-secrets", "result");
    assert.equal(output.stdout.trim(), text("password"));
  });

  it("do not show in a preview or an update with --diff", async () => {
    stack.configure({ public: "for-all-to-see" });
    await stack.setSecret("mine", other);
    outcomes.push(await stack.command("preview", "--diff"));
    outcomes.push(await stack.up("--diff"));
    const shown = outcomes.map(({ text }) => text);
    assert.ok(shown.every((text) => text.includes("[secret]")) && shown[1]?.includes("for-all-to-see"), shown[1]);
    for (const secret of secrets) assert.ok(!shown.join("\n").includes(secret), `shown: ${secret}`);
  });

  it("are not to be read in the state, nor in what is kept of the state before", () => {
    assert.ok(stack.state().includes("for-all-to-see"));
    const directory = path.join(engine().directory, "state");
    const files = fs
      .readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.parentPath.includes("engine-secrets"))
      .map((entry) => path.join(entry.parentPath, entry.name));
    assert.ok(files.length > 1);
    for (const file of files) {
      const text = fs.readFileSync(file, "utf8");
      for (const secret of secrets) assert.ok(!text.includes(secret), `${file}: ${secret}`);
    }
  });
});
