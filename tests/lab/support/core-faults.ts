import * as assert from "node:assert/strict";
import { TerminalReporter } from "../../../lab/report";
import { verify } from "../../../lab/verify";
import { type Cloud, type PodFacts, space } from "./cloud";
import { consoleGreeting } from "./console";
import { GuestServer, PingWatch } from "./servers";
import { eventually, pause } from "./wait";

/** Longest waits in seconds, bounds against hanging: until the cloud is well again, and until a guest answers again. */
const wellLimit = 600;
const pingLimit = 600;

/** Service and process of a pod, as in `nova-api`. */
export function processOf({ labels }: PodFacts): string {
  return [labels["app.kubernetes.io/name"], labels["app.kubernetes.io/component"]].filter(Boolean).join("-");
}

/** Fails unless `npm run verify` goes well, with a server on each of some hosts. Returns its table of steps and times. */
export async function assertVerified(cloud: Cloud, hosts = 1): Promise<string> {
  const lines: string[] = [];
  const report = new TerminalReporter({ write: (line) => lines.push(line) });
  assert.ok(await verify(cloud.site.lab, { hosts }, report), lines.join("\n"));
  return lines.at(-1) ?? "";
}

/** A guest that is to outlive what happens to the pods of its cloud. */
export class Witness {
  readonly #cloud: Cloud;
  readonly #server: GuestServer;
  #ping: PingWatch | undefined;

  constructor(cloud: Cloud, name: string) {
    this.#cloud = cloud;
    this.#server = new GuestServer(cloud, name);
  }

  /** Starts the guest. */
  async start(): Promise<void> {
    await this.#server.start();
    this.#ping = new PingWatch(this.#server.address);
    await this.#ping.answers(pingLimit);
  }

  /** Lets something happen, and fails unless the guest goes on: the same QEMU, an uptime that grows. Returns the longest gap of ping in seconds. */
  async outlives(happen: () => Promise<unknown>): Promise<number> {
    const before = await this.#life();
    const begin = Date.now();
    await happen();
    await this.#watch().answers(pingLimit);
    await pause(2000);
    const gap = this.#watch().longestGap(begin);
    const after = await this.#life();
    assert.ok(after.uptime > before.uptime, `the guest was up for ${before.uptime} s before, ${after.uptime} s after`);
    assert.deepEqual({ ...after, uptime: 0 }, { ...before, uptime: 0 });
    return gap;
  }

  /** What its console says first to a browser. */
  consoleGreeting(): Promise<string> {
    return consoleGreeting(this.#cloud, this.#server);
  }

  /**
   * Waits until it answers again after its host had no power, and starts it as its owner would, if Nova has not done so.
   * Returns whether its owner had to.
   */
  async restart(): Promise<boolean> {
    const begin = Date.now();
    let started = false;
    await eventually("the guest to answer again", wellLimit, async () => {
      if (this.#watch().answered(begin)) return true;
      const { status, "OS-EXT-STS:task_state": task } = await this.#server.facts();
      if (status === "SHUTOFF" && task === null) {
        await this.#server.action({ "os-start": null });
        started = true;
      }
      return false;
    });
    await this.#server.active(wellLimit);
    return started;
  }

  /** Removes it and all that it took. */
  async remove(): Promise<void> {
    await this.#ping?.stop();
    await this.#server.remove();
  }

  async #life(): Promise<{ host: string; process: string; uptime: number }> {
    const facts = await this.#server.active(wellLimit);
    const { "OS-EXT-SRV-ATTR:host": host, "OS-EXT-SRV-ATTR:instance_name": instance } = facts;
    const process = (await this.#cloud.site.ssh(host, `pgrep -f 'guest=${instance},' || true`)).trim();
    assert.match(process, /^\d+$/, `processes of ${instance} on ${host}`);
    return { host, process, uptime: await this.#server.uptime() };
  }

  #watch(): PingWatch {
    assert.ok(this.#ping, "the guest was not started");
    return this.#ping;
  }
}

/** Cuts the power of all hosts at once, gives it back, and waits until the cloud is well. Returns the seconds that took. */
export async function cutAllPower(cloud: Cloud): Promise<number> {
  const { site } = cloud;
  await Promise.all(site.hosts.map((host) => site.lab.powerOff(host)));
  await assert.rejects(cloud.admin.version());
  const begin = Date.now();
  await Promise.all(site.hosts.map((host) => site.lab.powerOn(host)));
  await site.nodesReady(wellLimit);
  await cloud.well(wellLimit);
  return (Date.now() - begin) / 1000;
}

/** Waits until the cloud is well without these pods, or says what it lacks. Returns the seconds that took. */
export function wellWithout(cloud: Cloud, pods: readonly PodFacts[]): Promise<number> {
  return cloud.well(wellLimit, new Set(pods.map(({ uid }) => uid)));
}

/** Waits until this pod has started its container anew, and the cloud is well. Returns the seconds that took. */
export async function wellAfterKill(cloud: Cloud, victim: PodFacts): Promise<number> {
  const begin = Date.now();
  await eventually(`${victim.name} to start again`, wellLimit, async () => {
    const now = (await cloud.pods()).find(({ uid }) => uid === victim.uid);
    return now !== undefined && now.restarts > victim.restarts;
  });
  await cloud.well(wellLimit);
  return (Date.now() - begin) / 1000;
}

/**
 * Lets Nova's scheduler and compute hosts begin without Placement until they say that they wait, and then gives it back (the
 * conductor waits likewise, but compute hosts wait for that first). Fails if one of these processes ended meanwhile:
 * Kubernetes would start it again minutes later only. Returns the seconds from Placement's return until the cloud was well.
 */
export async function novaBeforePlacement(cloud: Cloud): Promise<number> {
  const { site } = cloud;
  const asking = async () =>
    (await Promise.all(["scheduler", "compute"].map((process) => cloud.pods("nova", process)))).flat();
  const placement = (await cloud.pods("placement", "api")).length;
  const scale = (replicas: number) =>
    site.kubectl("-n", space, "scale", "deployment/placement-api", `--replicas=${replicas}`);
  const victims = await asking();
  const gone = new Set(victims.map(({ uid }) => uid));
  await scale(0);
  try {
    await eventually("Placement to be gone", wellLimit, async () => (await cloud.pods("placement")).length === 0);
    await cloud.deletePods(victims);
    await eventually("Nova to wait for Placement", wellLimit, async () => {
      const pods = (await asking()).filter(({ uid }) => !gone.has(uid));
      assert.equal(pods.length, victims.length, "pods of Nova");
      for (const { namespace, name } of pods) {
        const log = await site.kubectl("-n", namespace, "logs", name);
        assert.ok(log.includes("Waits for Placement"), `${name} does not say that it waits`);
      }
      return true;
    });
  } finally {
    await scale(placement);
  }
  const seconds = await wellWithout(cloud, victims);
  const ended = (await asking()).filter(({ restarts }) => restarts > 0);
  assert.deepEqual(ended.map(processOf), []);
  return seconds;
}
