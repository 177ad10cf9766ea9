import * as semver from "semver";
import type { HostArgs } from "./args";
import type { ClusterPlan } from "./plan";

/** Most that a host's clock may differ from this computer's, as certificates and etcd need it. */
const clockSkewSeconds = 30;

/** Least free space: images and etcd need it under /var/lib, programs under /opt, a step under /run. */
const freeMib: Record<string, number> = { "/var/lib": 4096, "/opt": 400, "/run": 16 };

const supportedSystems = ["debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04"];

/** What the examination of a host found: the values of each key, in order. */
export type HostReport = ReadonlyMap<string, readonly string[]>;

/** What is wrong (nothing may be changed) and what should be known. */
export interface Findings {
  /** Problems; each names its host. */
  errors: string[];
  /** Hints; each names its host. */
  warnings: string[];
}

/** Reads the lines of `preflight.sh`: a key, a blank, a value. */
export function parseReport(text: string): HostReport {
  const report = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const at = line.indexOf(" ");
    if (at > 0) {
      const key = line.slice(0, at);
      report.set(key, [...(report.get(key) ?? []), line.slice(at + 1).trim()]);
    }
  }
  return report;
}

/** What the reports mean. `clusterUid` is undefined while the cluster has not been made; `now` is in seconds. */
export function judge(
  plan: ClusterPlan,
  clusterUid: string | undefined,
  reports: ReadonlyMap<string, HostReport>,
  now: number,
): Findings {
  const findings: Findings = { errors: [], warnings: [] };
  for (const host of plan.args.hosts) {
    const report = reports.get(host.name);
    if (report) {
      judgeHost(plan, host, clusterUid, report, now, findings);
    }
  }
  judgeMachines(plan, reports, findings);
  judgeControlPlane(plan, reports, findings);
  return findings;
}

/** Says something about one host. */
type Say = (text: string) => void;

function first(report: HostReport, key: string): string | undefined {
  return report.get(key)?.[0];
}

function each(report: HostReport, key: string, say: Say): void {
  report.get(key)?.forEach(say);
}

function judgeHost(
  plan: ClusterPlan,
  host: HostArgs,
  clusterUid: string | undefined,
  report: HostReport,
  now: number,
  findings: Findings,
): void {
  const error: Say = (text) => void findings.errors.push(`host ${host.name}: ${text}`);
  const warning: Say = (text) => void findings.warnings.push(`host ${host.name}: ${text}`);
  const failed = first(report, "failed");
  if (failed) {
    error(failed);
    return;
  }
  judgeOwner(host, clusterUid, report, error);
  judgeMachine(host, report, now, error);
  judgeInterfaces(plan, host, report, error);
  judgeSources(report, error);
  judgeVersion(plan, first(report, "kubelet_version"), error);
  each(report, "changed_file", (path) =>
    warning(
      `${path} was changed since the stack wrote it; put it right with: pulumi up --replace '**${plan.clusterName}-${host.name}-prepare'`,
    ),
  );
  each(report, "stopped", (unit) =>
    warning(`the service ${unit} does not run; look further on the host: systemctl status ${unit}`),
  );
}

// Whether the host is free, or ours under this name.
function judgeOwner(host: HostArgs, clusterUid: string | undefined, report: HostReport, error: Say): void {
  const owner = first(report, "claim_cluster_uid");
  const name = first(report, "claim_host_name");
  if (owner !== undefined && owner !== clusterUid) {
    error(
      `it belongs to another cluster, "${first(report, "claim_cluster_name")}" (${owner}); destroy that cluster with its own stack, or take the host out of it`,
    );
  } else if (owner !== undefined && name !== host.name) {
    error(
      `the machine is in this cluster under the name "${name}"; a name is a host's identity: take the old name out in one \`up\`, put the new one in with the next`,
    );
  }
  each(report, "foreign", (what) =>
    error(
      `it holds data of ${what} that is not ours (/etc/kubernetes, /var/lib/etcd); run \`kubeadm reset\` on it, or take another host`,
    ),
  );
  each(report, "containerd_in_use", () =>
    error("its containerd holds images or containers of others (ctr namespaces ls); take another host, or remove them"),
  );
}

// Whether the machine can carry a node.
function judgeMachine(host: HostArgs, report: HostReport, now: number, error: Say): void {
  const [system, architecture] = [first(report, "os"), first(report, "architecture")];
  if (!supportedSystems.includes(system ?? "")) {
    error(`its system is "${system}"; supported are ${supportedSystems.join(", ")}`);
  }
  if (architecture !== "x86_64") {
    error(`its architecture is ${architecture}; supported is x86_64`);
  }
  each(report, "firewall", (name) =>
    error(
      `${name} is active and would cut the cluster's traffic; switch it off, and filter in front of the hosts instead`,
    ),
  );
  each(report, "port_in_use", (port) =>
    error(`port ${port} is in use; stop what listens there (ss -ltnp "sport = :${port}")`),
  );
  each(report, "free_mib", (value) => {
    const [path = "", free = "0"] = value.split(" ");
    // A host that is ours has what it needs; only writing must not fail.
    const least = report.has("claim_cluster_uid") ? 64 : freeMib[path];
    if (least !== undefined && Number(free) < least) {
      error(`only ${free} MiB are free under ${path}, ${least} are needed; make room on it`);
    }
  });
  const [cpus, memory] = [first(report, "cpus"), first(report, "memory_mib")];
  if (host.roles.includes("control") && (Number(cpus) < 2 || Number(memory) < 1700)) {
    error(`it has ${cpus} CPUs and ${memory} MiB of memory; a control host needs 2 and 1700`);
  }
  const skew = Math.abs(Number(first(report, "time")) - now);
  if (skew > clockSkewSeconds) {
    error(`its clock differs from this computer's by ${Math.round(skew)} s; set it (timedatectl set-ntp true)`);
  }
  each(report, "address_missing", (address) =>
    error(`no interface of it has the address ${address}; set \`address\` to one that the other hosts can reach`),
  );
}

