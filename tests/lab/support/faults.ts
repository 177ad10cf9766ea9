import * as assert from "node:assert/strict";
import type { Result } from "../../../lab/lab";
import type { Site } from "./site";
import { textOf } from "./site";
import { eventually } from "./wait";

/** A call of a program on a host. */
export interface Call {
  /** Host. */
  host: string;
  /** Program by its name, such as `kubeadm`. */
  program: string;
  /** Words that the call's arguments begin with; other calls go through. @default any call */
  arguments?: string;
}

/** When a program of a host fails. */
export interface Fault extends Call {
  /** Whether the real program runs first, so that the failure comes after its work. @default false */
  after?: boolean;
}

/** Faults that may not have come about yet. */
const pending = new Set<{ site: Site; call: Call }>();

/** Makes the next such call of a program fail, once. */
export function failOnce(site: Site, fault: Fault): Promise<void> {
  return wrapOnce(site, fault, [
    ...(fault.after ? ['"$real" "$@"'] : []),
    'rm -f "$0"',
    'echo "error: made to fail by a test" >&2',
    "exit 1",
  ]);
}

/** Makes the next such call of a program begin some seconds late, once. */
export function delayOnce(site: Site, call: Call, seconds: number): Promise<void> {
  return wrapOnce(site, call, ['rm -f "$0"', `sleep ${seconds}`, 'exec "$real" "$@"']);
}

/** Puts a wrapper where a step looks for a program first. It takes itself away when its call has come. */
async function wrapOnce(site: Site, call: Call, body: string[]): Promise<void> {
  const wrapper = `/usr/local/sbin/${call.program}`;
  const real = `$(PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin command -v ${call.program})`;
  const script = [
    "#!/bin/bash",
    `real="${real}"`,
    `case "$*" in "${call.arguments ?? ""}"*) ;; *) exec "$real" "$@" ;; esac`,
    ...body,
  ].join("\n");
  pending.add({ site, call });
  await site.ssh(call.host, `cat >${wrapper} <<'WRAPPER'\n${script}\nWRAPPER\nchmod 755 ${wrapper}`);
}

/** Takes faults away that did not come about, for a hook after each test. Returns their hosts and programs. */
export async function removeFaults(): Promise<string[]> {
  const left: string[] = [];
  for (const entry of pending) {
    const { host, program } = entry.call;
    const text = await entry.site.ssh(host, `f=/usr/local/sbin/${program}; [ ! -e $f ] || { echo left; rm -f $f; }`);
    if (text.trim() === "left") left.push(`${host}: ${program}`);
    pending.delete(entry);
  }
  return left;
}

/** When to kill: after some seconds, or when a condition on a host holds. */
export type KillPoint = { seconds: number } | { host: string; condition: string };

/**
 * Runs `pulumi up` (or `destroy`) and ends it, and it alone, with SIGKILL at a point. Returns how it ended if it was not running any more.
 */
export async function killedUp(
  site: Site,
  point: KillPoint,
  command: "up" | "destroy" = "up",
): Promise<Result | undefined> {
  let pid: number | undefined;
  let result: Result | undefined;
  const run = site.lab
    .pulumi([command, "--yes", "--skip-preview"], {
      onStart: (started: number) => {
        pid = started;
      },
    })
    .then((end) => {
      result = end;
    });
  if ("seconds" in point) {
    const end = Date.now() + point.seconds * 1000;
    await eventually(
      "the moment to kill",
      point.seconds + 10,
      async () => result !== undefined || Date.now() >= end,
      50,
    );
  } else {
    await eventually(
      `${point.condition} on ${point.host}`,
      300,
      async () => result !== undefined || (await site.lab.ssh(point.host, point.condition)).code === 0,
      200,
    );
  }
  if (result !== undefined) {
    return result;
  }
  assert.ok(pid !== undefined && pid > 0, "pulumi was not started");
  process.kill(pid, "SIGKILL");
  await run;
  return undefined;
}

/** Ends `pulumi up` at a point that it must not have passed before. */
export async function killUp(site: Site, point: KillPoint): Promise<void> {
  const ended = await killedUp(site, point);
  assert.equal(ended, undefined, `up ended before it was killed:\n${ended ? textOf(ended).slice(-3000) : ""}`);
}

/** `pulumi cancel --yes`, then `up`, as a person does after a killed one. */
export async function resume(site: Site): Promise<string> {
  await site.pulumiOk("cancel", "--yes");
  return site.up();
}

/** Runs an `up` that must fail, and returns what it said. */
export async function failedUp(site: Site): Promise<string> {
  const result = await site.pulumi(["up", "--yes", "--skip-preview"]);
  assert.notEqual(result.code, 0, `up did not fail:\n${textOf(result).slice(-2000)}`);
  return textOf(result);
}

/** Fails if a host step still runs, or has left its program or a secret behind, or an object is there that nobody owns. */
export async function assertNoOrphans(site: Site): Promise<void> {
  for (const host of site.hosts) {
    const units = await site.ssh(host, "systemctl list-units --plain --no-legend 'stratiform-*'");
    assert.equal(units.trim(), "", `units left on ${host}`);
    const files = await site.ssh(
      host,
      "ls /run/stratiform | grep -E '[.](sh|conf)$' | grep -v '^images[.]sh$' || true",
    );
    assert.equal(files.trim(), "", `files left in /run/stratiform of ${host}`);
  }
  // Pulumi remembers creations that were broken off until a refresh; by then they are all there.
  await site.pulumiOk("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--expect-no-changes");
  const state = JSON.parse((await site.pulumi(["stack", "export"])).stdout) as {
    deployment: {
      resources: { type: string; id?: string; outputs?: { metadata?: { name?: string; namespace?: string } } }[];
    };
  };
  const owned = state.deployment.resources
    .filter(({ type }) => type.startsWith("kubernetes:"))
    .map(({ type, outputs }) => `${type.split(":").pop()}/${outputs?.metadata?.name}`);
  const namespace = "local-path-storage";
  const kinds = "serviceaccounts,configmaps,deployments,daemonsets";
  const list = await site.kubectl(
    ...["-n", namespace, "get", kinds, "-o"],
    'jsonpath={range .items[*]}{.kind}/{.metadata.name}{"\\n"}{end}',
  );
  const found = list
    .trim()
    .split("\n")
    .filter((name) => !/\/(default|kube-root-ca\.crt)$/.test(name));
  assert.ok(found.length > 0);
  assert.deepEqual(
    found.filter((name) => !owned.includes(name)),
    [],
  );
}
