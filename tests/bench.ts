import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureImages } from "../images/build";
import { criticalPath, type DatedResource } from "../lab/critical-path";
import { addHosts, type Lab, labDown, labUp } from "../lab/lab";
import { plainTable, TerminalReporter } from "../lab/report";
import { resourcesByStratum } from "../lab/strata";
import { cacheDirectory } from "../lab/toolchain/cache";
import { runAsRoot } from "../lab/toolchain/process";
import { Cloud, stackResources } from "./lab/support/cloud";
import { EarlyCloud } from "./lab/support/early-cloud";
import { GuestServer } from "./lab/support/servers";
import { Site } from "./lab/support/site";

/** Name of the lab that is measured. It is made anew for each deployment and taken down at the end. */
const labName = "bench";

/** How long an idle cluster is watched, in seconds. */
const idleSeconds = 60;

const report = new TerminalReporter();
const figures = new Map<string, number[]>();

/** Keeps a figure for the table at the end, and says it at once, for whoever ends the benchmark before. */
function note(figure: string, value: number): void {
  console.log(`${figure}: ${value.toFixed(1)}`);
  figures.set(figure, [...(figures.get(figure) ?? []), value]);
}

/** Runs Pulumi, and says how many seconds it took. Ends the benchmark if it fails. */
async function timed(lab: Lab, args: string[]): Promise<number> {
  const start = Date.now();
  const result = await lab.pulumi(args);
  if (result.code !== 0) {
    throw new Error(`pulumi ${args.join(" ")} failed:\n${result.stdout}\n${result.stderr}`);
  }
  return (Date.now() - start) / 1000;
}

/** Fresh hosts, then `pulumi up`. Node conditions are stamped to the second. */
async function deploy(): Promise<Lab> {
  await labDown(labName, report);
  const lab = await labUp({ name: labName, hosts: 3 }, report);
  const start = Date.now();
  note(
    "fresh hosts → `pulumi up` done (all Ready, DNS, storage), s",
    await timed(lab, ["up", "--yes", "--skip-preview"]),
  );
  const nodes = JSON.parse((await lab.kubectl(["get", "nodes", "-o", "json"])).stdout) as NodeList;
  const ready = nodes.items.flatMap((node) => node.status.conditions.filter((condition) => condition.type === "Ready"));
  const last = Math.max(...ready.map((condition) => Date.parse(condition.lastTransitionTime)));
  note("fresh hosts → all nodes Ready, s", (last - start) / 1000);
  return lab;
}

interface NodeList {
  items: { status: { conditions: { type: string; lastTransitionTime: string }[] } }[];
}

/** CPU seconds and bytes in use of a host, page cache that can be dropped at once not counted; cgroup v1 or v2. */
async function usage(lab: Lab, host: string): Promise<{ cpu: number; memory: number }> {
  const script = `cd /sys/fs/cgroup
if [ -f cgroup.controllers ]; then awk '/usage_usec/ {print $2/1e6}' cpu.stat; cat memory.current; awk '/^inactive_file/ {print $2}' memory.stat
else awk '{print $1/1e9}' cpuacct/cpuacct.usage; cat memory/memory.usage_in_bytes; awk '/^total_inactive_file/ {print $2}' memory/memory.stat; fi`;
  const [cpu = 0, used = 0, inactive = 0] = (await lab.ssh(host, script)).stdout.trim().split("\n").map(Number);
  return { cpu, memory: used - inactive };
}

async function idle(lab: Lab): Promise<void> {
  await report.phase(`Watch the idle cluster for ${idleSeconds} s`, async () => {
    const before = await Promise.all(lab.hosts.map((host) => usage(lab, host.name)));
    await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000));
    const after = await Promise.all(lab.hosts.map((host) => usage(lab, host.name)));
    lab.hosts.forEach((_, index) => {
      const kind = index === 0 ? "control host" : "worker";
      note(`idle ${kind}, % of a core`, (((after[index]?.cpu ?? 0) - (before[index]?.cpu ?? 0)) / idleSeconds) * 100);
      note(`idle ${kind}, MiB`, (after[index]?.memory ?? 0) / 2 ** 20);
    });
  });
}

/** Takes the images of the cloud from the hosts, as if they had never been there. Those of the cluster stay. */
async function forgetImages(lab: Lab): Promise<void> {
  const script = `cd /; list="$(ctr --namespace k8s.io images ls | tail -n +2)"
digests=" $(echo "$list" | awk '$1 ~ "/stratiform/" { print $3 }' | sort -u | tr '\\n' ' ')"
echo "$list" | awk -v digests="$digests" 'index(digests, " " $3 " ") { print $1 }' |
  xargs --no-run-if-empty ctr --namespace k8s.io images rm --sync >/dev/null
! ctr --namespace k8s.io images ls --quiet | grep -q /stratiform/`;
  for (const { name } of lab.hosts) {
    const result = await lab.ssh(name, "exec bash -s", { input: script });
    if (result.code !== 0) throw new Error(`${name}: images of the cloud are left: ${result.stderr}`);
  }
}

