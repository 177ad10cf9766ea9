import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "./error";
import { labDirectory } from "./names";
import type { LabRecord, LabTools } from "./record";
import type { KubernetesRelease, PulumiToolchain } from "./toolchain/index";

/** The tools of a lab. @throws UserError if they are not there (any more) */
export function requireTools(record: LabRecord): LabTools {
  const tools = record.tools;
  const files = tools === undefined ? [] : [tools.pulumi, tools.kubectl, ...tools.path];
  const missing = files.find((file) => !existsSync(file));
  if (tools !== undefined && missing === undefined) return tools;
  const what = missing === undefined ? "its tools are not built yet" : `${missing} is gone`;
  throw new UserError(`lab ${record.name}: ${what}; run: npm run lab -- up --name ${record.name}`);
}

/** Makes the lab's PULUMI_HOME, with the toolchain's plugins, and says where all tools are. */
export async function prepareTools(
  lab: string,
  toolchain: PulumiToolchain,
  releases: readonly KubernetesRelease[],
): Promise<LabTools> {
  await preparePulumiHome(lab, toolchain);
  return {
    pulumi: toolchain.pulumi,
    path: toolchain.path,
    kubectl: join(releases[0]?.directory ?? "", "kubectl"),
    standIns: toolchain.plugins.some((plugin) => plugin.origin === "stand-in"),
    origin: toolchain.origin,
  };
}

async function preparePulumiHome(lab: string, toolchain: PulumiToolchain): Promise<void> {
  const directory = labDirectory(lab);
  const plugins = join(directory, "pulumi-home", "plugins");
  await mkdir(plugins, { recursive: true });
  await mkdir(join(directory, "state"), { recursive: true });
  for (const plugin of toolchain.plugins) {
    // Pulumi overlooks a link to a directory, so the directory is real and its content is links.
    const own = join(plugins, basename(plugin.directory));
    await rm(own, { force: true, recursive: true });
    await mkdir(own);
    for (const file of await readdir(plugin.directory)) await symlink(join(plugin.directory, file), join(own, file));
  }
  const passphrase = join(directory, "passphrase");
  if (!existsSync(passphrase)) await writeFile(passphrase, randomBytes(24).toString("base64url"), { mode: 0o600 });
}
