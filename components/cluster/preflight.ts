import * as pulumi from "@pulumi/pulumi";
import { refuse, valueIfKnown } from "../kit/program";
import type { HostArgs } from "./args";
import { type Findings, type HostReport, interfacesOf, judge, parseReport } from "./findings";
import { readScript, shellAssignments } from "./host-step";
import { type ClusterPlan, releaseFiles } from "./plan";
import { runOverSsh, type SshTarget } from "./ssh";

/** Longest time for examining one host. All hosts are examined beside each other. */
const limitSeconds = 60;

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
      INTERFACES: [...interfacesOf(plan, host).keys()].join(" "),
    }),
    readScript("preflight"),
  ].join("\n");
  try {
    const shell =
      'if [ "$(id -u)" = 0 ]; then exec bash -s; elif sudo -n true; then exec sudo -n bash -s; else exit 97; fi';
    const result = await runOverSsh(target, shell, program, limitSeconds);
    const report = parseReport(result.stdout);
    if (result.status === 97) {
      return failed(
        `user ${target.user} is neither root nor may use sudo without a password; add "${target.user} ALL=(ALL) NOPASSWD: ALL" to /etc/sudoers.d/stratiform, or set stratiform:cluster.ssh.user`,
      );
    }
    return report.has("done")
      ? report
      : failed(`the examination ended early (status ${result.status}): ${result.stderr.trim().slice(-300)}`);
  } catch (error) {
    return failed((error as Error).message);
  }
}

function failed(why: string): HostReport {
  return new Map([["failed", [why]]]);
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
      await refuse(resource, "the hosts are not fit, and nothing was changed", findings.errors);
    }
    return true;
  });
}
