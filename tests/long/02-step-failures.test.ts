import * as assert from "node:assert/strict";
import { assertNoOrphans, type Fault, failedUp, failOnce, removeFaults } from "../lab/support/faults";
import { plannedChanges } from "../lab/support/operations";
import { ownLab } from "../lab/support/own-lab";
import { assertSays } from "../lab/support/refusal";
import { textOf } from "../lab/support/site";

const control = "steps-1";
const worker = "steps-2";
const host = "--kubeconfig /run/stratiform/host.conf --request-timeout=30s";

/**
 * A fault in the middle of each step, in the order in which a deployment comes to them. All before the control plane is
 * there are on the control host: its steps would else go on beside a failure on a worker. The last gate is not among
 * them: it only looks, and looks again where one look fails.
 */
const faults: (Fault & { step: string })[] = [
  { step: "claim", host: control, program: "flock", arguments: "9" },
  { step: "prepare, downloads", host: control, program: "curl", arguments: "--fail" },
  { step: "prepare, plugins", host: control, program: "tar", arguments: "--extract" },
  { step: "control plane, before its work", host: control, program: "kubeadm", arguments: "init" },
  { step: "control plane, after its work", host: control, program: "kubeadm", arguments: "init", after: true },
  { step: "control plane, its node", host: control, program: "kubectl", arguments: `${host} label` },
  { step: "worker, before its work", host: worker, program: "kubeadm", arguments: "join" },
  { step: "worker, after its work", host: worker, program: "kubeadm", arguments: "join", after: true },
  { step: "worker, its node", host: worker, program: "kubectl", arguments: `${host} label` },
  { step: "version", host: worker, program: "kubelet", arguments: "--version" },
];

describe("each step of a host fails once", function () {
  this.timeout(1_800_000);
  const lab = ownLab({ name: "steps", hosts: 2 });

  afterEach(removeFaults);

  for (const fault of faults) {
    it(`${fault.step}: the next up goes on, and the one after it has nothing to do`, async () => {
      const site = lab.site();
      await failOnce(site, fault);
      const text = await failedUp(site);
      assert.deepEqual(await removeFaults(), [], "the fault did not come about");
      assertSays(text, fault.host);
    });
  }

  it("and then the cluster is complete, with nothing left over", async () => {
    const site = lab.site();
    await site.up();
    await site.nodesReady(120);
    await assertNoOrphans(site);
    assert.deepEqual(await plannedChanges(site), []);
  });

  it("drain: a worker that cannot be drained stays, and leaves the next time", async () => {
    const site = lab.site();
    const before = site.cluster.hosts;
    const fault = { host: worker, program: "kubectl", arguments: `${host} drain` };
    await failOnce(site, fault);
    site.edit((cluster) => {
      cluster.hosts = cluster.hosts.filter(({ name }) => name !== worker);
    });
    assertSays(await failedUp(site), worker, "could not be drained");
    assert.deepEqual((await site.readyNodes()).sort(), [control, worker]);
    await site.up();
    await site.nodesReady(60, [control]);
    site.edit((cluster) => {
      cluster.hosts = before;
    });
    await site.up();
    await site.nodesReady(60);
  });

  it("release: a host that cannot be released stays ours, and is released the next time", async () => {
    const site = lab.site();
    await failOnce(site, { host: worker, program: "systemctl", arguments: "daemon-reload" });
    const result = await site.pulumi(["destroy", "--yes", "--skip-preview"]);
    assert.notEqual(result.code, 0);
    assertSays(textOf(result), worker);
    await lab.destroy();
  });

  for (const fault of faults) {
    it(`${fault.step}: destroy after the failure gives bare hosts`, async () => {
      await failOnce(lab.site(), fault);
      await failedUp(lab.site());
      await lab.destroy();
    });
  }
});
