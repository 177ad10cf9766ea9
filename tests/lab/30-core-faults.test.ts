import * as assert from "node:assert/strict";
import { site } from "./lab";
import { type Cloud, coreDeployed } from "./support/cloud";
import { assertTenant, makeTenant, removeTenant, type Tenant } from "./support/cloud-faults";
import { assertVerified, cutAllPower, Witness, wellWithout } from "./support/core-faults";
import { eventually } from "./support/wait";

/** The short form of tests/long/12: everything at once instead of one after another. */
describe("faults of the core cloud", function () {
  this.timeout(3_600_000);
  let cloud: Cloud;
  let guest: Witness;
  let tenant: Tenant;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.well(300);
    tenant = { project: "core-project", user: "core-user", password: "" };
    await removeTenant(cloud, tenant);
    tenant = await makeTenant(cloud, "core");
    guest = new Witness(cloud, `stratiform-witness-${process.pid}`);
    await guest.start();
  });

  after(async () => {
    await guest?.remove();
    if (tenant !== undefined) await removeTenant(cloud, tenant);
  });

  it("before any: the console of a guest opens as in a browser", async () => {
    assert.match(await guest.consoleGreeting(), /^RFB 003\.\d{3}\n$/);
  });

  it("all pods deleted at once: the guest runs on, and the cloud is back unaided", async () => {
    const pods = await cloud.pods();
    let seconds = 0;
    const gap = await guest.outlives(async () => {
      await cloud.deletePods(pods);
      seconds = await wellWithout(cloud, pods);
    });
    console.log(`      all ${pods.length} pods: well after ${seconds.toFixed(1)} s; ping's gap ${gap.toFixed(1)} s`);
    await assertTenant(cloud, tenant);
    await assertVerified(cloud);
  });

  it("the power of all hosts cut at once: cloud and guest are back, the cloud unaided", async () => {
    console.log(`      power: well after ${(await cutAllPower(cloud)).toFixed(1)} s`);
    await eventually("the user's token", 600, () => assertTenant(cloud, tenant).then(() => true));
    console.log(`      the guest was started by ${(await guest.restart()) ? "its owner" : "Nova"}`);
    await assertVerified(cloud);
  });

  it("leave nothing for pulumi to do", async () => {
    await site().pulumiOk("preview", "--expect-no-changes");
  });
});
