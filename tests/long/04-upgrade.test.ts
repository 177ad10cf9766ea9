import * as assert from "node:assert/strict";
import { pod, service, webServer } from "../lab/support/objects";
import { plannedChanges } from "../lab/support/operations";
import { ownLab } from "../lab/support/own-lab";
import { assertConnections } from "../lab/support/reach";
import { pause } from "../lab/support/wait";

const from = "1.34.4";
const to = "1.35.4";

/** Probes of the Service on each probing host, every 0.2 s: a line `<time> <ok or no>` each. */
const probeList = "/dev/shm/probes";
const prober = "service-probe";

/** A longer outage than this is a loss of function: more than a connection that was cut. In seconds. */
const longestOutage = 10;

describe(`upgrade from ${from} to ${to}`, function () {
  this.timeout(3_600_000);
  const lab = ownLab({ name: "upgrade", hosts: 3, kubernetes: [from, to] });

  before(async () => {
    const site = lab.site();
    assert.equal(site.cluster.kubernetesVersion, from);
    await site.up();
    const labels = { app: "probed" };
    const server = pod("x", { image: site.busybox, script: webServer(8080) });
    const spec = server["spec"] as { containers: Record<string, unknown>[] };
    const [container] = spec.containers;
    await site.apply(
      service("probed", labels, 8080),
      {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "probed" },
        spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
      },
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "probed" },
        spec: {
          replicas: 3,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: "kubernetes.io/hostname",
                  whenUnsatisfiable: "ScheduleAnyway",
                  labelSelector: { matchLabels: labels },
                },
              ],
              containers: [
                {
                  ...container,
                  readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
                  lifecycle: { preStop: { exec: { command: ["busybox", "sleep", "5"] } } },
                },
              ],
            },
          },
        },
      },
    );
    await site.kubectl("rollout", "status", "deployment/probed", "--timeout=180s");
    const address = await site.kubectl("get", "service", "probed", "-o", "jsonpath={.spec.clusterIP}");
    const call = `curl --silent --fail --output /dev/null --max-time 2 http://${address}/`;
    for (const host of site.hosts) {
      const loop = `while :; do if ${call}; then r=ok; else r=no; fi; echo "$(date +%s.%N) $r" >>${probeList}; sleep 0.2; done`;
      await site.ssh(host, `systemd-run --quiet --collect --unit=${prober} bash -c '${loop}'`);
    }
    await pause(3000);
  });

  it("takes one node after another, while the Service is there", async () => {
    const site = lab.site();
    site.edit((cluster) => {
      cluster.kubernetesVersion = to;
    });
    let over = false;
    let most = 0;
    const watch = (async (): Promise<void> => {
      while (!over) {
        // The API server of a single control host is away for a moment.
        const text = await site.kubectl("get", "nodes", "--no-headers", "--request-timeout=5s").catch(() => "");
        most = Math.max(most, text.split("\n").filter((line) => /SchedulingDisabled|NotReady/.test(line)).length);
        await pause(1000);
      }
    })();
    try {
      await site.up();
    } finally {
      over = true;
      await watch;
    }
    assert.ok(most <= 1, `${most} nodes were out of service at once`);
    await site.nodesReady(120);
    const versions = await site.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}");
    assert.deepEqual(new Set(versions.split(" ")), new Set([`v${to}`]));
    const server = JSON.parse(await site.kubectl("version", "-o", "json")) as { serverVersion: { gitVersion: string } };
    assert.equal(server.serverVersion.gitVersion, `v${to}`);
    const unschedulable = await site.kubectl("get", "nodes", "-o", "jsonpath={.items[*].spec.unschedulable}");
    assert.equal(unschedulable, "");
  });

  it("loses no more calls than a connection that is cut", async () => {
    const site = lab.site();
    for (const host of site.hosts) {
      const lines = (await site.ssh(host, `systemctl stop ${prober}; cat ${probeList}`)).trim().split("\n");
      const probes = lines.map((line) => ({ at: Number(line.split(" ")[0]), ok: line.endsWith("ok") }));
      let outage = 0;
      let lastGood = probes[0]?.at ?? 0;
      for (const { at, ok } of probes) {
        if (ok) {
          outage = Math.max(outage, at - lastGood);
          lastGood = at;
        }
      }
      const failed = probes.filter(({ ok }) => !ok).length;
      const figures = `${host}: ${failed} of ${probes.length} calls failed, longest time without an answer ${outage.toFixed(1)} s`;
      console.log(`      ${figures}`);
      assert.ok(probes.length > 100, figures);
      assert.ok(outage < longestOutage, figures);
    }
  });

  it("leaves a cluster that works and is as the stack says", async () => {
    const site = lab.site();
    await site.apply(pod("asker", { image: site.busybox }));
    await site.podsReady("default", "asker");
    await assertConnections(site, "names and Services to work", [
      { from: "default/asker", to: "kubernetes.default.svc.cluster.local", what: "DNS", allowed: true },
      { from: "default/asker", to: "probed.default.svc.cluster.local:80", what: "Service", allowed: true },
    ]);
    assert.deepEqual(await plannedChanges(site), []);
  });

  it("and hosts that are given back as they were", async () => {
    for (const host of lab.site().hosts) await lab.site().ssh(host, `rm -f ${probeList}`);
    await lab.destroy();
  });
});
