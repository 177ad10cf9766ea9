import { Command } from "commander";
import { describeError } from "../lab/error";
import { capture } from "../lab/execute";
import { ensureKubeconfig } from "../lab/kubeconfig";
import { requireRecord } from "../lab/record";
import { requireTools } from "../lab/tools";
import { type Kubectl, maintain, nodePods, type Place } from "./maintain";

interface Options {
  kubeconfig?: string;
  lab: string;
  cloud: string;
}

/** kubectl with a given kubeconfig, or a lab's own. */
async function kubectlOf(options: Options): Promise<Kubectl> {
  const record = options.kubeconfig === undefined ? await requireRecord(options.lab) : undefined;
  const program = record === undefined ? "kubectl" : requireTools(record).kubectl;
  const KUBECONFIG = record === undefined ? options.kubeconfig : await ensureKubeconfig(record);
  return (args, onOutput) =>
    capture(program, args, {
      env: { ...process.env, KUBECONFIG },
      ...(onOutput === undefined ? {} : { onOutput }),
    });
}

async function placeOf(options: Options): Promise<Place> {
  return {
    kubectl: await kubectlOf(options),
    namespace: `${options.cloud}-node`,
    say: (text) => process.stdout.write(`${text}\n`),
  };
}

function program(): Command {
  const root = new Command("npm run node --")
    .description("Maintenance of a cloud's hosts")
    .showHelpAfterError("(--help shows what there is)");
  const located = (command: string, description: string) =>
    root
      .command(command)
      .description(description)
      .option("--kubeconfig <file>", "credentials of the cluster (default: those of the lab)")
      .option("--lab <name>", "name of the lab", process.env.STRATIFORM_LAB || "dev")
      .option("--cloud <name>", "name of the cloud", "openstack");
  located(
    "maintain <host>",
    "move a host's servers elsewhere, bring its pods up to date, take it into use again",
  ).action(async (host: string, options: Options) => maintain(host, await placeOf(options)));
  located("pending", "list hosts with pods that maintain is still to replace").action(async (options: Options) => {
    const place = await placeOf(options);
    for (const pod of (await nodePods(place)).filter((one) => one.pending)) place.say(`${pod.host} ${pod.daemonSet}`);
  });
  return root;
}

if (require.main === module) {
  program()
    .parseAsync(process.argv.slice(2), { from: "user" })
    .catch((error: unknown) => {
      process.stderr.write(`\n${describeError(error)}\n`);
      process.exit(1);
    });
}
