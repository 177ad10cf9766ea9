import { checkCluster } from "./check";
import { type Lab, type LabOptions, labUp } from "./lab";
import type { TerminalReporter } from "./report";

/**
 * From nothing to a cluster that answers: lab, `pulumi up`, check, tables.
 * @returns exit code
 */
export async function start(options: LabOptions, report: TerminalReporter): Promise<number> {
  const lab = await labUp(options, report);
  report.say(`  ${lab.record.tools?.origin ?? ""}`);
  const args = ["up", "--yes", "--skip-preview"];
  let code = 0;
  await report
    .foreground("Bring the cluster up (pulumi up)", async () => {
      code = await lab.attachPulumi(args);
      if (code !== 0) throw new Error(`exit code ${code}`);
    })
    .catch(() => undefined);
  if (code !== 0) {
    report.say(failureHelp(lab));
    return code;
  }
  await checkCluster(lab, report);
  report.say("");
  const nodes = await lab.kubectl(["get", "nodes", "-o", "wide"]);
  report.say(nodes.stdout.trimEnd());
  report.say(report.table());
  report.say(nextSteps(lab));
  return 0;
}

function prefix(lab: Lab): string {
  return lab.name === "dev" ? "" : `STRATIFORM_LAB=${lab.name} `;
}

function failureHelp(lab: Lab): string {
  return [
    "The cluster is not complete: the messages above name the resource and the host. What to do:",
    `  ${prefix(lab)}npm run pulumi -- up              go on from here`,
    `  ${prefix(lab)}npm run kubectl -- get pods -A    what runs in the cluster`,
    `  ssh -F ${lab.directory}/ssh_config ${lab.hosts[0]?.name ?? ""}    look at a host`,
  ].join("\n");
}

function nextSteps(lab: Lab): string {
  return [
    `Stack file: ${lab.stackFile}`,
    `  ${prefix(lab)}npm run kubectl -- get pods -A    the cluster`,
    `  ${prefix(lab)}npm run pulumi -- preview         what a change of the stack file would do`,
    `  ${prefix(lab)}npm run down                      take the lab down`,
  ].join("\n");
}
