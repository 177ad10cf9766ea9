import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  tellingLines,
  type VerificationAnswer,
  type VerificationEvent,
  verificationEvent,
  verificationFiles,
  verificationProgram,
  verificationSteps,
} from "../components/operations/verification";
import { ensureGuestImage, guestMark } from "../images/guest";
import { converse } from "./converse";
import { UserError } from "./error";
import { capture } from "./execute";
import type { Lab } from "./handle";
import { plainTable, type TerminalReporter } from "./report";
import { ensurePackages, run } from "./toolchain/index";

/** How a cloud is verified. */
export interface VerifyOptions {
  /** On how many compute hosts a server is started. @default two, or one where there is one */
  hosts?: number;
  /** Disk of a guest, qcow2. @default the one that this repository builds */
  image?: string;
  /** Text that the guest writes to its console. @default that of the built guest; with `image` any text will do */
  mark?: string;
  /** Name of the external network. @default the first one */
  external?: string;
  /** Leaves what it made after a failure. @default false */
  keep?: boolean;
  /** Only removes what earlier runs left. @default false */
  clean?: boolean;
}

/** Lines of the log of each pod that are shown after a failure. */
const shownLines = 12;
/** Debian packages that reaching the servers needs on this computer. */
const reachPackages = ["iputils-ping", "openssh-client"];

/** Arguments of the verification's program. */
export function verifyArguments(options: VerifyOptions, files: { image: string; publicKey: string }): string[] {
  const mark = options.mark ?? (options.image === undefined ? `${guestMark} ready` : "");
  return [
    "--events",
    ...["--image", files.image, "--public-key", files.publicKey, "--mark", mark],
    ...(options.hosts === undefined ? [] : ["--hosts", String(options.hosts)]),
    ...(options.external === undefined ? [] : ["--external", options.external]),
    ...(options.keep ? ["--keep"] : []),
    ...(options.clean ? ["--clean"] : []),
  ];
}

/**
 * Verifies a lab's cloud: the API's part runs in the client's image, ssh and ping on this computer.
 * @returns whether the cloud works
 * @throws UserError if there is no cloud, or the program ends before its end
 */
export async function verify(lab: Lab, options: VerifyOptions, report: TerminalReporter): Promise<boolean> {
  await ensurePackages(reachPackages, report);
  const image = options.image === undefined ? (await ensureGuestImage(report)).file : resolve(options.image);
  const directory = await mkdtemp(join(tmpdir(), "stratiform-verify-"));
  const key = join(directory, "key");
  try {
    await run("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-C", "stratiform-verify", "-f", key]);
    const args = verifyArguments(options, { image, publicKey: `${key}.pub` });
    const command = await lab.clientProgram(verificationProgram, args, [...verificationFiles, image, `${key}.pub`]);
    const events: VerificationEvent[] = [];
    const end = await converse(command, async (line) => {
      const event = verificationEvent(line);
      if (event === undefined) return undefined;
      events.push(event);
      if (event.event === "ask") return JSON.stringify(await reach(event, key));
      await tell(lab, event, report);
      return undefined;
    });
    if (end.code > 1 || end.code < 0 || events.length === 0) {
      throw new UserError(`the verification ended with exit code ${end.code}:\n${end.errors}`);
    }
    report.say(stepTable(events));
    return end.code === 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Table of the steps and their times. */
export function stepTable(events: readonly VerificationEvent[]): string {
  const steps = verificationSteps(events);
  const rows = steps.map(({ step, seconds, detail, failed }) => [
    failed ? `${step} (failed)` : step,
    seconds.toFixed(1),
    detail,
  ]);
  const done = events.find((one) => one.event === "done");
  return plainTable(
    ["Verification", "Seconds", ""],
    done === undefined ? rows : [...rows, ["all", done.seconds.toFixed(1), ""]],
  );
}

/** Arguments of `timeout` for a command on a server by ssh: nobody knows the server's key before. */
export function sshArguments(to: { user: string; address: string; command: string }, key: string): string[] {
  const options = ["BatchMode=yes", "ConnectTimeout=5", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
  return [
    ...["60", "ssh", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"],
    ...options.flatMap((option) => ["-o", option]),
    ...[`${to.user}@${to.address}`, to.command],
  ];
}

/** Reaches a server from this computer. */
async function reach(ask: Extract<VerificationEvent, { event: "ask" }>, key: string): Promise<VerificationAnswer> {
  const result =
    ask.what === "ping"
      ? await capture("ping", ["-c", "3", "-W", "5", ask.address])
      : await capture("timeout", sshArguments(ask, key));
  const ok = result.code === 0;
  return { ok, output: ok ? result.stdout : `${result.stderr}${result.stdout}`.trim() };
}

async function tell(lab: Lab, event: VerificationEvent, report: TerminalReporter): Promise<void> {
  if (event.event === "begin") report.say(`▸ Verify: ${event.step}`);
  if (event.event === "progress") report.say(`  … ${event.text}`);
  if (event.event === "end") {
    report.say(`✓ Verify: ${event.step} (${event.seconds.toFixed(1)} s)${event.detail && `: ${event.detail}`}`);
  }
  if (event.event === "fail") {
    report.say(`✗ Verify: ${event.step} (${event.seconds.toFixed(1)} s): ${event.error}`);
    report.say(await serviceLogs(lab, event.services, event.seconds));
  }
}

/** What the pods of these services said in the last seconds that counts most. */
async function serviceLogs(lab: Lab, services: readonly string[], seconds: number): Promise<string> {
  const { cloud } = await lab.clientFiles();
  const since = `--since=${Math.ceil(seconds) + 30}s`;
  const selector = `app.kubernetes.io/name in (${services.join(",")})`;
  const sections: string[] = [];
  for (const namespace of [cloud, `${cloud}-node`]) {
    const list = ["-n", namespace, "get", "pods", "-l", selector, "-o", "name"];
    const pods = (await lab.kubectl(list)).stdout.split("\n").filter((name) => name !== "");
    for (const pod of pods) {
      const log = await lab.kubectl(["-n", namespace, "logs", pod, "--all-containers", since, "--tail=2000"]);
      const lines = tellingLines(log.stdout, shownLines);
      if (lines.length > 0) sections.push(`--- ${namespace} ${pod}\n${lines.join("\n")}`);
    }
  }
  const whole = `whole logs: npm run kubectl -- -n ${cloud} logs -l app.kubernetes.io/name=${services[0]} --tail=-1`;
  return [...sections, whole].join("\n");
}
