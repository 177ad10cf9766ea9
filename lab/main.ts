import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { describeError } from "./error";
import { Lab, type LabOptions, labDown, labUp } from "./lab";
import { labNames, requireRecord } from "./record";
import { TerminalReporter } from "./report";
import { start } from "./start";
import { labStatus } from "./status";
import type { TempestOptions } from "./tempest";
import { type VerifyOptions, verify } from "./verify";

const defaultLab = process.env.STRATIFORM_LAB || "dev";

/** Programs whose command lines are handed on. */
const handedOnTools = ["pulumi", "kubectl", "openstack"] as const;

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("give a whole number, at least 1");
}

function versions(text: string): string[] {
  const list = text.split(",").map((version) => version.trim().replace(/^v/, ""));
  if (list.every((version) => /^\d+\.\d+\.\d+$/.test(version))) return list;
  throw new InvalidArgumentError("give versions such as 1.34.4, separated by commas");
}

function words(text: string): string[] {
  return text.split(",").map((word) => word.trim());
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** A command line that is handed on: `pulumi [--name N] -- …`. */
export function handedOn(args: readonly string[]): { name: string; rest: string[] } {
  let name = defaultLab;
  const rest = [...args];
  if (rest[0] === "--name") name = rest.splice(0, 2)[1] ?? name;
  else if (rest[0]?.startsWith("--name=")) name = (rest.shift() ?? "").slice("--name=".length);
  if (rest[0] === "--") rest.shift();
  return { name, rest };
}

function program(report: TerminalReporter, exit: (code: number) => void): Command {
  const root = new Command("npm run lab --")
    .description("Hosts as containers on this computer, with a registry and a mirror of release files")
    .showHelpAfterError("(--help shows what there is)");
  const named = (command: string, description: string) =>
    root.command(command).description(description).option("--name <name>", "name of the lab", defaultLab);
  const sized = (command: string, description: string) =>
    named(command, description)
      .option("--hosts <number>", "how many hosts (default: as many as it has, else 3)", count)
      .option("--control <number>", "how many of them, the first ones, are control hosts (default: 1)", count)
      .option("--stack <name>", 'name of the stack (default: "dev")')
      .option("--kubernetes <versions>", "Kubernetes releases to offer; a new stack gets the first", versions)
      .option(
        "--services <list>",
        "OpenStack services of a new cloud, separated by commas (default: those that a virtual machine needs)",
        words,
      )
      .option("--no-cloud", "Kubernetes only: no images of OpenStack are built, and a new stack has no cloud");
  sized("up", "bring a lab up, repair it, or add hosts to it")
    .option("--bare", "hosts only: no tools, registry, mirror or stack file")
    .action(async (options: LabOptions) => {
      const lab = await labUp(options, report);
      report.say(report.table());
      report.say(await labStatus(lab.record));
    });
  named("down", "take a lab down, with everything in it").action((options: { name: string }) =>
    labDown(options.name, report),
  );
  root
    .command("status")
    .description("show labs: hosts, addresses, state, registry, mirror")
    .option("--name <name>", "one lab only")
    .action(async (options: { name?: string }) => {
      const names = options.name === undefined ? await labNames() : [options.name];
      if (names.length === 0) report.say("There is no lab. Make one: npm run lab -- up");
      for (const name of names) report.say(`Lab ${name}\n${await labStatus(await requireRecord(name))}`);
    });
  sized("start", "lab, cluster, cloud and a check of them: npm start").action(async (options: LabOptions) =>
    exit(await start(options, report)),
  );
  named("verify", "a server, its network, floating IP, metadata and console, and everything gone again: npm run verify")
    .option("--hosts <number>", "on how many compute hosts a server is started (default: up to 2)", count)
    .option("--image <file>", "disk of a guest, qcow2, that takes its key from metadata (default: one that is built)")
    .option("--external <network>", "name of the external network (default: the first one)")
    .option("--keep", "leave everything as it is after a failure")
    .option("--clean", "only remove what earlier runs left")
    .action(async (options: VerifyOptions & { name: string }) =>
      exit((await verify(await Lab.open(options.name), options, report)) ? 0 : 1),
    );
  named("tempest", "Tempest as a job in the lab's cluster: npm run tempest")
    .option("--smoke", "the smoke tests")
    .option("--regex <regex>", "the tests whose names match")
    .option("--exclude <regex>", "leave out tests whose names match")
    .option("--concurrency <number>", "tests at a time (default: 2)", count)
    .option("--out <folder>", "where the results go (default: a folder in the lab's directory)")
    .option("--set <option>", "an option of Tempest: <section>.<option>=<value>; may be repeated", collect, [])
    .option("--limit <minutes>", "longest run (default: 120)", count)
    .option("--keep", "leave the job, the images and the flavors")
    .action(async (options: TempestOptions & { name: string }) => {
      // The job is made by the components' own functions, which take a second to load.
      const { overtimeText, runTempest } = require("./tempest") as typeof import("./tempest");
      const { counts, directory, overtime } = await runTempest(await Lab.open(options.name), options, report);
      report.say((await readFile(join(directory, "report.txt"), "utf8")).trimEnd());
      report.say(`Results, logs, report.html, junit.xml: ${directory}`);
      if (overtime !== undefined) report.say(overtimeText(overtime));
      exit(counts.failed === 0 && overtime === undefined ? 0 : 1);
    });
  for (const tool of handedOnTools) {
    root.command(tool).description(`${tool} with the lab's environment: ${tool} [--name <name>] -- …`);
  }
  return root;
}

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...args] = argv;
  const tool = handedOnTools.find((one) => one === command);
  if (tool !== undefined) {
    const { name, rest } = handedOn(args);
    const lab = await Lab.open(name);
    const attach = { pulumi: lab.attachPulumi, kubectl: lab.attachKubectl, openstack: lab.attachOpenstack }[tool];
    return attach.call(lab, rest);
  }
  let code = 0;
  const end = (result: number) => {
    code = result;
  };
  await program(new TerminalReporter(), end).parseAsync([...argv], { from: "user" });
  return code;
}

if (require.main === module) {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`\n${describeError(error)}\n`);
      process.exit(1);
    },
  );
}
