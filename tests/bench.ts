import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { addHosts, type Lab, labDown, labUp } from "../lab/lab";
import { plainTable, TerminalReporter } from "../lab/report";

/** Name of the lab that is measured. It is made anew for each deployment and taken down at the end. */
const labName = "bench";

/** How long an idle cluster is watched, in seconds. */
const idleSeconds = 60;

const report = new TerminalReporter();
const figures = new Map<string, number[]>();

function note(figure: string, value: number): void {
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

function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { deployments: { type: "string", default: "3" }, runs: { type: "string", default: "5" } },
  });
  let lab: Lab | undefined;
  for (let n = 0; n < Number(values.deployments); n++) {
    lab = await deploy();
  }
  if (lab === undefined) {
    throw new Error("--deployments must be at least 1");
  }
  const deployed = lab;
  await report.phase("Measure previews and updates without a change", async () => {
    for (let n = 0; n < Number(values.runs); n++) {
      note("no-op `up --yes --skip-preview`, s", await timed(deployed, ["up", "--yes", "--skip-preview"]));
      note("no-op `preview`, s", await timed(deployed, ["preview"]));
    }
  });
  await idle(deployed);
  const larger = await addHosts(deployed, 1, report);
  note("add a worker: `pulumi up`, s", await timed(larger, ["up", "--yes", "--skip-preview"]));
  const state = JSON.parse((await larger.pulumi(["stack", "export"])).stdout) as {
    deployment: { resources: unknown[] };
  };
  await labDown(labName, report);

  const gib = (totalmem() / 2 ** 30).toFixed(0);
  console.log(
    `\n${cpus().length} cores (${cpus()[0]?.model}), ${gib} GiB; ${state.deployment.resources.length} resources with 4 hosts\n`,
  );
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