/** A cloud on a ready cluster, images in the registry but not on the hosts: until the first token, from outside. */
async function cloudUp(lab: Lab): Promise<void> {
  await forgetImages(lab);
  const start = Date.now();
  note("ready cluster → `pulumi up` done (cloud), s", await timed(lab, ["up", "--yes", "--skip-preview"]));
  const cloud = await Cloud.open(new Site(lab));
  await cloud.admin.token();
  note("ready cluster → first token, s", (Date.now() - start) / 1000);
}

/** The cloud taken away again: the stack file without it, then with it. */
async function cloudDown(lab: Lab): Promise<void> {
  await new Site(lab).withStack(
    (stack) => {
      delete stack.config["stratiform:cloud"];
    },
    async () => note("take the cloud away: `pulumi up`, s", await timed(lab, ["up", "--yes", "--skip-preview"])),
  );
}

/** Deploys the cloud `deployments` times on a ready cluster, then measures what is done when nothing is to be done. */
async function benchCloud(lab: Lab, deployments: number, runs: number): Promise<void> {
  for (let n = 0; n < deployments; n++) {
    if (n > 0) await cloudDown(lab);
    await cloudUp(lab);
  }
  await withoutChange(lab, "cloud", runs);
}

/** What previews and updates take where nothing is to be done. */
async function withoutChange(lab: Lab, what: string, runs: number): Promise<void> {
  const resources = await countResources(lab);
  await report.phase(`Measure previews and updates of cluster and ${what} without a change`, async () => {
    for (let n = 0; n < runs; n++) {
      const seconds = await timed(lab, ["up", "--yes", "--skip-preview"]);
      note(`no-op \`up --yes --skip-preview\` with the ${what}, s`, seconds);
      note(`no-op with the ${what}, ms a resource`, (seconds * 1000) / resources);
      note(`no-op \`preview\` with the ${what}, s`, await timed(lab, ["preview"]));
    }
  });
}

/**
 * The core cloud on a ready cluster, images in the registry but not on the hosts: until the first server is ACTIVE, and
 * until it lets us in. Its administrator uses each service as soon as it is there, as whoever measured the floor did. Each
 * time on fresh hosts, since a cloud that is taken away leaves its hosts' bridges behind.
 */
async function benchCore(deployments: number, runs: number): Promise<void> {
  for (let n = 0; n < deployments; n++) {
    await readyCluster();
    const lab = await labUp({ name: labName, cloud: true }, report);
    await forgetImages(lab);
    const start = Date.now();
    const since = (): number => (Date.now() - start) / 1000;
    const site = new Site(lab);
    const [server] = await Promise.all([
      firstServer(site, since),
      timed(lab, ["up", "--yes", "--skip-preview"]).then((seconds) =>
        note("ready cluster → `pulumi up` done (core cloud), s", seconds),
      ),
    ]);
    note("memory in use of the whole computer, GiB", memoryInUse());
    const path = criticalPath((await stackResources(site)) as DatedResource[], start);
    console.log(
      plainTable(
        ["Critical path", "s", "at s"],
        path.map(({ resource, seconds, at }) => [resource, seconds.toFixed(1), at.toFixed(1)]),
      ),
    );
    await server.remove();
    if (n === deployments - 1) await withoutChange(lab, "core cloud", runs);
  }
}

/** A server on a cloud that is being brought up, once it lets us in. */
async function firstServer(site: Site, since: () => number): Promise<GuestServer> {
  const cloud = await EarlyCloud.open(site);
  note("ready cluster → first token with the core cloud, s", since());
  const server = new GuestServer(cloud, "stratiform-bench");
  server.onRequest = () => note("ready cluster → first server asked for, s", since());
  server.onActive = () => note("ready cluster → first server ACTIVE, s", since());
  await server.start();
  note("ready cluster → first server lets us in, s", since());
  return server;
}

/** Memory that this computer could not give to something new, in GiB. */
function memoryInUse(): number {
  const text = readFileSync("/proc/meminfo", "utf8");
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]);
  return (kibibytes("MemTotal") - kibibytes("MemAvailable")) / 2 ** 20;
}

