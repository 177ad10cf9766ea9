import * as assert from "node:assert/strict";
import { maintain, nodePods, type Place } from "../../operations/maintain";
import { site } from "../lab/lab";
import { type Cloud, coreDeployed, nodeSpace, stackResources } from "../lab/support/cloud";
import { GuestServer } from "../lab/support/servers";
import { type HostConfig, textOf } from "../lab/support/site";
import { assertSame, parseSnapshot, type Snapshot } from "../lab/support/snapshot";
import { eventually } from "../lab/support/wait";

/** Longest wait until the cloud is well again, in seconds: a bound against hanging. */
const wellLimit = 600;

describe("compute hosts", function () {
  this.timeout(3_600_000);
  let cloud: Cloud;
  let added: string;
  let bare: Snapshot;
  let entry: HostConfig;
  let server: GuestServer;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.well(wellLimit);
    added = await site().addHost();
    const text = await site().bareText(added);
    assert.ok(text, `${added} is not bare`);
    bare = parseSnapshot(text);
    entry = site().cluster.hosts.find(({ name }) => name === added) as HostConfig;
    server = new GuestServer(cloud, `stratiform-hosts-${process.pid}`);
  });

  after(async () => {
    await server?.remove();
    await cloud?.well(wellLimit);
  });

  function listed(wanted: boolean): void {
    site().edit((cluster) => {
      cluster.hosts = [...cluster.hosts.filter(({ name }) => name !== added), ...(wanted ? [entry] : [])];
    });
  }

  async function openstack(...words: string[]): Promise<string> {
    const result = await site().lab.openstack([...words, "--format", "value"]);
    assert.equal(result.code, 0, textOf(result));
    return result.stdout;
  }

  async function hostOfServer(): Promise<string> {
    return (await server.active(wellLimit))["OS-EXT-SRV-ATTR:host"];
  }

  it("one that is added by a line in the stack file runs a server, without further steps", async () => {
    const begin = Date.now();
    await site().up();
    console.log(`      up: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    await server.start(added);
    assert.equal(await hostOfServer(), added);
    console.log(`      a server on it answers after ${((Date.now() - begin) / 1000).toFixed(1)} s`);
  });

  it("is maintained: its server moves away while it runs, its old pods are replaced, and it is in use again", async () => {
    await site().lab.editCloud((section) => {
      section.sizes = { ...section.sizes, libvirt: { libvirtd: { memory: "80Mi" } } };
      return section;
    });
    await site().up();
    const place: Place = {
      kubectl: (args, onOutput) => site().lab.kubectl([...args], onOutput === undefined ? {} : { onOutput }),
      namespace: nodeSpace,
      say: (text) => console.log(`      ${text}`),
    };
    const pending = async (): Promise<string[]> =>
      (await nodePods(place)).filter((pod) => pod.pending).map(({ host, daemonSet }) => `${host} ${daemonSet}`);
    assert.ok((await pending()).includes(`${added} libvirt-libvirtd`), (await pending()).join(", "));
    const { stdout } = await site().pulumi(["stack", "output", "pendingHosts", "--json"]);
    assert.ok((JSON.parse(stdout) as string[]).includes(added), stdout);
    const uptime = await server.uptime();

    await maintain(added, place);
    assert.deepEqual(
      (await pending()).filter((line) => line.startsWith(`${added} `)),
      [],
    );
    assert.notEqual(await hostOfServer(), added);
    assert.ok((await server.uptime()) > uptime, "the guest began anew");
    const services = await openstack(
      ...["compute", "service", "list", "--host", added],
      ...["--column", "Status", "--column", "State"],
    );
    assert.equal(services.trim(), "enabled up");

    for (const host of new Set((await pending()).map((line) => line.split(" ")[0] ?? ""))) await maintain(host, place);
    assert.deepEqual(await pending(), []);
  });

  it("is not taken while it has a server that cannot be moved, and the refusal names that server", async () => {
    if ((await hostOfServer()) !== added) {
      await server.action({ "os-migrateLive": { host: added, block_migration: "auto", force: false } });
    }
    await server.active(wellLimit, added);
    await server.action({ "os-stop": null });
    await server.stopped(wellLimit);
    listed(false);
    const result = await site().pulumi(["up", "--yes", "--skip-preview"]);
    assert.notEqual(result.code, 0, "the host was taken");
    const text = textOf(result);
    for (const words of [added, server.name, server.id, "SHUTOFF"]) {
      assert.ok(text.includes(words), `${words} is not in: ${text.slice(-3000)}`);
    }
    await site().nodesReady(60, [...site().hosts, added]);
    await cloud.well(wellLimit);
    await server.action({ "os-start": null });
    assert.equal(await hostOfServer(), added);
  });

  it("is taken when it leaves the list: its server moves first, and the host is as it was", async () => {
    await eventually("the server to let us in again", wellLimit, () => server.ssh("true").then(() => true));
    const uptime = await server.uptime();
    listed(false);
    const begin = Date.now();
    await site().up();
    console.log(`      up: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    assert.notEqual(await hostOfServer(), added);
    assert.ok((await server.uptime()) > uptime, "the guest began anew");
    assertSame(added, bare, await site().snapshot(added));
    assert.doesNotMatch(
      await openstack("compute", "service", "list", "--column", "Host"),
      new RegExp(`^${added}$`, "m"),
    );
    assert.doesNotMatch(await openstack("network", "agent", "list", "--column", "Host"), new RegExp(`^${added}$`, "m"));
    const left = (await stackResources(site())).filter(({ urn }) => urn.includes(`-${added}-`));
    assert.deepEqual(left, []);
    await cloud.well(wellLimit);
  });
});
