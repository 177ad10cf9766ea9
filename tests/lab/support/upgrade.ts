import * as assert from "node:assert/strict";
import { type KubernetesObject, pod, service, webServer } from "./objects";
import { plannedChanges } from "./operations";
import { assertConnections } from "./reach";
import type { Site } from "./site";
import { pause } from "./wait";

/** The upgrade that tests make: one minor, between versions that can be built. */
export const upgradeFrom = "1.34.4";
/** See `upgradeFrom`. */
export const upgradeTo = "1.35.4";

/** Calls of the Service on each host, every 0.2 s: a line `<time> <ok or no>` each. */
const callList = "/dev/shm/probes";
const caller = "service-probe";

/** A longer outage than this is a loss of function, in seconds: a bound against hanging, no measure of speed. */
const longestOutage = 30;

const name = "probed";

/** How long a pod that is told to end still answers, until no host sends calls to it any more. */
const leaveSeconds = 5;

/** A web server with a pod on each host, of which one at a time may be missing, and its Service. */
function probedObjects(image: string, replicas: number): KubernetesObject[] {
  const labels = { app: name };
  const { containers } = pod(name, { image, script: webServer(8080) })["spec"] as {
    containers: Record<string, unknown>[];
  };
  const container = {
    ...containers[0],
    readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
    lifecycle: { preStop: { exec: { command: ["busybox", "sleep", String(leaveSeconds)] } } },
  };
  const spread = { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" };
  const podSpec = {
    terminationGracePeriodSeconds: leaveSeconds + 1,
    topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels: labels } }],
    containers: [container],
  };
  const selector = { matchLabels: labels };
  return [
    service(name, labels, 8080),
    { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name }, spec: { maxUnavailable: 1, selector } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: { replicas, selector, template: { metadata: { labels }, spec: podSpec } },
    },
  ];
}

/** Puts a Service into the cluster that every host calls from now on. */
export async function callService(site: Site): Promise<void> {
  await site.apply(...probedObjects(site.busybox, site.hosts.length));
  await site.kubectl("rollout", "status", `deployment/${name}`, "--timeout=180s");
  const address = await site.kubectl("get", "service", name, "-o", "jsonpath={.spec.clusterIP}");
  const call = `curl --silent --fail --output /dev/null --max-time 2 http://${address}/`;
  const loop = `while :; do if ${call}; then r=ok; else r=no; fi; echo "$(date +%s.%N) $r" >>${callList}; sleep 0.2; done`;
  for (const host of site.hosts) {
    await site.ssh(host, `systemd-run --quiet --collect --unit=${caller} bash -c '${loop}'`);
  }
  await pause(3000);
}

/** Upgrades the cluster by an edit of the stack file. Fails if two nodes are out of service at once. */
export async function upgrade(site: Site, version: string): Promise<void> {
  site.edit((cluster) => {
    cluster.kubernetesVersion = version;
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
}

/** Fails unless every node and the API run a version, and every node takes pods. */
export async function assertVersion(site: Site, version: string): Promise<void> {
  await site.nodesReady(120);
  const versions = await site.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}");
  assert.deepEqual(new Set(versions.split(" ")), new Set([`v${version}`]));
  const server = JSON.parse(await site.kubectl("version", "-o", "json")) as { serverVersion: { gitVersion: string } };
  assert.equal(server.serverVersion.gitVersion, `v${version}`);
  assert.equal(await site.kubectl("get", "nodes", "-o", "jsonpath={.items[*].spec.unschedulable}"), "");
}

/** Ends the calls of `callService` and leaves nothing of them. Fails if the Service was away for longer than a cut connection. */
export async function assertCallsAnswered(site: Site): Promise<void> {
  const figures: { text: string; calls: number; outage: number }[] = [];
  for (const host of site.hosts) {
    const text = await site.ssh(host, `systemctl stop ${caller}; cat ${callList}; rm ${callList}`);
    const calls = text
      .trim()
      .split("\n")
      .map((line) => ({ at: Number(line.split(" ")[0]), ok: line.endsWith("ok") }));
    // Up to the last call: one that fails then has been away since the last good one.
    const good = calls.filter(({ ok }, index) => ok || index === calls.length - 1).map(({ at }) => at);
    const outage = Math.max(...good.map((at, index) => at - (good[index - 1] ?? calls[0]?.at ?? at)));
    const failed = calls.filter(({ ok }) => !ok).length;
    figures.push({
      text: `${host}: ${failed} of ${calls.length} calls failed, longest time without an answer ${outage.toFixed(1)} s`,
      calls: calls.length,
      outage,
    });
  }
  for (const { text } of figures) console.log(`      ${text}`);
  for (const { text, calls, outage } of figures) {
    assert.ok(calls > 100, text);
    assert.ok(outage < longestOutage, text);
  }
}

/** Fails unless names and Services work in the cluster, and nothing is left to do. */
export async function assertCallable(site: Site): Promise<void> {
  await site.apply(pod("asker", { image: site.busybox }));
  await site.podsReady("default", "asker");
  await assertConnections(site, "names and Services to work", [
    { from: "default/asker", to: "kubernetes.default.svc.cluster.local", what: "DNS", allowed: true },
    { from: "default/asker", to: `${name}.default.svc.cluster.local:80`, what: "Service", allowed: true },
  ]);
  assert.deepEqual(await plannedChanges(site), []);
}
