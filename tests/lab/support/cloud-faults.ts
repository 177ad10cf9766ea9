import * as assert from "node:assert/strict";
import { databasePort, statePort } from "../../../components/backing/galera-config";
import { type Cloud, type PodFacts, space } from "./cloud";
import { byClients, type LoadFigures, loadFigures } from "./cloud-load";
import { eventually, pause } from "./wait";

/** Clients that ask for tokens at once, as in fuel-ccp's tests. */
const clients = 20;
/** How long they ask before a fault and after everything is ready again, at least, in seconds. */
const before = 10;
const after = 8;
/** Longest wait until everything is ready again, in seconds: a bound against hanging. */
const readyLimit = 180;

/** What can happen to a pod of Keystone. */
export type KeystoneFault = "pod deleted" | "process killed";

/** What it did. Times in seconds. */
export interface FaultFigures extends LoadFigures {
  /** From the fault until all pods of Keystone were ready again. */
  toReady: number;
}

/** Lets 20 clients ask for tokens by password, each anew on a connection of its own, while something happens to a pod of Keystone. */
export async function keystoneFault(cloud: Cloud, fault: KeystoneFault): Promise<FaultFigures> {
  const pods = await cloud.pods("keystone", "api");
  const [victim] = pods;
  assert.ok(victim && pods.every(({ ready }) => ready), "Keystone's pods are not ready");
  const load = byClients(clients, () => cloud.admin.token());
  try {
    await pause(before * 1000);
    await eventually("a baseline", 120, async () => load.samples.length >= 2 * clients, 200);
    const begin = Date.now();
    if (fault === "pod deleted") {
      await cloud.deletePods([victim]);
    } else {
      await killContainer(cloud, victim);
    }
    await eventually(
      "Keystone's pods to be ready",
      readyLimit,
      async () => isBack(await cloud.pods("keystone", "api"), victim, fault, pods.length),
      250,
    );
    const toReady = (Date.now() - begin) / 1000;
    await pause(after * 1000);
    return { ...loadFigures(await load.stop(), begin), toReady };
  } finally {
    await load.stop();
  }
}

function isBack(pods: readonly PodFacts[], victim: PodFacts, fault: KeystoneFault, wanted: number): boolean {
  const ready = pods.filter((pod) => pod.ready);
  return (
    ready.length === wanted &&
    (fault === "pod deleted"
      ? ready.every(({ uid }) => uid !== victim.uid)
      : ready.some(({ uid, restarts }) => uid === victim.uid && restarts > victim.restarts))
  );
}

/** Kills all processes of a pod's containers with SIGKILL, on its host. */
export async function killContainer(cloud: Cloud, pod: PodFacts): Promise<void> {
  for (const container of pod.containers) {
    await withProcesses(cloud, pod.node, container, "kill -KILL $pids");
  }
}

/** Runs a line of shell on a host, to which `$pids` are the processes of a container. */
async function withProcesses(cloud: Cloud, node: string, container: string, line: string): Promise<void> {
  assert.match(container, /^[0-9a-f]{64}$/);
  const program = [
    "for directory in /proc/[0-9]*; do",
    `  grep -qs '${container}' "$directory/cgroup" && pids="$pids \${directory#/proc/}"`,
    "done",
    '[ -n "$pids" ] || { echo "no process of the container" >&2; exit 1; }',
    line,
  ].join("\n");
  await cloud.site.ssh(node, program);
}

/** Begins connections to the database and says of each what became of it within the longest time that one may take. */
const connections = `
import socket, time
made = []
for _ in range(40):
    try:
        connection = socket.create_connection(("mariadb", ${databasePort}), timeout=5)
        connection.setblocking(False)
        made.append(connection)
    except OSError:
        print("refused")
    time.sleep(0.2)
time.sleep(20)
for connection in made:
    try:
        print("greeted" if connection.recv(1) else "ended")
    except BlockingIOError:
        print("hangs")
    except OSError:
        print("ended")
`;

/**
 * Takes the database's only member out of reach for some seconds, as the end of its host would, while a pod of Keystone
 * begins connections to it. Returns what became of each: "greeted", "ended", "refused", or "hangs" for one that was neither
 * answered nor ended.
 */
export async function databaseOutOfReach(cloud: Cloud): Promise<string[]> {
  const [member, ...others] = await cloud.pods("mariadb", "server");
  const container = member?.containers[0];
  assert.ok(member && container && others.length === 0, "the database has one member");
  const rule = `INPUT -p tcp -m multiport --dports ${databasePort},${statePort} -j DROP`;
  const filter = (verb: "-I" | "-D") =>
    withProcesses(
      cloud,
      member.node,
      container,
      `set -- $pids; nsenter --net="/proc/$1/ns/net" iptables ${verb} ${rule}`,
    );
  const answers = cloud.site.kubectl(
    "-n",
    space,
    "exec",
    "deployment/keystone-api",
    "--",
    "python3",
    "-c",
    connections,
  );
  await pause(2000);
  await filter("-I");
  try {
    await pause(6000);
  } finally {
    await filter("-D");
  }
  return (await answers).trim().split("\n");
}

/** A line with the figures of a fault. */
export function figuresLine(fault: string, figures: FaultFigures): string {
  const failed = Object.entries(figures.failures).map(([kind, count]) => `${count} × ${kind}`);
  return (
    `      ${fault}: ${figures.requests} requests, failed: ${failed.join(", ") || "none"}; ` +
    `first to last error ${figures.window.toFixed(1)} s; ready after ${figures.toReady.toFixed(1)} s; ` +
    `median before ${figures.baseline.toFixed(2)} s, worst after ${figures.worst.toFixed(2)} s, ` +
    `as before after ${figures.toBaseline.toFixed(1)} s`
  );
}

/** A project with a user in it, made through the API. */
export interface Tenant {
  project: string;
  user: string;
  password: string;
}

/** Makes a project, and a user who is a member of it. */
export async function makeTenant(cloud: Cloud, name: string): Promise<Tenant> {
  const tenant = { project: `${name}-project`, user: `${name}-user`, password: `${name}-${process.pid}-word` };
  const { admin } = cloud;
  const by = (await admin.token()).id;
  const { project } = await admin.call<{ project: { id: string } }>(
    "POST",
    "/projects",
    { project: { name: tenant.project, domain_id: "default" } },
    by,
  );
  const { user } = await admin.call<{ user: { id: string } }>(
    "POST",
    "/users",
    { user: { name: tenant.user, domain_id: "default", password: tenant.password } },
    by,
  );
  const { roles } = await admin.call<{ roles: { id: string }[] }>("GET", "/roles?name=member", undefined, by);
  await admin.call("PUT", `/projects/${project.id}/users/${user.id}/roles/${roles[0]?.id}`, undefined, by);
  return tenant;
}

/** Fails unless the user of the project gets a token. */
export async function assertTenant(cloud: Cloud, tenant: Tenant): Promise<void> {
  await cloud.as(tenant.user, tenant.password, tenant.project).token();
}

/** Takes project and user away, whether or not they are there. */
export async function removeTenant(cloud: Cloud, tenant: Tenant): Promise<void> {
  const { admin } = cloud;
  const by = (await admin.token()).id;
  for (const [kind, name] of [
    ["users", tenant.user],
    ["projects", tenant.project],
  ] as const) {
    const found = await admin.call<Record<string, { id: string }[]>>("GET", `/${kind}?name=${name}`, undefined, by);
    for (const { id } of found[kind] ?? []) await admin.call("DELETE", `/${kind}/${id}`, undefined, by);
  }
}
