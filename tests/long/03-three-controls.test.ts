import * as assert from "node:assert/strict";
import { assertControlPlane, etcdMembers, freeAddress, loseHolder } from "../lab/support/control-plane";
import { plannedChanges } from "../lab/support/operations";
import { ownLab } from "../lab/support/own-lab";

describe("three control hosts with a virtual IP", function () {
  this.timeout(1_800_000);
  const lab = ownLab({ name: "trio", hosts: 4, control: 3 });
  let virtualIp: string;

  before(async () => {
    virtualIp = freeAddress(lab.site());
    lab.site().edit((cluster) => {
      cluster.endpoint = { virtualIp };
    });
    await lab.site().up();
  });

  it("are nodes and etcd members, and one of them holds the address of the API", async () => {
    await assertControlPlane(lab.site(), virtualIp);
  });

  it("answer at the same address when its holder's power is cut, and the holder rejoins unaided", async () => {
    await loseHolder(lab.site(), virtualIp);
  });

  for (const which of ["last", "first"] as const) {
    it(`let the ${which} one go and take it back`, async () => {
      const site = lab.site();
      const whole = site.cluster.hosts;
      const controls = site.controls;
      const leaving = (which === "last" ? controls[controls.length - 1] : controls[0]) ?? "";
      const staying = controls.filter((name) => name !== leaving);
      site.edit((cluster) => {
        cluster.hosts = cluster.hosts.filter(({ name }) => name !== leaving);
      });
      assert.notEqual((await site.pulumi(["preview"])).code, 0, "two control hosts were accepted without `degraded`");
      site.edit((cluster) => {
        cluster.degraded = true;
      });
      await site.up();
      await site.nodesReady(120);
      assert.deepEqual(await etcdMembers(site, staying[0] ?? ""), [...staying].sort());
      await lab.assertBareHost(leaving);

      site.edit((cluster) => {
        cluster.hosts = whole;
        delete cluster.degraded;
      });
      await site.up();
      await site.nodesReady(120);
      assert.deepEqual(await etcdMembers(site, leaving), [...controls].sort());
      assert.deepEqual(await plannedChanges(site), []);
    });
  }

  it("are given back as they were", async () => {
    await lab.destroy();
  });
});
