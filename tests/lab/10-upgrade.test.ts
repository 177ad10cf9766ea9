import { assertBare, destroyed, site } from "./lab";
import { keepStackFile } from "./support/site";
import {
  assertCallable,
  assertCallsAnswered,
  assertVersion,
  callService,
  upgrade,
  upgradeFrom,
  upgradeTo,
} from "./support/upgrade";

/** The short form of tests/long/04: a control host and a worker. */
describe(`upgrade from ${upgradeFrom} to ${upgradeTo}`, function () {
  // Kubernetes may have to be built.
  this.timeout(3_600_000);

  keepStackFile(site);

  before(async () => {
    await destroyed();
    await site().offerKubernetes(upgradeFrom, upgradeTo);
    site().edit((cluster) => {
      cluster.kubernetesVersion = upgradeFrom;
      cluster.hosts = cluster.hosts.slice(0, 2);
    });
    await site().up();
    await callService(site());
  });

  it("takes one node after another, while the Service is there", async () => {
    await upgrade(site(), upgradeTo);
    await assertVersion(site(), upgradeTo);
  });

  it("loses no more calls than a connection that is cut", async () => {
    await assertCallsAnswered(site());
  });

  it("leaves a cluster that works and is as the stack says", async () => {
    await assertCallable(site());
  });

  it("and hosts that are given back as they were", async () => {
    await destroyed();
    await assertBare();
  });
});
