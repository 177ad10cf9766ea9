import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { outdatedTests, type TempestResources, tempestConfig } from "../components/operations/tempest-config";
import {
  type KubernetesManifest,
  tempestDirectory,
  tempestImage,
  tempestLabels,
  tempestObjects,
} from "../components/operations/tempest-job";
import {
  parseTempestResults,
  type TempestCounts,
  type TempestTest,
  tempestCounts,
  tempestHtml,
  tempestJunit,
  tempestProgram,
  tempestText,
} from "../components/operations/tempest-report";
import { ensureGuestImage } from "../images/guest";
import { endpointNames, releaseImage } from "./client";
import { UserError } from "./error";
import { capture } from "./execute";
import type { Lab } from "./handle";
import { stackOutputs } from "./outputs";
import type { TerminalReporter } from "./report";
import { readStackFile } from "./stack-file";
import { run } from "./toolchain/index";

/** What Tempest is to do. */
export interface TempestOptions {
  /** Runs the smoke tests. */
  smoke?: boolean;
  /** Runs the tests whose names match. */
  regex?: string;
  /** Leaves out tests whose names match. @default none */
  exclude?: string;
  /** Tests at a time. @default 2 */
  concurrency?: number;
  /** Folder for the results. @default `tempest-<time>` in the lab's directory */
  out?: string;
  /** Options of Tempest, each as `<section>.<option>=<value>`. @default none */
  set?: string[];
  /** Longest run, in minutes. @default 120 */
  limit?: number;
  /** Leaves job, images and flavors. @default false */
  keep?: boolean;
}

/** What a run gave. */
export interface TempestOutcome {
  /** Tests by what happened to them. */
  counts: TempestCounts;
  /** All tests. */
  tests: TempestTest[];
  /** Folder with the results: `results.json`, `report.txt`, `report.html`, `junit.xml`, `tempest.subunit`, logs. */
  directory: string;
  /** Minutes after which it was ended: what was under way counts as failed, and the rest did not run. @default it came to its end */
  overtime?: number;
}

/** What the pod says when it is done. */
const finished = /^stratiform-tempest: finished with (\d+)$/m;
/** Longest run, in minutes. */
const defaultLimit = 120;
/** How long the pod may take to start, its image being pulled: in milliseconds. */
const startLimit = 600_000;
/** A line about one test, as Tempest prints it while it runs. */
const testLine = /^\{\d+\} (\S+) .*\.\.\. (ok|FAILED|SKIPPED.*)$/;

/**
 * Arguments of `tempest run`.
 * @throws UserError unless the tests are said, in one way
 */
export function tempestArguments(options: TempestOptions): string[] {
  if ((options.smoke ?? false) === (options.regex !== undefined)) {
    throw new UserError("say which tests: npm run tempest -- --smoke, or npm run tempest -- --regex <regex>");
  }
  const outdated = outdatedTests.map(({ test }) => test.replaceAll(".", "\\."));
  const left = [...outdated, ...(options.exclude === undefined ? [] : [options.exclude])];
  return [
    ...(options.smoke ? ["--smoke"] : ["--regex", options.regex ?? ""]),
    ...["--exclude-regex", left.join("|")],
    ...["--concurrency", String(options.concurrency ?? 2)],
  ];
}

/** `clouds.yaml` for the pod: one cloud, named `admin`, with the CA's certificate where the pod has it. */
export function podClouds(
  text: string,
  caFile: string,
): { text: string; auth: Record<string, string>; region: string } {
  const content = parse(text) as { clouds: Record<string, { auth: Record<string, string>; region_name: string }> };
  const entry = Object.values(content.clouds)[0];
  if (entry === undefined) throw new Error("clouds.yaml has no cloud");
  const admin = { ...entry, cacert: caFile };
  return { text: JSON.stringify({ clouds: { admin } }), auth: entry.auth, region: entry.region_name };
}

/**
 * Runs Tempest against a lab's cloud, as a job in its cluster.
 * @throws UserError if there is no cloud, or the job comes to no end
 */
