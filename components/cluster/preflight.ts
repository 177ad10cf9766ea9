import * as pulumi from "@pulumi/pulumi";
import * as semver from "semver";
import type { HostArgs } from "./args";
import { readScript, shellAssignments } from "./host-step";
import { type ClusterPlan, releaseFiles } from "./plan";
import { runOverSsh, type SshTarget } from "./ssh";

/** Longest time for examining one host. All hosts are examined beside each other. */
const limitSeconds = 60;

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

/** Examines one host. Never rejects: what went wrong is the report's `failed`. */
async function examineHost(plan: ClusterPlan, host: HostArgs, target: SshTarget): Promise<HostReport> {
  const { artifacts, imageMirror } = plan.args;
  const program = [
    shellAssignments({
      HOST_ADDRESS: host.address,
      KUBERNETES_VERSION: `v${plan.kubernetesVersion}`,
      PROBE_URLS: releaseFiles(plan)
        .map((file) => `${file.url} ${file.digest ?? "-"}`)
        .join("\n"),
      PROBE_CA: artifacts?.caCertificate ?? "",
      REGISTRY: imageMirror?.registry ?? "",
      REGISTRY_CA: imageMirror?.caCertificate ?? "",
      INTERFACES: [host.interfaces?.provider, host.interfaces?.tunnel, plan.args.endpoint?.virtualIpInterface]
        .filter(Boolean)
        .join(" "),
    }),
    readScript("preflight"),
  ].join("\n");
  try {
    const shell =
      'if [ "$(id -u)" = 0 ]; then exec bash -s; elif sudo -n true; then exec sudo -n bash -s; else exit 97; fi';
    const result = await runOverSsh(target, shell, program, limitSeconds);
    const report = parseReport(result.stdout);
    if (result.status === 97) {
      return new Map([
        [
          "failed",
          [
            `user ${target.user} is neither root nor may use sudo without a password; add "${target.user} ALL=(ALL) NOPASSWD: ALL" to /etc/sudoers.d/stratiform, or set stratiform:cluster.ssh.user`,
          ],
        ],
      ]);
    }
    return report.has("done")
      ? report
      : new Map([
          ["failed", [`the examination ended early (status ${result.status}): ${result.stderr.trim().slice(-300)}`]],
        ]);
  } catch (error) {
    return new Map([["failed", [(error as Error).message]]]);
  }
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

function judgeHost(
  plan: ClusterPlan,
  host: HostArgs,
  clusterUid: string | undefined,
  report: HostReport,
  now: number,
  findings: Findings,
): void {
  const error = (text: string): void => void findings.errors.push(`host ${host.name}: ${text}`);
  const warning = (text: string): void => void findings.warnings.push(`host ${host.name}: ${text}`);
  const first = (key: string): string | undefined => report.get(key)?.[0];
  const each = (key: string, say: (value: string) => void): void => void report.get(key)?.forEach(say);

  const failed = first("failed");
  if (failed) {
    error(failed);
    return;
  }
  if (!supportedSystems.includes(first("os") ?? "")) {
    error(`its system is "${first("os")}"; supported are ${supportedSystems.join(", ")}`);
  }
  if (first("architecture") !== "x86_64") {
    error(`its architecture is ${first("architecture")}; supported is x86_64`);
  }
  const owner = first("claim_cluster_uid");
  if (owner !== undefined && owner !== clusterUid) {
    error(
      `it belongs to another cluster, "${first("claim_cluster_name")}" (${owner}); destroy that cluster with its own stack, or take the host out of it`,
    );
  }
  const otherName = first("claim_host_name");
  if (owner !== undefined && owner === clusterUid && otherName !== host.name) {
    error(
      `the machine is in this cluster under the name "${otherName}"; a name is a host's identity: take the old name out in one \`up\`, put the new one in with the next`,
    );
  }
  each("foreign", (what) =>
    error(
      `it holds data of ${what} that is not ours (/etc/kubernetes, /var/lib/etcd); run \`kubeadm reset\` on it, or take another host`,
    ),
  );
  each("containerd_in_use", () =>
    error("its containerd holds images or containers of others (ctr namespaces ls); take another host, or remove them"),
  );
  each("firewall", (name) =>
    error(
      `${name} is active and would cut the cluster's traffic; switch it off, and filter in front of the hosts instead`,
    ),
  );
  each("port_in_use", (port) => error(`port ${port} is in use; stop what listens there (ss -ltnp "sport = :${port}")`));
  each("free_mib", (value) => {
    const [path = "", free = "0"] = value.split(" ");
    const least = owner === undefined ? freeMib[path] : 64;
    if (least !== undefined && Number(free) < least) {
      error(`only ${free} MiB are free under ${path}, ${least} are needed; make room on it`);
    }
  });
  if (host.roles.includes("control") && (Number(first("cpus")) < 2 || Number(first("memory_mib")) < 1700)) {
    error(`it has ${first("cpus")} CPUs and ${first("memory_mib")} MiB of memory; a control host needs 2 and 1700`);
  }
  const skew = Math.abs(Number(first("time")) - now);
  if (skew > clockSkewSeconds) {
    error(`its clock differs from this computer's by ${Math.round(skew)} s; set it (timedatectl set-ntp true)`);
  }
  each("address_missing", (address) =>
    error(`no interface of it has the address ${address}; set \`address\` to one that the other hosts can reach`),
  );
  each("interface_missing", (name) => error(`it has no interface "${name}" (\`interfaces\`); see: ip link`));
  const unreachable = report.get("artifact_unreachable") ?? [];
  if (unreachable.length > 0) {
    const more = unreachable.length > 1 ? ` (and ${unreachable.length - 1} more)` : "";
    error(`it cannot reach the release file ${unreachable[0]}${more}; check stratiform:cluster.artifacts`);
  }
  each("artifact_digest", (text) => {
    const [url, found, expected] = text.split(" ");
    error(
      `${url} has the digest ${found}, expected ${expected}; check the mirror, or stratiform:cluster.artifacts.digests`,
    );
  });
  each("registry_unreachable", (text) =>
    error(`it cannot reach the registry ${text}; check stratiform:cluster.imageMirror`),
  );
  judgeVersion(plan, first("kubelet_version"), error);
  each("changed_file", (path) =>
    warning(
      `${path} was changed since the stack wrote it; put it right with: pulumi up --replace '**${plan.clusterName}-${host.name}-prepare'`,
    ),
  );
  each("stopped", (unit) =>
    warning(`the service ${unit} does not run; look further on the host: systemctl status ${unit}`),
  );
}

function judgeVersion(plan: ClusterPlan, current: string | undefined, error: (text: string) => void): void {
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

/** Examines all hosts at once and says everything that is wrong. Changes nothing. */
export async function examineHosts(
  plan: ClusterPlan,
  clusterUid: string | undefined,
  privateKey: string,
  privateKeyPassphrase: string | undefined,
): Promise<Findings> {
  const { ssh, hosts } = plan.args;
  const reports = await Promise.all(
    hosts.map(
      async (host): Promise<[string, HostReport]> => [
        host.name,
        await examineHost(plan, host, {
          address: host.address,
          port: host.port ?? ssh.port ?? 22,
          user: ssh.user ?? "root",
          privateKey,
          privateKeyPassphrase,
          hostKey: host.hostKey,
        }),
      ],
    ),
  );
  return judge(plan, clusterUid, new Map(reports), Date.now() / 1000);
}

/**
 * The examination as part of the program: an output that is there when every host may be changed, and that fails the
 * preview or update with all problems otherwise. Skipped in previews where the arguments say so or the key is unknown.
 */
export function preflight(
  plan: ClusterPlan,
  clusterUid: pulumi.Output<string>,
  resource: pulumi.Resource,
): pulumi.Output<boolean> {
  if (pulumi.runtime.isDryRun() && plan.args.preflight === "up") {
    return pulumi.output(false);
  }
  const { privateKey, privateKeyPassphrase } = plan.args.ssh;
  return pulumi.all([privateKey, privateKeyPassphrase]).apply(async ([key, passphrase]) => {
    const uid = await valueIfKnown(clusterUid);
    const findings = await examineHosts(plan, uid, key, passphrase);
    for (const text of findings.warnings) {
      await pulumi.log.warn(text, resource);
    }
    if (findings.errors.length > 0) {
      const list = findings.errors.map((text) => `  - ${text}`).join("\n");
      await pulumi.log.error(`the hosts are not fit, and nothing was changed:\n${list}`, resource);
      endProgram(resource);
    }
    return true;
  });
}

/** Exit code of a program by which Pulumi's program host knows that the user has been told: it adds nothing. */
const alreadyReported = 32;

/**
 * Ends the program after its error was logged. A rejected output would travel through all steps that wait for it, and
 * be told once for each; so where the program has a process of its own, that ends here.
 */
function endProgram(resource: pulumi.Resource): never {
  if (/[\\/]@pulumi[\\/]pulumi[\\/]cmd[\\/]run([\\/]|$)/.test(process.argv[1] ?? "")) {
    process.exit(alreadyReported);
  }
  throw new pulumi.ResourceError("the hosts are not fit (see the error before)", resource, true);
}

/** An output's value, or undefined in a preview in which it is not known yet. */
async function valueIfKnown(output: pulumi.Output<string>): Promise<string | undefined> {
  // The SDK keeps this member out of its types; a plain `apply` cannot tell "unknown" at all.
  const known = await (output as unknown as { isKnown: Promise<boolean> }).isKnown;
  return known ? new Promise((resolve) => void output.apply(resolve)) : undefined;
}
