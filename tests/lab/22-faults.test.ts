import * as assert from "node:assert/strict";
import { site } from "./lab";
import { type Cloud, cloudDeployed } from "./support/cloud";
import {
  assertTenant,
  databaseOutOfReach,
  figuresLine,
  keystoneFault,
  makeTenant,
  removeTenant,
  type Tenant,
} from "./support/cloud-faults";

/** Longest wait until the cloud is well again, in seconds: a bound against hanging, no aim. */
const wellLimit = 300;

describe("faults of the cloud", function () {
  this.timeout(1_800_000);
  let cloud: Cloud;
  let tenant: Tenant;

  before(async () => {
    cloud = await cloudDeployed(site());
    tenant = { project: "kept-project", user: "kept-user", password: "" };
    await removeTenant(cloud, tenant);
    tenant = await makeTenant(cloud, "kept");
    await assertTenant(cloud, tenant);
  });

  after(async () => {
    await removeTenant(cloud, tenant);
  });

  for (const fault of ["pod deleted", "process killed"] as const) {
    it(`Keystone: ${fault} while 20 clients ask for tokens`, async () => {
      const figures = await keystoneFault(cloud, fault);
      console.log(figuresLine(fault, figures));
      assert.ok(figures.baseline > 0, "no token was given before the fault");
      assert.ok(figures.requests > 20, `only ${figures.requests} requests were sent after the fault`);
      const failed = Object.values(figures.failures).reduce((sum, count) => sum + count, 0);
      assert.ok(failed < figures.requests, "no token was given after the fault");
      await cloud.well(wellLimit);
      await assertTenant(cloud, tenant);
    });
  }

  it("every other pod deleted, one after another: each is replaced, and the cloud works after each", async () => {
    const others = (await cloud.pods()).filter((pod) => pod.labels["app.kubernetes.io/name"] !== "keystone");
    const services = new Set(others.map(({ labels }) => labels["app.kubernetes.io/name"]));
    assert.deepEqual([...services].sort(), ["edge", "mariadb", "memcached"]);
    for (const pod of others) {
      await cloud.deletePods([pod]);
      const seconds = await cloud.well(wellLimit, new Set([pod.uid]));
      console.log(`      ${pod.name}: well after ${seconds.toFixed(1)} s`);
    }
    await assertTenant(cloud, tenant);
  });

  it("the database out of reach for a moment: no connection that was begun meanwhile hangs", async () => {
    const ends = await databaseOutOfReach(cloud);
    const count = (what: string) => ends.filter((end) => end === what).length;
    console.log(`      ${["greeted", "ended", "refused", "hangs"].map((what) => `${count(what)} ${what}`).join(", ")}`);
    assert.ok(count("ended") > 0, "nobody noticed that the database was out of reach");
    assert.equal(count("hangs"), 0);
    await cloud.well(wellLimit);
    await assertTenant(cloud, tenant);
  });

  it("leave nothing for pulumi to do", async () => {
    await site().pulumiOk("preview", "--expect-no-changes");
  });
});
