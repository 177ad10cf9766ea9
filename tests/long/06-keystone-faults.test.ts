import * as assert from "node:assert/strict";
import { Cloud, type PodFacts, plannedResources } from "../lab/support/cloud";
import {
  assertTenant,
  type FaultFigures,
  figuresLine,
  keystoneFault,
  killContainer,
  makeTenant,
} from "../lab/support/cloud-faults";
import { byClients, failures, type Load, meanAndDeviation } from "../lab/support/cloud-load";
import { ownLab } from "../lab/support/own-lab";
import { pause } from "../lab/support/wait";

/** Runs of each fault. */
const runs = 5;
/** Longest wait until the cloud is well again, in seconds: a bound against hanging. */
const wellLimit = 600;

describe("faults of a cloud under load", function () {
  this.timeout(3_600_000);
  const lab = ownLab({ name: "faults", hosts: 4, cloud: true, services: ["keystone"] });
  let cloud: Cloud;

  before(async () => {
    await lab.site().up();
    cloud = await Cloud.open(lab.site());
    await cloud.well(wellLimit);
  });

  for (const fault of ["pod deleted", "process killed"] as const) {
    it(`Keystone: ${fault} while 20 clients ask for tokens, ${runs} times`, async () => {
      const all: FaultFigures[] = [];
      for (let run = 1; run <= runs; run++) {
        const figures = await keystoneFault(cloud, fault);
        console.log(figuresLine(`${fault}, run ${run}`, figures));
        all.push(figures);
        await cloud.well(wellLimit);
        // Restarts of a pod that follow each other are delayed ever longer: each run has pods that know of none.
        const restarted = (await cloud.pods("keystone", "api")).filter(({ restarts }) => restarts > 0);
        await cloud.deletePods(restarted);
        await cloud.well(wellLimit, new Set(restarted.map(({ uid }) => uid)));
        await pause(10_000);
      }
      console.log(`      ${fault}, mean ± standard deviation of ${runs} runs:`);
      const lines: [string, (figures: FaultFigures) => number][] = [
        ["failed requests", (one) => Object.values(one.failures).reduce((sum, count) => sum + count, 0)],
        ["first to last error, s", (one) => one.window],
        ["to Ready, s", (one) => one.toReady],
        ["to baseline latency, s", (one) => one.toBaseline],
        ["median before, s", (one) => one.baseline],
        ["worst after, s", (one) => one.worst],
      ];
      for (const [what, of] of lines) console.log(`        ${what}: ${meanAndDeviation(all.map(of))}`);
      assert.equal(all.length, runs);
    });
  }

  describe("with three database members", () => {
    let written: Written;

    before("going from one member to three is an edit", async () => {
      const tenant = await makeTenant(cloud, "single");
      await lab.site().lab.editCloud((section) => {
        section.sizes = { mariadb: { server: { replicas: 3 } } };
        return section;
      });
      await lab.site().up();
      await cloud.well(wellLimit);
      await assertTenant(cloud, tenant);
      assert.equal((await members()).length, 3);
    });

    beforeEach(() => {
      written = new Written(cloud);
    });

    afterEach(async () => {
      await written.stop();
    });

    async function members(): Promise<PodFacts[]> {
      const pods = await cloud.pods("mariadb", "server");
      return pods.sort((left, right) => (left.name < right.name ? -1 : 1));
    }

    for (const [which, index] of [
      ["the one that takes the writes", 0],
      ["another one", 2],
    ] as const) {
      it(`a member killed under writes, ${which}: all that was acknowledged is there`, async () => {
        await pause(5000);
        const member = (await members())[index];
        assert.ok(member);
        await killContainer(cloud, member);
        await pause(15_000);
        await cloud.well(wellLimit);
        await written.assertThere();
      });
    }

    it("all members killed at once under writes", async () => {
      await pause(5000);
      await Promise.all((await members()).map((member) => killContainer(cloud, member)));
      await pause(10_000);
      console.log(`      all members: well after ${(await cloud.well(wellLimit)).toFixed(1)} s more`);
      await written.assertThere();
    });

    it("all members deleted at once under writes", async () => {
      await pause(5000);
      const all = await members();
      await cloud.deletePods(all);
      await cloud.well(wellLimit, new Set(all.map(({ uid }) => uid)));
      await written.assertThere();
    });

    it("the power of all hosts cut at once, some seconds after the last write", async () => {
      await pause(5000);
      await written.stop();
      // The profile "lab" writes to the disk once a second; "small" and "ha" write before they acknowledge.
      await pause(3000);
      const site = lab.site();
      await Promise.all(site.hosts.map((host) => site.lab.powerOff(host)));
      await Promise.all(site.hosts.map((host) => site.lab.powerOn(host)));
      await site.nodesReady(wellLimit);
      await cloud.well(wellLimit);
      await written.assertThere();
    });

    it("leaves nothing for pulumi to do", async () => {
      assert.deepEqual(await plannedResources(lab.site()), []);
    });
  });

  // A group of its own: those above would come after a test that stands beside them.
  describe("afterwards", () => {
    it("all hosts are given back as they were", async () => {
      await lab.destroy();
    });
  });
});

/** Projects that are made through the API one after another, and which of them were acknowledged. */
class Written {
  readonly #cloud: Cloud;
  readonly #names: string[] = [];
  readonly #load: Load;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    const { admin } = cloud;
    const begin = Date.now();
    let count = 0;
    let token: string | undefined;
    this.#load = byClients(2, async () => {
      token ??= (await admin.token()).id;
      const name = `written-${begin}-${count++}`;
      await admin.call("POST", "/projects", { project: { name, domain_id: "default" } }, token);
      this.#names.push(name);
      return undefined;
    });
  }

  stop(): Promise<unknown> {
    return this.#load.stop();
  }

  /** Fails unless every acknowledged project is there. */
  async assertThere(): Promise<void> {
    const samples = await this.#load.stop();
    const { projects } = await this.#cloud.admin.call<{ projects: { name: string }[] }>("GET", "/projects");
    const there = new Set(projects.map(({ name }) => name));
    assert.ok(this.#names.length > 5, `only ${this.#names.length} writes were acknowledged`);
    assert.deepEqual(
      this.#names.filter((name) => !there.has(name)),
      [],
      "acknowledged, but not there",
    );
    const failed = JSON.stringify(failures(samples));
    console.log(`      ${this.#names.length} writes acknowledged and there; not acknowledged: ${failed}`);
  }
}
