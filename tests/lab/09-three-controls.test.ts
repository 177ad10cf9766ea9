import { assertBare, destroyed, site } from "./lab";
import { assertControlPlane, freeAddress, loseHolder } from "./support/control-plane";
import { keepStackFile } from "./support/site";

/** The short form of tests/long/03: the lab's three hosts, each a control host. */
describe("three control hosts with a virtual IP", function () {
  this.timeout(900_000);
  let virtualIp: string;

  keepStackFile(site);

  before(async () => {
    await destroyed();
    virtualIp = freeAddress(site());
    site().edit((cluster) => {
      cluster.endpoint = { virtualIp };
      for (const host of cluster.hosts) host.roles = [...new Set(["control", ...host.roles])];
    });
    await site().up();
  });

  it("are nodes and etcd members, and one of them holds the address of the API", async () => {
    await assertControlPlane(site(), virtualIp);
  });

  it("answer at the same address when its holder's power is cut, and the holder rejoins unaided", async () => {
    const seconds = await loseHolder(site(), virtualIp);
    console.log(`      longest time without an answer of the API ${seconds.toFixed(1)} s`);
  });

  it("are given back as they were", async () => {
    await destroyed();
    await assertBare();
  });
});
