import * as assert from "node:assert/strict";
import { runProgram } from "./engine";
import { Graph, openText } from "./graph";
import { type KubernetesObject, objectsOf } from "./objects";

const program = "tests/graph/programs/setup.ts";

let base: Graph;
let changed: Graph;

before(async function () {
  this.timeout(120_000);
  [base, changed] = (
    await Promise.all([runProgram({ program }), runProgram({ program, config: { "test:range": "100-150" } })])
  ).map((run) => new Graph(run)) as [Graph, Graph];
});

function object(graph: Graph, kind: string, pulumiName: string): KubernetesObject {
  const found = objectsOf(graph).find((one) => one.kind === kind && one.resource.name === pulumiName);
  assert.ok(found, `${kind} ${pulumiName}`);
  return found;
}

function stringData(graph: Graph, pulumiName: string): Record<string, string> {
  return object(graph, "Secret", pulumiName).body["stringData"] as Record<string, string>;
}

describe("a secret that services share", () => {
  it("is made once, is the same for all, and stays secret", () => {
    const { exitCode, errors, text } = base.run;
    assert.deepEqual({ exitCode, errors, text }, { exitCode: 0, errors: [], text: "" });
    const made = base.resources.filter(({ name }) => name.includes("shared"));
    assert.deepEqual(
      made.map(({ name, type }) => `${type} ${name}`),
      ["random:index/randomPassword:RandomPassword cloud-shared-metadata"],
    );
    const [one, two] = ["first", "second"].map(
      (name) => /^word = (\w{32})$/m.exec(stringData(base, `cloud-${name}-api`)[`${name}.conf`] ?? "")?.[1],
    );
    assert.ok(one);
    assert.equal(one, two);
    for (const { inputs, urn } of base.resources) {
      assert.ok(!openText(inputs).includes(one), urn);
    }
  });
});

describe("a setup job", () => {
  const job = (graph: Graph): KubernetesObject => object(graph, "Job", "cloud-first-networks");

  it("runs its script with the credentials, the arguments and what scripts share", () => {
    const data = stringData(base, "cloud-first-networks");
    assert.deepEqual(Object.keys(data).sort(), ["administrator.py", "arguments.json", "clouds.yaml", "networks.py"]);
    assert.deepEqual(JSON.parse(data["arguments.json"] ?? ""), { range: "100-199" });
    const text = JSON.stringify(job(base).body);
    assert.match(text, /"\/etc\/stratiform\/input\/networks\.py"/);
    assert.doesNotMatch(text, /100-199|password/);
  });

  it("is not tried anew once it has refused, and otherwise is", () => {
    const spec = (name: string) =>
      object(base, "Job", name).body["spec"] as { podFailurePolicy?: unknown; backoffLimit?: number };
    assert.deepEqual(spec("cloud-first-networks").podFailurePolicy, {
      rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [78] } }],
    });
    assert.ok((spec("cloud-first-networks").backoffLimit ?? 0) > 0);
    assert.equal(spec("cloud-first-register").podFailurePolicy, undefined);
  });

  it("waits for its service and those it names, though they come later", () => {
    const before = base.before(job(base).resource);
    for (const name of ["first-api", "first-register", "second-api", "second-register"]) {
      assert.ok(
        [...before].some((urn) => urn.endsWith(`::cloud-${name}`)),
        name,
      );
    }
  });

  it("may go through the edge", () => {
    const policy = object(base, "NetworkPolicy", "cloud-first-steps");
    assert.match(JSON.stringify(policy.body), /"app\.kubernetes\.io\/name":"edge"/);
  });

  it("runs again when its arguments change, and nothing else does", () => {
    const [before, after] = [base.inputs(), changed.inputs()];
    const different = [...after.keys()].filter(
      (urn) => JSON.stringify(before.get(urn)) !== JSON.stringify(after.get(urn)),
    );
    assert.deepEqual(different.map((urn) => urn.split("::").at(-1)).sort(), [
      "cloud-first-networks",
      "cloud-first-networks",
    ]);
    assert.notEqual(job(base).name, job(changed).name);
  });
});
