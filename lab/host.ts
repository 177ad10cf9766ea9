import { chmod, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "./error";
import { containerName, hostName, hostVolumes, labDirectory, labLabel } from "./names";
import { hostAddress } from "./network";
import type { LabHost, LabRecord } from "./record";
import { containerRuntime, podman, type Reporter, run, runAsRoot } from "./toolchain/index";

/** Instances of inotify per user: 128 by default, and all hosts share them. */
const inotifyInstances = 1024;
/** How long a host may take from its start to sshd, in milliseconds. */
const bootLimit = 60_000;
/** Limits that proved enough for a host, and that a computer without CAP_SYS_RESOURCE can still give. */
const enough = { nofile: 20_000, nproc: 16_000 };

/** What a host is to be. */
export interface HostPlan {
  /** Lab. */
  lab: string;
  /** Number, from 1. */
  number: number;
  /** Image. */
  image: string;
  /** Networks. */
  networks: Pick<LabRecord, "network" | "provider">;
  /** File with the public key that may log in as root. */
  publicKey: string;
  /** Limits of its processes. */
  limits: HostLimits;
  /** podman's `--runtime`, if its default does not do. */
  runtime?: string;
}

/** Limits of a host's processes. */
export interface HostLimits {
  /** Open files. */
  nofile: number;
  /** Processes. */
  nproc: number;
}

/** What hosts get: enough, or this computer's own hard limits if those are lower. From the text of `/proc/self/limits`. */
export function hostLimits(text: string): HostLimits {
  const find = (name: string, most: number) => {
    const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, "m").exec(text)?.[1];
    return hard === undefined || hard === "unlimited" ? most : Math.min(Number(hard), most);
  };
  return { nofile: find("Max open files", enough.nofile), nproc: find("Max processes", enough.nproc) };
}

/** The machine of a plan. */
export function plannedHost(plan: HostPlan): LabHost {
  return {
    name: hostName(plan.lab, plan.number),
    address: hostAddress(plan.networks.network.subnet, plan.number),
    providerAddress: hostAddress(plan.networks.provider.subnet, plan.number),
    container: containerName(plan.lab, plan.number),
    number: plan.number,
  };
}

/** Name of a host's volume. */
function volumeName(host: LabHost, suffix: string): string {
  return `${host.container}-${suffix}`;
}

/**
 * Arguments of `podman run` for a host. systemd gets cgroups of its own (`--systemd=false`, so that podman does not bind
 * this computer's), the file systems that need a real one below are volumes, and interface names are fixed:
 * eth0 carries the address, eth1 is the provider network.
 */
export function runArguments(plan: HostPlan): string[] {
  const host = plannedHost(plan);
  const { nofile, nproc } = plan.limits;
  return [
    ...["run", "--detach", "--name", host.container, "--hostname", host.name, "--label", `${labLabel}=${plan.lab}`],
    ...(plan.runtime === undefined ? [] : ["--runtime", plan.runtime]),
    ...["--ulimit", `nofile=${nofile}:${nofile}`, "--ulimit", `nproc=${nproc}:${nproc}`],
    ...["--privileged", "--systemd=false", "--cgroupns=private", "--env", "container=podman"],
    ...["--stop-signal", "SIGRTMIN+3"],
    ...["--tmpfs", "/run:rw,nosuid,nodev,exec,mode=755", "--tmpfs", "/run/lock:rw,nosuid,nodev,mode=1777"],
    ...["--tmpfs", "/tmp:rw,nosuid,nodev,exec,mode=1777"],
    ...["--network", `${plan.networks.network.name}:ip=${host.address},interface_name=eth0`],
    ...["--network", `${plan.networks.provider.name}:ip=${host.providerAddress},interface_name=eth1`],
    ...["--no-hosts", "--dns-search", "."],
    ...["--volume", `${plan.publicKey}:/root/.ssh/authorized_keys:ro`],
    ...Object.entries(hostVolumes).flatMap(([suffix, path]) => ["--volume", `${volumeName(host, suffix)}:${path}`]),
    ...[plan.image, "/sbin/init"],
  ];
}

/** Raises limits of this computer that all hosts share. */
export async function prepareComputer(): Promise<void> {
  const name = "fs.inotify.max_user_instances";
  const now = Number((await run("sysctl", ["-n", name])).trim());
  if (now < inotifyInstances) await runAsRoot("sysctl", ["-q", "-w", `${name}=${inotifyInstances}`]);
}

/** State of a container as podman names it (`running`, `exited`, …), or undefined if there is none. */
export async function containerState(container: string): Promise<string | undefined> {
  const format = ["inspect", "--type", "container", "--format", "{{.State.Status}}", container];
  return podman(format).catch((error: Error) => {
    if (/no such (container|object)/i.test(error.message)) return undefined;
    throw error;
  });
}

