import * as assert from "node:assert/strict";
import { engine } from "./support/engine";
import { type Outcome, Stack } from "./support/stack";

describe("objects changed behind the program's back", function () {
  this.timeout(180_000);
  let stack: Stack;
  let uid: string;

  before(async () => {
    stack = await Stack.create("drift");
    await stack.up();
    const { kubectl, api } = engine();
    uid = (await api.get("/api/v1/namespaces/drift/configmaps/untouched")).metadata.uid;
    await kubectl("-n", "drift", "patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"level":"debug"}}');
    await kubectl("-n", "drift", "scale", "deployment", "web", "--replicas=5");
    await kubectl("-n", "drift", "set", "image", "deployment/web", "main=example.invalid/other:2");
    await kubectl("-n", "drift", "delete", "serviceaccount", "gone");
  });

  it("are not seen by up alone", async () => {
    assert.deepEqual((await stack.up()).steps, []);
  });

  it("are found by refresh, and nothing else is", async () => {
    const outcome = await stack.command("refresh", "--preview-only", "--expect-no-changes", "--diff");
    assert.notEqual(outcome.code, 0, outcome.text);
    for (const piece of ["settings", "debug", "web", "other:2", "gone"]) {
      assert.ok(outcome.text.includes(piece), `no "${piece}" in:\n${outcome.text}`);
    }
    assert.doesNotMatch(outcome.text, /untouched/);
  });

  it("are put right by up --refresh, and a deleted one is made again", async () => {
    const outcome: Outcome = await stack.up("--refresh");
    const names = new Set(outcome.steps.map(({ name }) => name));
    assert.deepEqual([...names].sort(), ["gone", "settings", "web"]);
    const { api } = engine();
    assert.deepEqual((await api.get("/api/v1/namespaces/drift/configmaps/settings")).data, { level: "info" });
    const { spec } = await api.get("/apis/apps/v1/namespaces/drift/deployments/web");
    assert.equal(spec?.["replicas"], 2);
    assert.match(JSON.stringify(spec), /"image":"example.invalid\/main:1"/);
    assert.ok(await api.find("/api/v1/namespaces/drift/serviceaccounts/gone"));
    assert.equal((await api.get("/api/v1/namespaces/drift/configmaps/untouched")).metadata.uid, uid);
  });

  it("are as expected after that", async () => {
    const outcome = await stack.command("refresh", "--preview-only", "--expect-no-changes");
    assert.equal(outcome.code, 0, outcome.text);
  });

  it("stay what they are when the cluster is reached at another address", async () => {
    stack.configure({ host: "localhost" });
    assert.deepEqual((await stack.up()).steps, [{ op: "update", name: "cluster" }]);
  });
});