export async function runTempest(lab: Lab, options: TempestOptions, report: TerminalReporter): Promise<TempestOutcome> {
  const args = tempestArguments(options);
  for (const { test, because } of outdatedTests) report.say(`Left out: ${test}: ${because}`);
  const guest = await ensureGuestImage(report);
  const resources = await report.phase("Tempest: what it needs in the cloud", () => prepare(lab, "make", guest.file));
  const name = `tempest-${Date.now().toString(36)}`;
  const directory = resolve(options.out ?? join(lab.directory, name));
  const { cloud } = await lab.clientFiles();
  const kubectl = (words: string[], input?: string) => must(lab, ["-n", cloud, ...words], input);
  const labels = Object.entries(tempestLabels(cloud)).map(([key, value]) => `${key}=${value}`);
  const remove = () => kubectl(["delete", "job,secret,networkpolicy", "-l", labels.join(","), "--ignore-not-found"]);
  await mkdir(directory, { recursive: true });
  const objects = await plannedObjects(lab, { name, cloud, args, options, resources: resources as TempestResources });
  try {
    await remove();
    await kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    await report.phase(options.smoke ? "Tempest: smoke tests" : `Tempest: ${options.regex}`, async (progress) => {
      const pod = await startedPod(kubectl, name, progress);
      await followed(lab, cloud, pod, progress);
      const archive = await kubectl([
        "exec",
        pod,
        "--",
        "sh",
        "-c",
        `tar -C ${tempestDirectory}/results -cz . | base64`,
      ]);
      await kubectl(["exec", pod, "--", "touch", `${tempestDirectory}/fetched`]);
      await unpack(Buffer.from(archive, "base64"), directory);
    });
  } finally {
    if (!options.keep) {
      await remove().catch(() => undefined);
      await prepare(lab, "clean").catch((error: Error) => report.say(`Left in the cloud: ${error.message}`));
    }
  }
  const overtime = existsSync(join(directory, "overtime")) ? { overtime: options.limit ?? defaultLimit } : {};
  return { ...(await writeReports(directory, name)), ...overtime };
}

/** What is said of a run whose time was over. */
export function overtimeText(minutes: number): string {
  return [
    `The limit of ${minutes} min was over: tests under way count as failed, the rest did not run. Their servers and networks`,
    'may be left, in projects named "tempest-…". Give more time with --limit, or fewer tests with --regex or --exclude.',
  ].join("\n");
}

/** Writes text, page and JUnit beside the results. */
async function writeReports(directory: string, title: string): Promise<TempestOutcome> {
  const tests = parseTempestResults(await readFile(join(directory, "results.json"), "utf8"));
  if (tests.length === 0) {
    throw new UserError(`Tempest ran no test; ${join(directory, "errors.log")} says why (does the regex match any?)`);
  }
  await writeFile(join(directory, "report.txt"), `${tempestText(tests)}\n`);
  await writeFile(join(directory, "report.html"), tempestHtml(tests, title));
  await writeFile(join(directory, "junit.xml"), tempestJunit(tests));
  return { counts: tempestCounts(tests), tests, directory };
}

