import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { newSshKey } from "../ssh-keys";
import { engine } from "./support/engine";
import { type SshServer, startSshServer } from "./support/ssh-server";
import { type Config, type Outcome, Stack } from "./support/stack";

describe("remote steps and certificates", function () {
  this.timeout(180_000);
  let server: SshServer;
  let stack: Stack;
  let created: Outcome;

  function configuration(changes: Config = {}): Config {
    const { port, hostKey, clientKey } = server;
    return { port, hostKey, clientKey, stdin: "first-secret-input", trigger: "one", ...changes };
  }

  /** Runs up with a changed configuration. @returns what reached the server meanwhile */
  async function upWith(changes: Config): Promise<{ outcome: Outcome; ran: [string, string][] }> {
    const seen = server.received.length;
    stack.configure(configuration(changes));
    const outcome = await stack.up();
    return { outcome, ran: server.received.slice(seen).map(({ command, stdin }) => [command, stdin]) };
  }

  before(async () => {
    server = await startSshServer();
    stack = await Stack.create("steps", configuration());
    created = await stack.up();
  });

  it("hand standard input to the host, and keep it out of state and output", () => {
    assert.deepEqual(server.received, [{ command: "apply create", stdin: "first-secret-input" }]);
    const state = stack.state();
    assert.ok(state.includes("apply create"));
    for (const text of [state, created.text]) {
      assert.ok(!text.includes("first-secret-input"));
      assert.ok(!text.includes(Buffer.from("first-secret-input").toString("base64")));
      assert.ok(!text.includes("PRIVATE KEY"));
    }
  });

  it("make a chain of certificates that verifies", async () => {
    const words = ["stack", "output", "--stack", "test", "--show-secrets", "--json"];
    const outputs = JSON.parse((await stack.run(...words)).stdout) as {
      certificates: { ca: string; leaf: string };
      leafPrivateKey: string;
    };
    const ca = new X509Certificate(outputs.certificates.ca);
    const leaf = new X509Certificate(outputs.certificates.leaf);
    assert.ok(ca.ca && !leaf.ca);
    assert.ok(ca.verify(ca.publicKey) && leaf.verify(ca.publicKey) && leaf.checkIssued(ca));
    assert.ok(leaf.checkPrivateKey(createPrivateKey(outputs.leafPrivateKey)));
    assert.equal(leaf.subject, "O=system:masters\nCN=leaf");
    assert.equal(leaf.subjectAltName, "DNS:leaf.example.invalid, IP Address:10.96.0.1");
    const file = (name: "ca" | "leaf"): string => {
      const place = path.join(engine().directory, `${name}.pem`);
      fs.writeFileSync(place, outputs.certificates[name]);
      return place;
    };
    const verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", file("ca"), file("leaf")];
    assert.match(execFileSync("openssl", verify, { encoding: "utf8" }), /leaf.pem: OK/);
  });

  it("run nothing when nothing has changed", async () => {
    const { outcome, ran } = await upWith({});
    assert.deepEqual([outcome.steps, ran], [[], []]);
  });

  it("run the update when the input has changed, and nothing else", async () => {
    const { outcome, ran } = await upWith({ stdin: "second-secret-input" });
    assert.deepEqual(outcome.steps, [{ op: "update", name: "step" }]);
    assert.deepEqual(ran, [["apply update", "second-secret-input"]]);
    assert.ok(!stack.state().includes("second-secret-input"));
  });

  it("are replaced by a trigger: removed with the old input, then made", async () => {
    const { outcome, ran } = await upWith({ stdin: "third-secret-input", trigger: "two" });
    assert.ok(outcome.steps.every(({ name }) => name === "step"));
    assert.deepEqual(ran, [
      ["remove", "second-secret-input"],
      ["apply create", "third-secret-input"],
    ]);
  });

  it("never reach a host with another key, and fail within seconds", async () => {
    const seen = server.received.length;
    stack.configure(configuration({ stdin: "never-to-be-sent", trigger: "two", hostKey: newSshKey().public }));
    const outcome = await stack.upFails();
    assert.match(outcome.text, /host key mismatch/);
    assert.ok(outcome.milliseconds < 30_000, `it took ${outcome.milliseconds} ms`);
    assert.equal(server.received.length, seen);
  });

  it("are removed by destroy, with the input they had", async () => {
    const seen = server.received.length;
    const outcome = await stack.command("destroy", "--yes", "--skip-preview");
    assert.equal(outcome.code, 0, outcome.text);
    assert.deepEqual(server.received.slice(seen), [{ command: "remove", stdin: "third-secret-input" }]);
  });

  after(() => server?.close());
});
