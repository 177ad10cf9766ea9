import * as assert from "node:assert/strict";
import { ownLab } from "../lab/support/own-lab";
import {
  assertCallable,
  assertCallsAnswered,
  assertVersion,
  callService,
  upgrade,
  upgradeFrom,
  upgradeTo,
} from "../lab/support/upgrade";

describe(`upgrade from ${upgradeFrom} to ${upgradeTo}`, function () {
  this.timeout(3_600_000);
  const lab = ownLab({ name: "upgrade", hosts: 3, kubernetes: [upgradeFrom, upgradeTo] });

  before(async () => {
    assert.equal(lab.site().cluster.kubernetesVersion, upgradeFrom);
    await lab.site().up();
    await callService(lab.site());
  });

  it("takes one node after another, while the Service is there", async () => {
    await upgrade(lab.site(), upgradeTo);
    await assertVersion(lab.site(), upgradeTo);
  });

  it("loses no more calls than a connection that is cut", async () => {
    await assertCallsAnswered(lab.site());
  });

  it("leaves a cluster that works and is as the stack says", async () => {
    await assertCallable(lab.site());
  });

  it("and hosts that are given back as they were", async () => {
    await lab.destroy();
  });
});