/** Number of the stack's resources; prints them by stratum. */
async function countResources(lab: Lab): Promise<number> {
  const state = (await lab.pulumi(["stack", "export"])).stdout;
  const strata = [...resourcesByStratum(state)].map(([stratum, count]) => `${stratum} ${count}`);
  const { deployment } = JSON.parse(state) as { deployment: { resources: unknown[] } };
  console.log(`${deployment.resources.length} resources: ${strata.join(", ")}`);
  return deployment.resources.length;
}

/** Image build with nothing to do, and on demand from nothing, in a cache of its own. */
async function benchImages(runs: number, fromNothing: boolean): Promise<void> {
  const seconds = async (): Promise<number> => {
    const start = Date.now();
    await ensureImages(report);
    return (Date.now() - start) / 1000;
  };
  await seconds();
  for (let n = 0; n < runs; n++) note("image build, unchanged, s", await seconds());
  if (!fromNothing) return;
  const before = process.env.STRATIFORM_CACHE;
  const cache = await mkdtemp(join(existsSync("/var/tmp") ? "/var/tmp" : tmpdir(), "stratiform-bench-"));
  try {
    process.env.STRATIFORM_CACHE = cache;
    note("image build, from nothing, s", await seconds());
  } finally {
    if (before === undefined) delete process.env.STRATIFORM_CACHE;
    else process.env.STRATIFORM_CACHE = before;
    await rm(cache, { recursive: true, force: true });
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Deployments of the cluster on fresh hosts, and what it does when it is idle. */
async function benchCluster(deployments: number, runs: number): Promise<Lab> {
  let lab: Lab | undefined;
  for (let n = 0; n < deployments; n++) {
    lab = await deploy();
  }
  if (lab === undefined) {
    throw new Error("--deployments must be at least 1");
  }
  const deployed = lab;
  await report.phase("Measure previews and updates without a change", async () => {
    for (let n = 0; n < runs; n++) {
      note("no-op `up --yes --skip-preview`, s", await timed(deployed, ["up", "--yes", "--skip-preview"]));
      note("no-op `preview`, s", await timed(deployed, ["preview"]));
    }
  });
  await idle(deployed);
  const larger = await addHosts(deployed, 1, report);
  note("add a worker: `pulumi up`, s", await timed(larger, ["up", "--yes", "--skip-preview"]));
  await countResources(larger);
  return larger;
}

/**
 * Takes what was deleted out of this computer's memory: ext4 without a journal steps over each file that was deleted in
 * the last minutes whenever it makes a new one, for as long as it has it in memory. After a lab of 200,000 files that took
 * a twentieth of the next deployment's processor time. The registry's images are read back.
 */
async function forgetDeleted(): Promise<void> {
  await runAsRoot("sh", ["-c", "sync; echo 1 >/proc/sys/vm/drop_caches"]);
  const registry = join(cacheDirectory(), "registry");
  for (const file of await readdir(registry, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) await readFile(join(file.parentPath, file.name));
  }
}

/** A ready cluster of three hosts that nothing was measured on. */
async function readyCluster(): Promise<Lab> {
  await labDown(labName, report);
  await forgetDeleted();
  const lab = await labUp({ name: labName, hosts: 3 }, report);
  await timed(lab, ["up", "--yes", "--skip-preview"]);
  return lab;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      deployments: { type: "string", default: "3" },
      runs: { type: "string", default: "5" },
      only: { type: "string" },
      images: { type: "boolean", default: false },
    },
  });
  const [deployments, runs] = [Number(values.deployments), Number(values.runs)];
  const parts = ["cluster", "cloud", "core"];
  if (values.only !== undefined && !parts.includes(values.only)) {
    throw new Error(`--only takes ${parts.join(", ")}`);
  }
  const wanted = (part: string): boolean => (values.only ?? part) === part;
  if (wanted("cluster")) {
    await benchCluster(deployments, runs);
  }
  if (wanted("cloud")) {
    await benchImages(runs, values.images);
    await readyCluster();
    await benchCloud(await labUp({ name: labName, cloud: true, services: ["keystone"] }, report), deployments, runs);
  }
  if (wanted("core")) {
    await benchCore(deployments, runs);
  }
  await labDown(labName, report);

  const gib = (totalmem() / 2 ** 30).toFixed(0);
  console.log(`\n${cpus().length} cores (${cpus()[0]?.model}), ${gib} GiB\n`);
  const rows = [...figures].map(([figure, all]) => [
    figure,
    ...[Math.min(...all), median(all), Math.max(...all)].map((value) => value.toFixed(1)),
    String(all.length),
  ]);
  console.log(plainTable(["Figure", "min", "median", "max", "n"], rows));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
