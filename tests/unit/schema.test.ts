import * as assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { GetSchemaRequest, type GetSchemaResponse } from "@pulumi/pulumi/proto/provider_pb";
import * as components from "../../components/index";

const repository = path.resolve(__dirname, "../..");
const snapshotFile = path.join(__dirname, "schema.snapshot.json");

/** What users of other languages see. A new component is added here, and to components/plugin.ts, on purpose. */
const exported = [
  components.CloudVerification,
  components.ExistingCluster,
  components.KubeadmCluster,
  components.OpenStackCloud,
];

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(fs.readFileSync(path.join(repository, file), "utf8"));
}

/** Starts the plugin as the language host does, and asks it for its schema. */
async function schemaOfPlugin(): Promise<string> {
  const cwd = path.join(repository, "components");
  // The engine's address is only dialled by what the plugin would create.
  const words = [require.resolve("@pulumi/pulumi/cmd/run-plugin"), "--pwd", cwd, ".", "127.0.0.1:1"];
  const plugin = spawn(process.execPath, words, { cwd, env: { ...process.env, NODE_OPTIONS: "" } });
  let [out, err] = ["", ""];
  plugin.stderr.on("data", (data) => {
    err += data;
  });
  try {
    const port = await new Promise<string>((resolve, reject) => {
      plugin.stdout.on("data", (data) => {
        out += data;
        const line = /^(\d+)\n/.exec(out);
        if (line?.[1]) {
          resolve(line[1]);
        }
      });
      plugin.on("close", (code) => reject(new Error(`the plugin ended with ${code}:\n${out}${err}`)));
    });
    const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const response = await new Promise<GetSchemaResponse>((resolve, reject) => {
      client.getSchema(new GetSchemaRequest(), (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    client.close();
    return response.getSchema();
  } finally {
    const ended = new Promise((resolve) => plugin.on("close", resolve));
    plugin.kill();
    await ended;
  }
}

describe("the package for other languages", () => {
  it("starts as Pulumi starts it, and has the schema of the snapshot", async function () {
    this.timeout(90_000);
    const schema: unknown = JSON.parse(await schemaOfPlugin());
    if (process.env["UPDATE_SNAPSHOT"] === "1") {
      fs.writeFileSync(snapshotFile, `${JSON.stringify(schema, undefined, 2)}\n`);
    }
    const snapshot: unknown = JSON.parse(fs.readFileSync(snapshotFile, "utf8"));
    assert.deepEqual(
      schema,
      snapshot,
      "the schema is not that of tests/unit/schema.snapshot.json; if the change is meant, run the test with UPDATE_SNAPSHOT=1",
    );
  });

  it("lists its components in one place, each under its own type", () => {
    const text = fs.readFileSync(path.join(repository, "components/plugin.ts"), "utf8");
    const listed = /export const components = \[([^\]]*)\]/
      .exec(text)?.[1]
      ?.split(",")
      .map((name) => name.trim());
    assert.deepEqual(
      listed,
      exported.map((component) => component.name),
    );
    const snapshot = JSON.parse(fs.readFileSync(snapshotFile, "utf8")) as { resources: object };
    assert.deepEqual(
      Object.keys(snapshot.resources).sort(),
      exported.map((component) => `stratiform:index:${component.name}`),
    );
  });

  it("has version and pins of the whole", () => {
    const whole = readJson("package.json");
    const part = readJson("components/package.json");
    assert.deepEqual([part["name"], part["version"]], [whole["name"], whole["version"]]);
    const pins = { ...(whole["devDependencies"] as object), ...(whole["dependencies"] as object) } as Record<
      string,
      string
    >;
    for (const [name, version] of Object.entries(part["dependencies"] as Record<string, string>)) {
      assert.equal(version, pins[name], name);
    }
  });
});
