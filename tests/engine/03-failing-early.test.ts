import * as assert from "node:assert/strict";
import type { KubernetesObject } from "./support/api";
import { engine } from "./support/engine";
import { newPods, podsOf, reportEvent, reportPod } from "./support/kubelet";
import { type Outcome, Stack } from "./support/stack";

/** Seconds within which a failure must be found: a tenth of the ten minutes that waiting takes at most. */
const wellUnder = 60;

/** No kubelet runs: the test says what a kubelet would about an image that is not there. */
async function reportUnpullable(pod: KubernetesObject): Promise<void> {
  const message = 'Back-off pulling image "example.invalid/main:1"';
  await reportPod(pod, false, { state: { waiting: { reason: "ImagePullBackOff", message } } });
  await reportEvent(pod, "Failed", "Failed to pull image: example.invalid/main:1: not found");
}

/** No kubelet runs: the test says what a kubelet would about a program that ends again and again. */
async function reportCrashLoop(pod: KubernetesObject, restartCount: number): Promise<void> {
  await reportPod(pod, false, {
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s restarting failed container=main" } },
    lastState: {
      terminated: { exitCode: 3, reason: "Error", finishedAt: new Date().toISOString().replace(/\.\d+Z/, "Z") },
    },
    restartCount,
  });
}

describe("pods that do not come up", function () {
  this.timeout(240_000);
  let stack: Stack;
  let outcome: Outcome;
  let pull: KubernetesObject | undefined;
  let crash: KubernetesObject | undefined;

  before(async () => {
    // The official plugin names the cause only when its time is over.
    stack = await Stack.create("broken", engine().standIn ? {} : { timeout: "40s" });
    const up = stack.start();
    [pull] = await up.meanwhile(() => newPods("broken", "pull"));
    [crash] = await up.meanwhile(() => newPods("broken", "crash"));
    assert.ok(pull && crash);
    await reportUnpullable(pull);
    await reportEvent(crash, "BackOff", "Back-off restarting failed container main");
    await reportCrashLoop(crash, 4);
    outcome = await up.done;
  });

  it(`let up fail within ${wellUnder} s`, () => {
    assert.notEqual(outcome.code, 0, outcome.text);
    assert.ok(outcome.milliseconds < wellUnder * 1000, `it took ${outcome.milliseconds} ms`);
  });

  it("are named with the reason, what the events say, and how to look further", () => {
    const expected: (string | undefined)[] = [
      pull?.metadata.name,
      "ImagePullBackOff",
      "Failed to pull image: example.invalid/main:1: not found",
      crash?.metadata.name,
      "CrashLoopBackOff",
    ];
    if (engine().standIn) {
      // The log lines that belong here too need a kubelet: tests/lab.
      expected.push("exit code 3", "4 restarts", "Back-off restarting failed container main");
      expected.push(`kubectl -n broken describe pod ${pull?.metadata.name}`);
    }
    for (const piece of expected) assert.ok(outcome.text.includes(piece ?? "?"), `no "${piece}" in:\n${outcome.text}`);
  });

  it("leave their workloads in the state, as failed", () => {
    const { pull: first, crash: second } = stack.resources();
    for (const resource of [first, second]) {
      assert.ok(resource?.id?.startsWith("broken/"));
      assert.equal(resource?.initErrors?.length, 1);
    }
  });

  it("are waited for by the next up, on the same objects", async () => {
    const deployments = "/apis/apps/v1/namespaces/broken/deployments";
    const before = (await engine().api.list(deployments)).map(({ metadata }) => metadata.uid);
    const up = stack.start();
    // The kubelet that the test plays has got the image now.
    for (const app of ["pull", "crash"]) {
      const running = { state: { running: { startedAt: new Date().toISOString() } } };
      for (const pod of await podsOf("broken", app)) await reportPod(pod, true, running);
    }
    const next = await up.done;
    assert.equal(next.code, 0, next.text);
    assert.deepEqual(next.steps.map(({ op, name }) => `${op} ${name}`).sort(), ["update crash", "update pull"]);
    assert.deepEqual(
      (await engine().api.list(deployments)).map(({ metadata }) => metadata.uid),
      before,
    );
    assert.equal(stack.resources()["pull"]?.initErrors, undefined);
  });
});
