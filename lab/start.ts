import { checkCluster } from "./check";
import { UserError } from "./error";
import { type Lab, type LabOptions, labUp } from "./lab";
import { type StackOutputs, stackOutputs } from "./outputs";
import { plainTable, type TerminalReporter } from "./report";
import { strataTable } from "./strata";
import type { Reporter } from "./toolchain/index";
import { verify } from "./verify";

/**
 * From nothing to a cloud that runs virtual machines: lab, `pulumi up`, checks, tables.
 * @returns exit code
 */
export async function start(options: LabOptions, report: TerminalReporter): Promise<number> {
  const lab = await labUp(options, report);
  report.say(`  ${lab.record.tools?.origin ?? ""}`);
  const args = ["up", "--yes", "--skip-preview"];
  let code = 0;
  await report
    .foreground("Bring everything up (pulumi up)", async () => {
      code = await lab.attachPulumi(args);
      if (code !== 0) throw new Error(`exit code ${code}`);
    })
    .catch(() => undefined);
  if (code !== 0) {
    report.say(failureHelp(lab));
    return code;
  }
  await checkCluster(lab, report);
  const outputs = await stackOutputs(lab.record);
  const token = outputs["clouds.yaml"] === undefined ? undefined : await issueToken(lab, report);
  const well = outputs.endpoints?.some(({ type }) => type === "compute") ? await verify(lab, {}, report) : true;
  report.say("");
  const nodes = await lab.kubectl(["get", "nodes", "-o", "wide"]);
  report.say(nodes.stdout.trimEnd());
  report.say(await strataTable(lab, clusterText(outputs)));
  if (outputs.endpoints !== undefined) report.say(endpointTable(outputs.endpoints));
  if (token !== undefined) report.say(tokenTable(token));
  report.say(report.table());
  report.say(nextSteps(lab, token !== undefined));
  return well ? 0 : 1;
}

/** A token, as the client shows it. */
export interface Token {
  id: string;
  expires: string;
  project_id: string;
  user_id: string;
}

/**
 * Asks for a token as any user of the cloud does: with the real client, through the public endpoint.
 * @throws UserError with what the client said
 */
export async function issueToken(lab: Lab, report: Reporter): Promise<Token> {
  return report.phase("Check: a token through the public endpoint", async () => {
    const result = await lab.openstack(["token", "issue", "-f", "json"]);
    if (result.code !== 0) {
      throw new UserError(
        `the cloud issues no token: ${result.stderr.trim()}\nLook further: npm run kubectl -- get pods -A`,
      );
    }
    return JSON.parse(result.stdout) as Token;
  });
}

function clusterText({ kubernetesVersion, hosts, apiServer }: StackOutputs): string {
  const count = hosts?.length ?? 0;
  return `Kubernetes ${kubernetesVersion ?? ""} on ${count} host${count === 1 ? "" : "s"}, ${apiServer ?? ""}`;
}

function endpointTable(endpoints: NonNullable<StackOutputs["endpoints"]>): string {
  const rows = endpoints.map(({ service, publicUrl, internalUrl }) => [service, publicUrl, internalUrl]);
  return plainTable(["Service", "Public endpoint", "Internal endpoint"], rows);
}

/** How much of a token is shown: whoever has all of it is the cloud's administrator. */
const shownOfToken = 12;

/** Table of a token, which is cut. */
export function tokenTable(token: Token): string {
  return plainTable(
    ["Token", ""],
    [
      ["id", `${token.id.slice(0, shownOfToken)}… (${token.id.length} characters)`],
      ["expires", token.expires],
      ["project", token.project_id],
      ["user", token.user_id],
    ],
  );
}

function prefix(lab: Lab): string {
  return lab.name === "dev" ? "" : `STRATIFORM_LAB=${lab.name} `;
}

function failureHelp(lab: Lab): string {
  return [
    "What was to be made is not complete: the messages above name the resource and the host. What to do:",
    `  ${prefix(lab)}npm run pulumi -- up              go on from here`,
    `  ${prefix(lab)}npm run kubectl -- get pods -A    what runs in the cluster`,
    `  ssh -F ${lab.directory}/ssh_config ${lab.hosts[0]?.name ?? ""}    look at a host`,
  ].join("\n");
}

function nextSteps(lab: Lab, cloud: boolean): string {
  return [
    `Stack file: ${lab.stackFile}`,
    ...(cloud
      ? [
          `Other clients: OS_CLIENT_CONFIG_FILE=${lab.directory}/clouds.yaml`,
          `  ${prefix(lab)}npm run openstack -- token issue  the cloud`,
        ]
      : []),
    `  ${prefix(lab)}npm run kubectl -- get pods -A    the cluster`,
    `  ${prefix(lab)}npm run pulumi -- preview         what a change of the stack file would do`,
    `  ${prefix(lab)}npm run down                      take the lab down`,
  ].join("\n");
}
