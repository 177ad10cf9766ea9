import * as assert from "node:assert/strict";
import { bareHost, site } from "./lab";
import { type Cloud, cloudDeployed, nodeSpace, plannedResources, space, stackResources } from "./support/cloud";
import { assertSame } from "./support/snapshot";
import { eventually } from "./support/wait";

describe("the end of a cloud", function () {
  this.timeout(1_200_000);
  let cloud: Cloud;
  let addresses: string[];

  before(async () => {
    cloud = await cloudDeployed(site());
    const urls = cloud.outputs.endpoints.flatMap(({ publicUrl, internalUrl }) => [publicUrl, internalUrl]);
    addresses = [...new Set(urls.map((url) => new URL(url).hostname))];
  });

  /** Hosts that hold one of the endpoint addresses, each with the address. */
  async function holders(): Promise<string[]> {
    const found: string[] = [];
    for (const host of site().hosts) {
      const held = await site().ssh(host, "ip -o -4 address show");
      found.push(
        ...addresses.filter((address) => held.includes(` ${address}/`)).map((address) => `${host} ${address}`),
      );
    }
    return found;
  }

  it("takes the cloud away, and leaves the cluster, when the stack file has it no more", async () => {
    assert.equal((await holders()).length, addresses.length, "no host holds the endpoint addresses");
    await site().withStack(
      (stack) => {
        delete stack.config["stratiform:cloud"];
      },
      async () => {
        const planned = await plannedResources(site());
        assert.ok(planned.length > 40);
        assert.deepEqual(
          planned.filter((line) => !line.startsWith("delete ")),
          [],
        );
        await site().up();
        assert.deepEqual(await plannedResources(site()), []);
      },
    );
    await site().nodesReady(60);
    const spaces = await site().kubectl("get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}");
    assert.deepEqual(
      spaces.split(" ").filter((name) => name === space || name === nodeSpace),
      [],
    );
    await eventually("the endpoint addresses to be free", 30, async () => (await holders()).length === 0);
    await assert.rejects(cloud.admin.version());
    await eventually(
      "the volumes to be gone",
      60,
      async () => (await site().kubectl("get", "persistentvolumes", "-o", "name")).trim() === "",
    );
    const left = (await stackResources(site())).filter(({ urn }) =>
      /OpenStack|Galera|Memcached|Edge|Authority/.test(urn),
    );
    assert.deepEqual(left, []);
  });

  it("leaves room for another one at the same addresses", async () => {
    const password = cloud.admin.credentials.password;
    const begin = Date.now();
    await site().up();
    console.log(`      a cloud on a ready cluster: up took ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    cloud = await cloudDeployed(site());
    await cloud.well(120);
    assert.notEqual(cloud.admin.credentials.password, password, "it has the password of the one before");
  });

  it("with the cluster's: destroy gives every host back as it was before the first up", async () => {
    await site().pulumiOk("destroy", "--yes", "--skip-preview");
    assert.deepEqual(await stackResources(site()), []);
    assert.deepEqual(await holders(), []);
    for (const host of site().hosts) {
      assert.equal(await site().ssh(host, "ls -d /var/lib/stratiform 2>/dev/null || true"), "", host);
    }
    for (const [host, snapshot] of await site().snapshots(site().hosts)) {
      assertSame(host, bareHost(host), snapshot);
    }
  });
});
