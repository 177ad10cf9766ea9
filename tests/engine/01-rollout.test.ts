import * as assert from "node:assert/strict";
import { eventually, pause } from "../lab/support/wait";
import { engine } from "./support/engine";
import { newPods, registerNode, startPods } from "./support/kubelet";
import { Stack } from "./support/stack";

const space = "/api/v1/namespaces/rollout";

/** Names and uids of the objects of a collection: what is untouched keeps both. */
async function uids(path: string): Promise<Record<string, string>> {
  const objects = await engine().api.list(path);
  return Object.fromEntries(objects.map(({ metadata }) => [metadata.name, metadata.uid]));
}

describe("a program with workloads", function () {
  this.timeout(300_000);
  let stack: Stack;

  before(async () => {
    await registerNode();
    stack = await Stack.create("rollout", { greeting: "good morning" });
  });

  it("touches nothing in a preview, though nothing it needs is there yet", async () => {
    const outcome = await stack.command("preview");
    assert.equal(outcome.code, 0, outcome.text);
    assert.deepEqual(outcome.changes, { create: 9 });
    assert.equal(await engine().api.find(space), undefined);
  });

  it("is up only when each workload and Service is available, but does not wait for what has skipAwait", async () => {
    const up = stack.start();
    await up.meanwhile(async () => {
      await eventually("idle", 60, async () => up.completed().has("idle"), 200);
      await newPods("rollout", "agent");
      await newPods("rollout", "web");
      // Nothing tells that it waits, but that it does not end: longer than the rest of it takes.
      await pause(3000);
      const held = ["address", "agent", "web"].filter((name) => !up.completed().has(name));
      assert.deepEqual(held, ["address", "agent", "web"], "not waited for, though no pod has started");
      await startPods("rollout", "agent");
      await eventually("agent", 60, async () => up.completed().has("agent") && up.completed().has("address"), 200);
      assert.ok(!up.completed().has("web"), "the Deployment is not waited for");
      await startPods("rollout", "web");
    });
    const outcome = await up.done;
    assert.equal(outcome.code, 0, outcome.text);
    const { status } = await engine().api.get("/apis/apps/v1/namespaces/rollout/deployments/web");
    assert.equal(status?.["availableReplicas"], 1);
    // No kubelet has started this one.
    assert.equal((await newPods("rollout", "idle")).length, 1);
  });

  it("is changed by no second up", async () => {
    const outcome = await stack.up();
    assert.deepEqual(outcome.steps, []);
    assert.deepEqual(Object.keys(outcome.changes), ["same"]);
    assert.equal(outcome.changes["same"], 9);
  });

  it("is as expected in a preview", async () => {
    const outcome = await stack.command("preview", "--expect-no-changes");
    assert.equal(outcome.code, 0, outcome.text);
  });

  it("rolls exactly what reads a changed option: the new ConfigMap comes first, the old one goes last", async () => {
    const before = await uids(`${space}/configmaps`);
    const idle = await engine().api.get("/apis/apps/v1/namespaces/rollout/deployments/idle");
    stack.configure({ greeting: "good evening" });
    const up = stack.start();
    await up.meanwhile(() => startPods("rollout", "web"));
    const outcome = await up.done;
    assert.equal(outcome.code, 0, outcome.text);
    assert.deepEqual(
      outcome.steps.filter(({ op }) => op !== "replace"),
      [
        { op: "create-replacement", name: "web-settings" },
        { op: "update", name: "web" },
        { op: "delete-replaced", name: "web-settings" },
      ],
    );
    const after = await uids(`${space}/configmaps`);
    const kept = Object.keys(after).filter((name) => before[name] === after[name]);
    assert.deepEqual([kept.length, kept[0]?.replace(/-[0-9a-f]{8}$/, "")], [1, "idle-settings"]);
    assert.equal(Object.keys(after).length, 2);
    const still = await engine().api.get("/apis/apps/v1/namespaces/rollout/deployments/idle");
    assert.equal(still.metadata.generation, idle.metadata.generation);
  });

  it("is gone after destroy, with the pods that its workloads had made", async () => {
    const outcome = await stack.command("destroy", "--yes", "--skip-preview");
    assert.equal(outcome.code, 0, outcome.text);
    assert.equal(await engine().api.find(space), undefined);
    assert.deepEqual(await engine().api.list("/api/v1/pods"), []);
  });
});
