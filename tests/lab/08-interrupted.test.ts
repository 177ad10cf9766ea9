import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import ipaddr from "ipaddr.js";
import { assertBare, destroyed, site } from "./lab";
import { assertNoOrphans, delayOnce, failedUp, failOnce, killUp, removeFaults } from "./support/faults";
import { plannedChanges } from "./support/operations";
import { assertSays } from "./support/refusal";

/** Holds while the step of a control host creates the control plane. */
const initialising =
  "systemctl is-active --quiet stratiform-control-plane.service && pgrep -f '/kubeadm init ' >/dev/null";

/** How much longer that takes in seconds, so that the next `up` finds it still under way on a slow machine too. */
const held = 15;

/** Holds while the step runs that prepares a host. */
const preparing = "systemctl is-active --quiet stratiform-prepare.service";

/** Fails unless every pod has an address of its node's pod network: a worker that joined twice got two of them. */
async function assertPodAddresses(): Promise<void> {
  const list = async <Item>(...what: string[]): Promise<Item[]> =>
    (JSON.parse(await site().kubectl("get", ...what, "--output", "json")) as { items: Item[] }).items;
  const nodes = await list<{ metadata: { name: string }; spec: { podCIDR: string } }>("nodes");
  const networks = new Map(nodes.map(({ metadata, spec }) => [metadata.name, ipaddr.parseCIDR(spec.podCIDR)]));
  const pods = await list<{
    metadata: { name: string };
    spec: { nodeName: string; hostNetwork?: boolean };
    status: { podIP?: string };
  }>("pods", "--all-namespaces");
  const strangers = pods
    .filter(({ spec, status }) => !spec.hostNetwork && status.podIP !== undefined)
    .filter(({ spec, status }) => {
      const network = networks.get(spec.nodeName);
      return network === undefined || !ipaddr.parse(status.podIP ?? "").match(network);
    })
    .map(({ metadata, spec, status }) => `${metadata.name} on ${spec.nodeName}: ${status.podIP}`);
  assert.deepEqual(strangers, []);
}

describe("a deployment that is broken off", function () {
  this.timeout(1_200_000);
  let control: string;
  let worker: string;

  before(async () => {
    await destroyed();
    control = site().controls[0] ?? "";
    worker = site().workers[0] ?? "";
  });

  afterEach(removeFaults);

  it("by a file with a wrong digest: the host and the file are named, and destroy leaves bare hosts", async () => {
    const mirror = path.join(site().lab.directory, "mirror");
    const archive = fs.readdirSync(mirror, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(".tgz"));
    assert.ok(archive, `the mirror ${mirror} has no archive`);
    const file = path.join(mirror, archive);
    const real = fs.readlinkSync(file);
    let text: string;
    try {
      fs.rmSync(file);
      fs.writeFileSync(file, "something else");
      text = await failedUp(site());
    } finally {
      fs.rmSync(file);
      fs.symlinkSync(real, file);
    }
    for (const host of site().hosts) {
      assertSays(text, `${host}: `, "cni-plugins", "has the digest sha256:", "expected sha256:", "artifacts.digests");
    }
    await destroyed();
    await assertBare();
  });

  it("by kill -9 while the hosts are prepared, and again while the control plane is made: up completes", async () => {
    await killUp(site(), { host: worker, condition: preparing });
    await site().pulumiOk("cancel", "--yes");
    await delayOnce(site(), { host: control, program: "kubeadm", arguments: "init" }, held);
    await killUp(site(), { host: control, condition: initialising });
    await site().pulumiOk("cancel", "--yes");

    // The step goes on by itself, and the next up waits for it instead of beginning again.
    await failOnce(site(), { host: worker, program: "kubeadm", arguments: "join", after: true });
    const text = await failedUp(site());
    assertSays(text, "waiting for an earlier run of the step", "control-plane");
    assert.doesNotMatch(text, /creating the control plane\n[\s\S]*creating the control plane\n/);
    await site().ssh(control, "[ ! -e /run/stratiform/reset.log ]");

    // A worker's step failed in its middle: the host is named, and what to look at.
    assertSays(text, worker, "kubeadm join failed", "journalctl");
    assert.deepEqual(await removeFaults(), []);
    await site().up();
    await site().nodesReady(120);
    await assertNoOrphans(site());
    await assertPodAddresses();
    assert.deepEqual(await plannedChanges(site()), []);
    await destroyed();
    await assertBare();
  });

  it("by a step that fails in its middle: destroy without another up leaves bare hosts", async () => {
    await failOnce(site(), { host: control, program: "kubeadm", arguments: "init", after: true });
    assertSays(await failedUp(site()), control, "kubeadm init failed", "journalctl");
    await destroyed();
    await assertBare();
  });
});