/** Brings a host into being, or starts it if it is off; does not wait for it. */
export async function ensureHost(plan: HostPlan): Promise<LabHost> {
  const host = plannedHost(plan);
  const state = await containerState(host.container);
  if (state === "running") return host;
  if (state !== undefined && state !== "created") {
    await podman(["start", host.container]);
    return host;
  }
  if (state === "created") await podman(["rm", "--force", host.container]);
  for (const suffix of Object.keys(hostVolumes)) {
    const name = volumeName(host, suffix);
    // Fails if the volume is there already: an earlier run was interrupted.
    await podman(["volume", "create", "--label", `${labLabel}=${plan.lab}`, name]).catch((error: Error) => {
      if (!/already exists/.test(error.message)) throw error;
    });
  }
  await podman(runArguments(plan));
  return host;
}

/** This computer's part of `HostPlan`. */
export async function computerPlan(): Promise<Pick<HostPlan, "limits" | "runtime">> {
  const runtime = containerRuntime();
  return {
    limits: hostLimits(await runAsRoot("cat", ["/proc/self/limits"])),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

/**
 * Waits until sshd of a host answers.
 * @throws UserError with the host's last journal lines after 60 s
 */
export async function waitForSsh(host: LabHost): Promise<void> {
  const end = Date.now() + bootLimit;
  while (!(await greets(host.address, 22))) {
    if (Date.now() > end) {
      const lines = await podman(["exec", host.container, "journalctl", "-n", "15", "--no-pager"]).catch(String);
      throw new UserError(
        `host ${host.name} (${host.address}): sshd does not answer ${bootLimit / 1000} s after its start. ` +
          `Look further: sudo podman exec ${host.container} systemctl --failed\n${lines}`,
      );
    }
    await sleep(100);
  }
}

/** Whether something that speaks SSH answers. */
function greets(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 2_000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", (data) => end(data.toString("latin1").startsWith("SSH-")));
    socket
      .once("error", () => end(false))
      .once("timeout", () => end(false))
      .once("close", () => end(false));
  });
}

/** A host's public key, read past the network: `ssh-ed25519 AAAA…`. */
export async function hostKey(host: LabHost): Promise<string> {
  const line = await podman(["exec", host.container, "cat", "/etc/ssh/ssh_host_ed25519_key.pub"]);
  return line.split(" ").slice(0, 2).join(" ");
}

/** Files of the lab's SSH key. */
export function sshKeyFiles(lab: string): { privateKey: string; publicKey: string } {
  const privateKey = join(labDirectory(lab), "ssh_key");
  return { privateKey, publicKey: `${privateKey}.pub` };
}

/** Makes the lab's SSH key unless it is there. */
export async function ensureSshKey(lab: string): Promise<void> {
  const { privateKey, publicKey } = sshKeyFiles(lab);
  const complete = await run("ssh-keygen", ["-y", "-P", "", "-f", privateKey]).catch(() => undefined);
  if (complete === undefined) {
    await run("rm", ["-f", privateKey, publicKey]);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `stratiform lab ${lab}`, "-f", privateKey]);
  } else {
    await writeFile(publicKey, complete);
  }
  // The bind mount shows the file as it is here, and sshd wants its owner to be root.
  if (process.getuid?.() !== 0) await runAsRoot("chown", ["0:0", publicKey]);
  await chmod(privateKey, 0o600);
}

/** Writes `known_hosts` and `ssh_config`, so that `ssh -F <lab>/ssh_config dev-1` works. */
export async function writeSshConfig(lab: string, hosts: { host: LabHost; key: string }[]): Promise<void> {
  const directory = labDirectory(lab);
  const known = hosts.map(({ host, key }) => `${host.name},${host.address} ${key}\n`).join("");
  const config = [
    ...hosts.map(({ host }) => `Host ${host.name}\n  HostName ${host.address}\n  HostKeyAlias ${host.name}\n`),
    "Host *\n  User root\n  BatchMode yes\n  IdentitiesOnly yes\n  ConnectTimeout 10\n",
    `  IdentityFile ${join(directory, "ssh_key")}\n  UserKnownHostsFile ${join(directory, "known_hosts")}\n`,
  ];
  await writeFile(join(directory, "known_hosts"), known);
  await writeFile(join(directory, "ssh_config"), config.join(""));
}

/** Brings all hosts up, side by side, and waits for their sshd. */
export async function ensureHosts(plans: HostPlan[], report: Reporter): Promise<{ host: LabHost; key: string }[]> {
  return report.phase(`Start ${plans.length} host${plans.length === 1 ? "" : "s"}`, async (progress) => {
    await prepareComputer();
    const started = await Promise.all(plans.map(ensureHost));
    progress("waits for sshd");
    return Promise.all(
      started.map(async (host) => {
        await waitForSsh(host);
        return { host, key: await hostKey(host) };
      }),
    );
  });
}
