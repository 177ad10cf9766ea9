import { site } from "../lab/lab";
import { type Cloud, coreDeployed } from "../lab/support/cloud";
import { killContainer } from "../lab/support/cloud-faults";
import {
  assertVerified,
  cutAllPower,
  novaBeforePlacement,
  processOf,
  Witness,
  wellAfterKill,
  wellWithout,
} from "../lab/support/core-faults";

describe("the core cloud heals itself", function () {
  this.timeout(10_800_000);
  let cloud: Cloud;
  let guest: Witness;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.well(300);
    guest = new Witness(cloud, `stratiform-witness-${process.pid}`);
    await guest.start();
  });

  after(async () => {
    await guest?.remove();
  });

  /** Lets something happen, and fails unless the cloud is well and works afterwards, and the guest goes on. */
  async function heals(what: string, happen: () => Promise<number>): Promise<void> {
    let seconds = 0;
    const gap = await guest.outlives(async () => {
      seconds = await happen();
    });
    await assertVerified(cloud);
    console.log(
      `      ${what}: well after ${seconds.toFixed(1)} s; longest gap of the guest's ping ${gap.toFixed(1)} s`,
    );
  }

  it("after its API for networks was rolled: servers that are made at once miss none of OVN's events", async () => {
    for (let roll = 1; roll <= 3; roll++) {
      await heals(`roll ${roll} of neutron-api`, async () => {
        const pods = await cloud.pods("neutron", "api");
        await site().kubectl("-n", "openstack", "rollout", "restart", "deployment/neutron-api");
        return wellWithout(cloud, pods);
      });
    }
  });

  it("after each of its pods was deleted, one after another", async () => {
    for (const pod of await cloud.pods()) {
      await heals(`${processOf(pod)} on ${pod.node}`, async () => {
        await cloud.deletePods([pod]);
        return wellWithout(cloud, [pod]);
      });
    }
  });

  it("after each of its processes was killed, one after another", async () => {
    const names = new Set((await cloud.pods()).map(processOf));
    for (const name of [...names].sort()) {
      await heals(name, async () => {
        const pod = (await cloud.pods()).find((one) => processOf(one) === name && one.ready);
        if (pod === undefined) throw new Error(`no pod of ${name} is ready`);
        await killContainer(cloud, pod);
        return wellAfterKill(cloud, pod);
      });
    }
  });

  it("after Nova was started long before Placement: it waits instead of ending", async () => {
    await heals("Placement away", () => novaBeforePlacement(cloud));
  });

  it("after all pods were deleted at once", async () => {
    const pods = await cloud.pods();
    await heals(`all ${pods.length} pods`, async () => {
      await cloud.deletePods(pods);
      return wellWithout(cloud, pods);
    });
  });

  it("after the power of all hosts was cut", async () => {
    const seconds = await cutAllPower(cloud);
    const by = (await guest.restart()) ? "its owner" : "Nova";
    await assertVerified(cloud, 2);
    console.log(`      power of all hosts: well after ${seconds.toFixed(1)} s; the guest was started by ${by}`);
  });
});
