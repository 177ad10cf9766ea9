import * as assert from "node:assert/strict";
import { TerminalReporter } from "../../lab/report";
import { type VerifyOptions, verify } from "../../lab/verify";
import { site } from "../lab/lab";
import { type Cloud, coreDeployed } from "../lab/support/cloud";
import { textOf } from "../lab/support/site";

/** Lists of everything that a verification makes, with the column that bears its name. */
const kinds = ["server", "router", "network", "security group", "keypair", "image", "flavor"];

describe("verification of a cloud", function () {
  this.timeout(1_800_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.assertReady();
  });

  /** Runs the verification; what it said, and whether the cloud works. */
  async function verified(options: VerifyOptions = {}): Promise<{ well: boolean; lines: string[] }> {
    const lines: string[] = [];
    const report = new TerminalReporter({ write: (line) => lines.push(line) });
    const well = await verify(site().lab, options, report);
    return { well, lines };
  }

  async function openstack(...words: string[]): Promise<string> {
    const result = await site().lab.openstack(words);
    assert.equal(result.code, 0, textOf(result));
    return result.stdout;
  }

  async function left(): Promise<string[]> {
    const found: string[] = [];
    for (const kind of kinds) {
      const list = await openstack(...kind.split(" "), "list", "--format", "value", "--column", "Name");
      found.push(
        ...list
          .split("\n")
          .filter((name) => name.startsWith("stratiform-verify-"))
          .map((name) => `${kind} ${name}`),
      );
    }
    return found;
  }

  it("starts a server on each of two hosts, reaches them, and leaves nothing", async () => {
    const { well, lines } = await verified({ hosts: 2 });
    assert.ok(well, lines.join("\n"));
    const steps = ["floating IP", "ssh", "metadata", "MTU", "console log", "ping from server to server", "delete all"];
    for (const step of steps) {
      assert.ok(
        lines.some((line) => line.includes(`✓ Verify: ${step} (`)),
        `no step ${step}:\n${lines.join("\n")}`,
      );
    }
    console.log(lines.at(-1));
    assert.deepEqual(await left(), []);
  });

  it("finds and removes what a killed run left", async () => {
    await openstack("keypair", "create", "--type", "ssh", "--private-key", "/dev/null", "stratiform-verify-killed");
    await openstack("network", "create", "stratiform-verify-killed");
    await openstack("network", "create", "somebody-else");
    try {
      const { well, lines } = await verified({ clean: true });
      assert.ok(well, lines.join("\n"));
      assert.match(lines.join("\n"), /1 network, 1 keypair/);
      assert.deepEqual(await left(), []);
      assert.match(await openstack("network", "list", "--format", "value", "--column", "Name"), /^somebody-else$/m);
    } finally {
      await openstack("network", "delete", "somebody-else");
    }
  });

  it("says what is wrong, with the service's log, and cleans up", async () => {
    const { well, lines } = await verified({ hosts: 40 });
    assert.equal(well, false);
    assert.match(lines.join("\n"), /✗ Verify: connect .*40 compute hosts are wanted, but only \d+ are up/);
    assert.match(lines.join("\n"), /--- openstack pod\/keystone-/);
    assert.deepEqual(await left(), []);
  });
});