/** Runs the program that makes what Tempest needs, or takes it away. */
async function prepare(lab: Lab, mode: "make" | "clean", image?: string): Promise<unknown> {
  const file = tempestProgram("tempest_prepare.py");
  const images = image === undefined ? [] : [image];
  const command = await lab.clientProgram(file, [mode, ...images], images);
  const result = await capture(command.program, command.args, { input: "" });
  if (result.code !== 0) throw new UserError(`Tempest's resources: ${result.stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(result.stdout);
}

async function plannedObjects(
  lab: Lab,
  plan: { name: string; cloud: string; args: string[]; options: TempestOptions; resources: TempestResources },
): Promise<KubernetesManifest[]> {
  const outputs = await stackOutputs(lab.record);
  const { cloud: stack } = await readStackFile(lab.stackFile);
  if (stack === undefined) throw new UserError(`${lab.stackFile}: has no stratiform:cloud; put it in again`);
  const { caFile, uid } = tempestImage;
  const clouds = podClouds(outputs["clouds.yaml"] ?? "", caFile);
  const facts = {
    ...plan.resources,
    ...{ authUrl: clouds.auth.auth_url ?? "", region: clouds.region, caFile },
    ...{ username: clouds.auth.username ?? "", password: clouds.auth.password ?? "" },
    ...{ project: clouds.auth.project_name ?? "", imageFile: `${tempestDirectory}/guest.qcow2` },
    directory: tempestDirectory,
  };
  return tempestObjects({
    ...{ cloud: plan.cloud, name: plan.name, image: await releaseImage(lab.record, "tempest"), uid },
    ...{ config: tempestConfig(facts, plan.options.set), clouds: clouds.text },
    ...{ guestImage: plan.resources.image, args: plan.args, limit: (plan.options.limit ?? defaultLimit) * 60 },
    hostAliases: endpointNames(stack).map((pair) => {
      const [name = "", ip = ""] = pair.split(":");
      return { ip, hostnames: [name] };
    }),
  });
}

async function must(lab: Lab, args: string[], input?: string): Promise<string> {
  const result = await lab.kubectl(args, input === undefined ? {} : { input });
  if (result.code !== 0) throw new UserError(`kubectl ${args.slice(0, 6).join(" ")}: ${result.stderr.trim()}`);
  return result.stdout.trim();
}

/** The pod of the job, once its program runs or has ended. */
async function startedPod(
  kubectl: (words: string[]) => Promise<string>,
  job: string,
  progress: (line: string) => void,
): Promise<string> {
  const fields = 'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {..waiting.reason}{"\\n"}{end}';
  const end = Date.now() + startLimit;
  for (;;) {
    const line = await kubectl(["get", "pods", "-l", `job-name=${job}`, "-o", fields]);
    const [name, phase, ...why] = (line.split("\n")[0] ?? "").split(" ");
    if (name && phase !== "Pending") return name;
    if (Date.now() > end) {
      const events = await kubectl(["get", "events", "--field-selector", `involvedObject.name=${name || job}`]);
      throw new UserError(`the pod of Tempest does not start: ${line}\n${events}`);
    }
    progress(`waits for its pod: ${[phase, ...why].join(" ") || "not made yet"}`);
    await sleep(1000);
  }
}

/** Follows the pod's log until its results are there. A log that breaks off is followed anew. */
async function followed(lab: Lab, space: string, pod: string, progress: (line: string) => void): Promise<void> {
  const where = ["-n", space];
  let count = 0;
  progress("its tests run, none is done yet");
  for (;;) {
    const done = new AbortController();
    let text = "";
    const log = lab.kubectl([...where, "logs", "--follow", "--tail=200", pod], {
      signal: done.signal,
      onOutput: (piece) => {
        text += piece;
        const lines = text.split("\n");
        for (const line of lines.slice(0, -1)) {
          if (finished.test(line)) done.abort();
          const test = testLine.exec(line);
          if (test !== null) progress(`${++count} tests done; ${test[2]}: ${test[1]?.replace(/\[.*/, "")}`);
        }
        text = lines.at(-1) ?? "";
      },
    });
    await log;
    const left = await lab.kubectl([...where, "exec", pod, "--", "cat", `${tempestDirectory}/finished`]);
    if (left.code === 0 && left.stdout.trim() === "0") return;
    const phase = await must(lab, [...where, "get", "pod", pod, "-o", "jsonpath={.status.phase}"]);
    if (left.code === 0 || phase !== "Running") {
      const last = await lab.kubectl([...where, "logs", "--tail=30", pod]);
      throw new UserError(`Tempest came to no end (its pod: ${phase}):\n${last.stdout.trim()}`);
    }
    await sleep(1000);
  }
}

async function unpack(archive: Buffer, directory: string): Promise<void> {
  const file = join(directory, ".results.tgz");
  await writeFile(file, archive);
  await run("tar", ["-C", directory, "--no-same-owner", "-xzf", file]);
  await rm(file);
}
