import * as assert from "node:assert/strict";
import { criticalPath, type DatedResource } from "../../lab/critical-path";

const begin = Date.parse("2026-01-01T00:00:00Z");

function urn(name: string): string {
  return `urn:pulumi:dev::stratiform::stratiform:index:OpenStackCloud$kubernetes:batch/v1:Job::${name}`;
}

function resource(name: string, at: number, ...dependencies: string[]): DatedResource {
  const created = new Date(begin + at * 1000).toISOString();
  return { urn: urn(name), custom: true, created, dependencies: dependencies.map(urn) };
}

describe("critical path of a deployment", () => {
  it("goes from what was there last back along what each waited for longest", () => {
    const resources = [
      resource("namespace", 1),
      resource("database", 20, "namespace"),
      resource("bus", 15, "namespace"),
      resource("migrate", 42, "bus", "database"),
      resource("registration", 30, "database"),
    ];
    assert.deepEqual(criticalPath(resources, begin), [
      { resource: "kubernetes:batch/v1:Job namespace", at: 1, seconds: 1 },
      { resource: "kubernetes:batch/v1:Job database", at: 20, seconds: 19 },
      { resource: "kubernetes:batch/v1:Job migrate", at: 42, seconds: 22 },
    ]);
  });

  it("leaves out what was there before, and components", () => {
    const cloud: DatedResource = { ...resource("cloud", 50), custom: false };
    const path = criticalPath([resource("node", -5), resource("pod", 7, "node"), cloud], begin);
    assert.deepEqual(path, [{ resource: "kubernetes:batch/v1:Job pod", at: 7, seconds: 7 }]);
  });

  it("is empty where nothing was made", () => {
    assert.deepEqual(criticalPath([resource("node", -5)], begin), []);
  });
});
