import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "./error";
import { mirrorService } from "./mirror";
import { checkLabName, labDirectory, labLabel } from "./names";
import { registryService } from "./registry";
import { processStart, stopService } from "./service";
import { cacheDirectory, podman, type Reporter, runAsRoot, succeeds } from "./toolchain/index";

const kinds = [
  { list: ["ps", "--all"], field: "{{.Names}}", remove: ["rm", "--force", "--time", "0", "--volumes"] },
  { list: ["volume", "ls"], field: "{{.Name}}", remove: ["volume", "rm", "--force"] },
  { list: ["network", "ls"], field: "{{.Name}}", remove: ["network", "rm", "--force"] },
] as const;

/**
 * Takes a lab down: its containers, volumes, networks, processes and files, its stack's local state among them.
 * What labs share (builds, images) stays. Nothing happens if there is no such lab.
 * @throws UserError if something could not be removed
 */
export async function labDown(name: string, report: Reporter): Promise<void> {
  checkLabName(name);
  await report.phase(`Take lab ${name} down`, async (progress) => {
    progress("processes");
    await stopService(name, mirrorService);
    await stopService(name, registryService);
    await endPulumi(join(labDirectory(name), "pulumi-home"));
    // Without podman there never was a container.
    if (await succeeds("podman", ["--version"])) await removeContainers(name, progress);
    progress("files");
    await removeFiles(name);
  });
}

async function removeContainers(name: string, progress: (line: string) => void): Promise<void> {
  for (const kind of kinds) {
    const find = async () => {
      const output = await podman([...kind.list, "--filter", `label=${labLabel}=${name}`, "--format", kind.field]);
      return output.split("\n").filter((line) => line !== "");
    };
    const found = await find();
    if (found.length === 0) continue;
    progress(found.join(" "));
    await podman([...kind.remove, ...found]);
    const left = await find();
    if (left.length > 0) {
      const command = ["sudo podman", ...kind.remove, ...left].join(" ");
      throw new UserError(`lab ${name}: podman did not remove ${left.join(", ")}; look further: ${command}`);
    }
  }
}

async function removeFiles(name: string): Promise<void> {
  const directory = labDirectory(name);
  const lock = join(cacheDirectory(), "locks", `lab-${name}.lock`);
  await rm(directory, { recursive: true, force: true }).catch(() => runAsRoot("rm", ["-rf", "--", directory]));
  await rm(lock, { force: true });
  if (existsSync(directory)) throw new UserError(`lab ${name}: ${directory} cannot be removed; remove it as root`);
}

function readProcess(pid: string, file: "environ" | "cmdline"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    return []; // gone, or somebody else's
  }
}

/** Ends what is left of interrupted Pulumi runs of the lab: plugins outlive an engine that was killed. */
async function endPulumi(home: string): Promise<void> {
  const left = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid || Number(pid) === process.ppid) return false;
    const [program = "", ...args] = readProcess(pid, "cmdline");
    const ofPulumi = /(^|\/)pulumi(-[\w-]+)?$/.test(program) || args.some((arg) => /@pulumi\/pulumi\/cmd\//.test(arg));
    return ofPulumi && readProcess(pid, "environ").includes(`PULUMI_HOME=${home}`);
  });
  for (const pid of left.map(Number)) {
    const start = processStart(pid);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (let tries = 0; tries < 40 && start !== undefined && processStart(pid) === start; tries++) {
        if (tries === 0) process.kill(pid, signal);
        await sleep(50);
      }
    }
  }
}