/**
 * Interfaces that the stack says a host has, each with the inputs that may say so. That of the cloud's external network is
 * the provider interface of gateway hosts that state none.
 */
export function interfacesOf(plan: ClusterPlan, host: HostArgs): Map<string, string> {
  const at = `stratiform:cluster.hosts[${plan.args.hosts.findIndex((one) => one.name === host.name)}].interfaces`;
  const { provider, tunnel } = host.interfaces ?? {};
  const virtualIp = host.roles.includes("control") ? plan.args.endpoint?.virtualIpInterface : undefined;
  const found = new Map<string, string>();
  for (const [name, input] of [
    [provider, `${at}.provider, or stratiform:cloud.networks.external.interface`],
    [tunnel, `${at}.tunnel`],
    [virtualIp, "stratiform:cluster.endpoint.virtualIpInterface"],
  ] as const) {
    if (name) {
      found.set(name, [...(found.has(name) ? [found.get(name)] : []), input].join(", and "));
    }
  }
  return found;
}

// Whether it has the interfaces that the stack says it has, and the external network one of its own.
function judgeInterfaces(plan: ClusterPlan, host: HostArgs, report: HostReport, error: Say): void {
  const there = (report.get("interface") ?? []).join(", ");
  const inputs = interfacesOf(plan, host);
  each(report, "interface_missing", (name) =>
    error(`it has no interface "${name}" (${inputs.get(name) ?? "interfaces"}); write one that it has: ${there}`),
  );
  const provider = host.interfaces?.provider;
  if (provider && provider === first(report, "address_interface")) {
    error(
      `its interface ${provider} carries its own address, and would lose it to the bridge of the external network (${inputs.get(provider)}); write another one that it has: ${there}`,
    );
  }
}

// Whether what it must download is there.
function judgeSources(report: HostReport, error: Say): void {
  each(report, "artifact_unreachable", (text) =>
    error(`it cannot reach the release file ${text}; check stratiform:cluster.artifacts`),
  );
  each(report, "artifact_digest", (text) => {
    const [url, found, expected] = text.split(" ");
    error(
      `${url} has the digest ${found}, expected ${expected}; check the mirror, or stratiform:cluster.artifacts.digests`,
    );
  });
  each(report, "registry_unreachable", (text) =>
    error(`it cannot reach the registry ${text}; check stratiform:cluster.imageMirror`),
  );
}

function judgeVersion(plan: ClusterPlan, current: string | undefined, error: Say): void {
  if (!current || !semver.valid(current)) {
    return;
  }
  const wanted = plan.kubernetesVersion;
  const minors = semver.minor(wanted) - semver.minor(current);
  if (semver.lt(wanted, current)) {
    error(
      `it runs Kubernetes ${current}, and stratiform:cluster.kubernetesVersion is ${wanted}: a cluster is never taken down a version; set ${current} or later`,
    );
  } else if (minors > 1) {
    error(
      `it runs Kubernetes ${current}, and stratiform:cluster.kubernetesVersion is ${wanted}: one minor at a time; set ${semver.major(current)}.${semver.minor(current) + 1}.x first`,
    );
  }
}

// Cloned machines: two hosts with one machine-id disturb each other's network leases and logs.
function judgeMachines(plan: ClusterPlan, reports: ReadonlyMap<string, HostReport>, findings: Findings): void {
  const seen = new Map<string, string>();
  for (const host of plan.args.hosts) {
    const id = reports.get(host.name)?.get("machine_id")?.[0];
    const other = id ? seen.get(id) : undefined;
    if (id && other !== undefined) {
      findings.errors.push(
        `hosts ${other} and ${host.name} have the same machine-id ${id}; on one of them: rm /etc/machine-id && systemd-machine-id-setup, then reboot it`,
      );
    } else if (id) {
      seen.set(id, host.name);
    }
  }
}

// A new control host may only join: where the others hold a cluster but do not answer, it would make a second one.
function judgeControlPlane(plan: ClusterPlan, reports: ReadonlyMap<string, HostReport>, findings: Findings): void {
  const initialised = plan.controls.filter((host) => reports.get(host.name)?.has("initialised"));
  const fresh = plan.controls.filter(
    (host) => reports.get(host.name)?.has("done") && !reports.get(host.name)?.has("initialised"),
  );
  const silent = initialised.filter((host) => reports.get(host.name)?.get("stopped")?.includes("kubelet"));
  if (initialised.length > 0 && fresh.length > 0 && silent.length === initialised.length) {
    findings.errors.push(
      `${fresh.map((host) => host.name).join(", ")} cannot join: the kubelet runs on none of the control hosts that hold the cluster (${initialised.map((host) => host.name).join(", ")}); start them first`,
    );
  }
}
