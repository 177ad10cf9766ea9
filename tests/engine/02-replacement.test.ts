import * as assert from "node:assert/strict";
import { engine } from "./support/engine";
import { type Outcome, Stack } from "./support/stack";

const space = "/api/v1/namespaces/replacement";

describe("a change that needs a new object", function () {
  this.timeout(180_000);
  let stack: Stack;
  let labelled: string;
  let outcome: Outcome;

  before(async () => {
    stack = await Stack.create("replacement", { version: "one" });
    await stack.up();
    labelled = (await engine().api.get(`${space}/configmaps/labelled`)).metadata.uid;
    stack.configure({ version: "two" });
    outcome = await stack.up();
  });

  /** What was done to a resource, in this order. */
  function done(name: string): string[] {
    return outcome.steps.filter((step) => step.name === name).map(({ op }) => op);
  }

  it("deletes the old one first where name and namespace stay", () => {
    for (const name of ["fixed", "binding", "class", "moved"]) {
      assert.deepEqual(done(name), ["delete-replaced", "replace", "create-replacement"], name);
    }
  });

  it("makes the new one first where the name changes with the content", () => {
    assert.deepEqual(done("hashed"), ["create-replacement", "replace", "delete-replaced"]);
  });

  it("is not made of a change that the object takes", async () => {
    assert.deepEqual(done("labelled"), ["update"]);
    assert.equal((await engine().api.get(`${space}/configmaps/labelled`)).metadata.uid, labelled);
  });

  it("leaves the new objects, and no old one", async () => {
    const { api } = engine();
    const configMaps = await api.list(`${space}/configmaps`);
    assert.deepEqual(
      configMaps.map(({ metadata, data }) => [metadata.name.replace(/-[0-9a-f]{8}$/, ""), data]).sort(),
      [
        ["fixed", { version: "two" }],
        ["hashed", { version: "two" }],
        ["labelled", undefined],
      ],
    );
    const rbac = await api.get("/apis/rbac.authorization.k8s.io/v1/namespaces/replacement/rolebindings/binding");
    assert.equal((rbac["roleRef"] as { name: string }).name, "role-two");
    const storage = await api.get("/apis/storage.k8s.io/v1/storageclasses/replacement");
    assert.equal(storage["provisioner"], "example.invalid/two");
    const moved = await api.get("/apis/apps/v1/namespaces/replacement/deployments/moved");
    assert.deepEqual(moved.spec?.["selector"], { matchLabels: { app: "moved-two" } });
  });
});
