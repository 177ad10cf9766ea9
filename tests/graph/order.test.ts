import * as assert from "node:assert/strict";
import type { Registered } from "./engine";
import { runProgram } from "./engine";
import { Graph } from "./graph";
import { objectLike, objectsOf } from "./objects";

let graph: Graph;

before(async function () {
  this.timeout(120_000);
  graph = new Graph(await runProgram({ program: "tests/graph/programs/console.ts" }));
});

/** The resource of a kind that makes this object. */
function made(kind: string, name: RegExp): Registered {
  return objectLike(graph, kind, name).resource;
}

describe("the order of a service's parts", () => {
  it("comes from a program that ends well", () => {
    const { exitCode, errors, text } = graph.run;
    assert.deepEqual({ exitCode, errors, text }, { exitCode: 0, errors: [], text: "" });
  });

  it("has the entry in Keystone before the process that logs in at its start, and after Keystone alone", () => {
    const register = made("Job", /^stage-register-/);
    assert.ok(graph.precedes(register, made("Deployment", /^stage-conductor$/)));
    assert.ok(graph.precedes(made("Deployment", /^keystone-api$/), register));
    for (const process of ["conductor", "scheduler", "api", "console", "listener"]) {
      assert.ok(!graph.precedes(made("Deployment", new RegExp(`^stage-${process}$`)), register), process);
    }
    assert.ok(!graph.precedes(made("Job", /^stage-schema-/), register));
  });

  it("has processes roll together where they say so, and one stage after another", () => {
    const [conductor, scheduler, api, console] = ["conductor", "scheduler", "api", "console"].map((process) =>
      made("Deployment", new RegExp(`^stage-${process}$`)),
    ) as [Registered, Registered, Registered, Registered];
    const independent = (left: Registered, right: Registered) =>
      !graph.precedes(left, right) && !graph.precedes(right, left);
    assert.ok(independent(conductor, scheduler) && independent(api, console));
    for (const later of [api, console]) {
      assert.ok(graph.precedes(conductor, later) && graph.precedes(scheduler, later));
    }
  });

  it("has steps run while Keystone still comes up, since they talk to the database alone", () => {
    const step = made("Job", /^stage-schema-/);
    assert.ok(!graph.precedes(made("Deployment", /^keystone-api$/), step));
    assert.ok(graph.precedes(made("StatefulSet", /^mariadb$/), step));
    assert.ok(graph.precedes(step, made("Deployment", /^stage-conductor$/)));
  });

  it("has a process that starts alone wait for the steps, but not for Keystone or its entry there", () => {
    const alone = made("Deployment", /^stage-listener$/);
    assert.ok(graph.precedes(made("Job", /^stage-schema-/), alone));
    assert.ok(!graph.precedes(made("Deployment", /^keystone-api$/), alone));
    assert.ok(!graph.precedes(made("Job", /^stage-register-/), alone));
  });

  it("gives who reaches consoles a certificate, a way to the hosts, and a route of the edge", () => {
    const deployment = objectsOf(graph).find((one) => one.kind === "Deployment" && one.name === "stage-console");
    assert.match(JSON.stringify(deployment?.body), /"secretName":"console-tls"/);
    const others = objectsOf(graph).filter((one) => one.kind === "Deployment" && one.name !== "stage-console");
    assert.ok(others.every((one) => !JSON.stringify(one.body).includes("console-tls")));
    const policy = objectsOf(graph).find((one) => one.kind === "NetworkPolicy" && one.name === "stage-console");
    assert.match(
      JSON.stringify(policy?.body),
      /"endPort":6899,"port":5900,"protocol":"TCP"}\],"to":\[{"ipBlock":{"cidr":"10\.20\.0\.0\/24"/,
    );
    const edge = objectsOf(graph).find((one) => one.kind === "Service" && one.name === "edge");
    assert.match(JSON.stringify(edge?.body), /"port":6080/);
  });
});
