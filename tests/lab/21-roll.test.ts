import * as assert from "node:assert/strict";
import * as https from "node:https";
import { site } from "./lab";
import { type Cloud, cloudDeployed, plannedResources, stackResources } from "./support/cloud";
import { atRate, failures, type Load, type Sample } from "./support/cloud-load";
import { shownCertificate } from "./support/cloud-requests";
import { eventually, pause } from "./support/wait";

/** Requests in a second, of each kind. */
const rate = 10;

/**
 * Sends requests while something happens, from this computer to the public endpoint: GETs, tokens by a token, both on
 * connections of their own and on kept ones, all at 10 Hz; tokens by password at 1 Hz, since each takes Keystone a third
 * of a second of computing.
 */
async function underProbes(cloud: Cloud, work: () => Promise<unknown>): Promise<Map<string, readonly Sample[]>> {
  const { admin } = cloud;
  const kept = new https.Agent({ keepAlive: true, ca: cloud.outputs.caCertificate });
  const first = await admin.token();
  const loads = new Map<string, Load>([
    ["GET, own connection", atRate(rate, () => admin.version())],
    ["GET, kept connection", atRate(rate, () => admin.version(kept))],
    ["token, own connection", atRate(rate, () => admin.tokenBy(first.id))],
    ["token, kept connection", atRate(rate, () => admin.tokenBy(first.id, kept))],
    ["token by password", atRate(1, () => admin.token())],
  ]);
  const samples = new Map<string, readonly Sample[]>();
  try {
    await pause(2000);
    await work();
    await pause(3000);
  } finally {
    for (const [what, load] of loads) samples.set(what, await load.stop());
    kept.destroy();
  }
  return samples;
}

function assertNoneLost(samples: ReadonlyMap<string, readonly Sample[]>): void {
  for (const [what, all] of samples) {
    const worst = Math.max(...all.map(({ begin, end }) => end - begin)) / 1000;
    const repeated = all.filter((one) => one.repeated).length;
    console.log(`      ${what}: ${all.length} requests, slowest ${worst.toFixed(2)} s, repeated ${repeated}`);
  }
  for (const [what, all] of samples) {
    assert.ok(all.length >= 5, `${what}: only ${all.length} requests were sent`);
    assert.deepEqual(failures(all), {}, what);
  }
}

describe("a change of the cloud", function () {
  this.timeout(900_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await cloudDeployed(site());
  });

  it("of one option rolls just Keystone, without a failed request, and is in force", async () => {
    const seconds = (await cloud.admin.token()).seconds === 3600 ? 7200 : 3600;
    await site().lab.editCloud((section) => {
      section.overrides = { keystone: { "keystone.conf": { token: { expiration: seconds } } } };
      return section;
    });
    assert.deepEqual(await plannedResources(site()), [
      "replace ConfigMap openstack-keystone-api",
      "update Deployment openstack-keystone-api",
    ]);

    const before = await cloud.uids();
    const api = (await cloud.pods("keystone", "api")).map(({ name }) => name);
    const samples = await underProbes(cloud, () => site().up());
    assertNoneLost(samples);

    // Both pods are new, and nothing else is: no other pod, no job.
    await eventually("Keystone's old pods to be gone", 120, async () => {
      const there = await cloud.uids();
      return api.every((name) => !there.has(name));
    });
    const after = await cloud.uids();
    const changed = (from: Map<string, string>, to: Map<string, string>): string[] =>
      [...from.keys()].filter((name) => from.get(name) !== to.get(name)).sort();
    assert.deepEqual(changed(before, after), [...api].sort());
    const fresh = changed(after, before);
    assert.equal(fresh.length, api.length, fresh.join(", "));
    assert.ok(
      fresh.every((name) => name.startsWith("keystone-api-")),
      fresh.join(", "),
    );

    for (let count = 0; count < 6; count++) {
      assert.equal((await cloud.admin.token()).seconds, seconds, "the option is not in force in every pod");
    }
    assert.deepEqual(await plannedResources(site()), []);
  });

  it("of the endpoints' certificate rolls the edge, without a failed request", async () => {
    const url = cloud.outputs.endpoint;
    const before = await shownCertificate(url, cloud.outputs.caCertificate);
    const leaf = (await stackResources(site())).find(
      ({ type, urn }) => type.endsWith(":LocallySignedCert") && urn.endsWith("::openstack-edge"),
    );
    assert.ok(leaf, "the stack has no certificate of the edge");
    assertNoneLost(await underProbes(cloud, () => site().up("--replace", leaf.urn)));

    assert.notEqual(await shownCertificate(url, cloud.outputs.caCertificate), before);
    assert.deepEqual(await plannedResources(site()), []);
  });
});
