import * as assert from "node:assert/strict";
import { engine } from "./support/engine";
import { newPods, startPods } from "./support/kubelet";
import { descendants, kill } from "./support/process";
import { Stack } from "./support/stack";

/** Names and uids of what is in the namespace. */
async function objects(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const kind of [
    "/api/v1/namespaces/interrupted/configmaps",
    "/apis/apps/v1/namespaces/interrupted/deployments",
  ]) {
    for (const { metadata } of await engine().api.list(kind)) found[metadata.name] = metadata.uid;
  }
  return found;
}

describe("an up that was killed in the middle of a create", function () {
  this.timeout(180_000);
  let stack: Stack;
  let orphans: number[] = [];
  let before: Record<string, string>;

  it("leaves a lock, and objects that the state does not know", async () => {
    stack = await Stack.create("interrupted", { namespace: "interrupted" });
    const up = stack.start();
    await up.meanwhile(() => newPods("interrupted", "web"));
    const pid = await up.pid;
    orphans = descendants(pid);
    process.kill(pid, "SIGKILL");
    await up.done;
    before = await objects();
    assert.deepEqual(
      Object.keys(before)
        .map((name) => name.replace(/-[0-9a-f]{8}$/, ""))
        .sort(),
      ["settings", "web"],
    );
    assert.equal(stack.resources()["web"], undefined);
    const locked = await stack.upFails();
    assert.match(locked.text, /locked/);
  });

  it("goes on after cancel: what exists is taken over, what is missing is made", async () => {
    const cancelled = await stack.run("cancel", "--yes", "--stack", "test");
    assert.equal(cancelled.code, 0, cancelled.text);
    const up = stack.start();
    await up.meanwhile(() => startPods("interrupted", "web"));
    const outcome = await up.done;
    assert.equal(outcome.code, 0, outcome.text);
    const after = await objects();
    assert.equal(Object.keys(after).length, 3, "an object was made twice");
    assert.ok(after["last"]);
    for (const [name, uid] of Object.entries(before)) assert.equal(after[name], uid, `${name} was made anew`);
  });

  it("leaves nothing to do for another up", async () => {
    assert.deepEqual((await stack.up()).steps, []);
    const preview = await stack.command("preview", "--expect-no-changes");
    assert.equal(preview.code, 0, preview.text);
  });

  // Plugins outlive a killed engine for a while.
  after(() => kill(...orphans));
});

describe("an up that was interrupted by Ctrl-C while it waited", function () {
  this.timeout(120_000);
  let stack: Stack;

  it("ends at once, and says what it was waiting for", async () => {
    stack = await Stack.create("interrupted", { namespace: "ctrl-c" }, "ctrl-c");
    const up = stack.start();
    await up.meanwhile(() => newPods("ctrl-c", "web"));
    const begin = performance.now();
    process.kill(await up.pid, "SIGINT");
    const outcome = await up.done;
    assert.notEqual(outcome.code, 0);
    assert.ok(performance.now() - begin < 15_000, `it took ${performance.now() - begin} ms`);
    assert.match(outcome.text, /web/);
  });

  it("needs no cancel: the next one goes on with the same object", async () => {
    const { uid } = (await engine().api.get("/apis/apps/v1/namespaces/ctrl-c/deployments/web")).metadata;
    const up = stack.start();
    await up.meanwhile(() => startPods("ctrl-c", "web"));
    const outcome = await up.done;
    assert.equal(outcome.code, 0, outcome.text);
    const after = await engine().api.get("/apis/apps/v1/namespaces/ctrl-c/deployments/web");
    assert.equal(after.metadata.uid, uid);
  });
});
