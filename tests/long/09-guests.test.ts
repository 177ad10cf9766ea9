import * as assert from "node:assert/strict";
import { site } from "../lab/lab";
import { type Cloud, coreDeployed, nodeSpace, type PodFacts } from "../lab/support/cloud";
import { GuestServer, PingWatch } from "../lab/support/servers";
import { eventually, pause } from "../lab/support/wait";

/** Longest waits in seconds, bounds against hanging: until the cloud is well again, and until the guest answers again. */
const wellLimit = 300;
const pingLimit = 120;
const migrationLimit = 600;

/** Pods of the guest's host of which one is deleted: service, process. */
const deleted = [
  ["libvirt", "libvirtd"],
  ["nova", "compute"],
  ["openvswitch", "ovn-controller"],
  ["openvswitch", "ovs-vswitchd"],
] as const;

/** What must be the same after an event as before it. */
interface Life {
  host: string;
  instance: string;
  /** Number of its QEMU on the host. */
  process: string;
  uptime: number;
}

describe("a guest", function () {
  this.timeout(3_600_000);
  let cloud: Cloud;
  let server: GuestServer;
  let ping: PingWatch;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.well(wellLimit);
    server = new GuestServer(cloud, `stratiform-guests-${process.pid}`);
    const begin = Date.now();
    await server.start();
    console.log(`      image, network, server, ssh: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    ping = new PingWatch(server.address);
    await ping.answers(pingLimit);
  });

  after(async () => {
    await ping?.stop();
    await server?.remove();
  });

  async function podOn(host: string, service: string, component: string): Promise<PodFacts> {
    const found = (await cloud.pods(service, component)).find(({ node, leaving }) => node === host && !leaving);
    assert.ok(found, `no pod of ${service}-${component} on ${host}`);
    return found;
  }

  /** Numbers of the processes of an instance on a host. */
  async function processes(host: string, instance: string): Promise<string[]> {
    const text = await site().ssh(host, `pgrep -f 'guest=${instance},' || true`);
    return text.split("\n").filter((line) => line !== "");
  }

  async function life(): Promise<Life> {
    const facts = await server.active(wellLimit);
    const { "OS-EXT-SRV-ATTR:host": host, "OS-EXT-SRV-ATTR:instance_name": instance } = facts;
    const found = await processes(host, instance);
    assert.equal(found.length, 1, `processes of ${instance} on ${host}: ${found.join(", ")}`);
    return { host, instance, process: found[0] ?? "", uptime: await server.uptime() };
  }

  /**
   * Fails unless libvirt holds the guest, and Nova gets at what it says through libvirt. It has to say something new: a
   * host that it came to by migration has nothing of what it said before.
   */
  async function assertManaged({ host, instance }: Life): Promise<void> {
    const { name } = await podOn(host, "libvirt", "libvirtd");
    const program = ["virsh", "--quiet", "--connect", "qemu:///system", "domstate", instance];
    assert.equal((await site().kubectl("-n", nodeSpace, "exec", name, "--", ...program)).trim(), "running");
    const words = `said at ${Date.now()}`;
    await server.ssh(`echo '${words}' >/dev/console`);
    const { output } = await server.action<{ output: string }>({ "os-getConsoleOutput": { length: 20 } });
    assert.ok(output.includes(words), `the console log does not have "${words}": ${output.slice(-500)}`);
  }

  /** Lets something happen to the guest's host, and fails unless the guest goes on as if nothing had. */
  async function outlives(what: string, happen: (host: string) => Promise<unknown>): Promise<void> {
    const before = await life();
    const begin = Date.now();
    await happen(before.host);
    await eventually(`the guest to be managed after: ${what}`, wellLimit, () => assertManaged(before).then(() => true));
    const seconds = (Date.now() - begin) / 1000;
    await ping.answers(pingLimit);
    await pause(2000);
    const gap = ping.longestGap(begin);
    console.log(`      ${what}: longest gap of ping ${gap.toFixed(1)} s; managed again after ${seconds.toFixed(1)} s`);

    const after = await life();
    assert.ok(after.uptime > before.uptime, `it was up for ${before.uptime} s before, ${after.uptime} s after`);
    assert.deepEqual({ ...after, uptime: 0 }, { ...before, uptime: 0 });
  }

  it("answers without a gap, and is managed, while nothing happens", async () => {
    await outlives("nothing", () => pause(5000));
  });

  for (const [service, component] of deleted) {
    it(`outlives the pod of ${component} on its host`, async () => {
      await outlives(`pod of ${component} deleted`, async (host) => {
        const pod = await podOn(host, service, component);
        await cloud.deletePods([pod]);
        await cloud.well(wellLimit, new Set([pod.uid]));
      });
    });
  }

  it("outlives a restart of kubelet and containerd of its host", async () => {
    await outlives("containerd and kubelet restarted", async (host) => {
      await site().ssh(host, "systemctl restart containerd kubelet");
      await site().nodesReady(wellLimit);
      await cloud.well(wellLimit);
    });
  });

  it("moves to another host while it runs", async () => {
    const before = await life();
    const hosts = (await cloud.pods("nova", "compute")).map(({ node }) => node);
    const host = hosts.find((name) => name !== before.host);
    assert.ok(host, `no other compute host than ${before.host}`);
    const begin = Date.now();
    await server.action({ "os-migrateLive": { host, block_migration: "auto", force: false } });
    await server.active(migrationLimit, host);
    const seconds = (Date.now() - begin) / 1000;
    await ping.answers(pingLimit);
    await pause(2000);
    const gap = ping.longestGap(begin);
    console.log(`      live migration: ${seconds.toFixed(1)} s; longest gap of ping ${gap.toFixed(1)} s`);

    const after = await life();
    assert.ok(after.uptime > before.uptime, `it was up for ${before.uptime} s before, ${after.uptime} s after`);
    await assertManaged(after);
    assert.deepEqual(await processes(before.host, before.instance), [], `on ${before.host}, which it left`);
  });

  it("leaves neither process nor device nor file on any host when it is deleted", async () => {
    const { instance } = await life();
    await ping.stop();
    await server.remove();
    const program = [
      `pgrep -a -f 'guest=${instance},'`,
      `ip -o link show | grep -F 'tap${server.port.slice(0, 11)}'`,
      `systemctl list-units --all --plain --no-legend --full '*guest-${instance}*'`,
      `find /var/lib/stratiform -path '*/pki' -prune -o -name '*${server.id}*' -print`,
      "true",
    ].join("\n");
    await eventually("nothing of the guest to be on a host", 60, async () => {
      for (const host of site().workers) {
        assert.equal((await site().ssh(host, program)).trim(), "", host);
      }
      return true;
    });
  });
});
