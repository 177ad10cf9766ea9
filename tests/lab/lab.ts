import * as fs from "node:fs";
import * as path from "node:path";
import { labDown, labUp } from "../../lab/lab";
import { TerminalReporter } from "../../lab/report";
import { Site } from "./support/site";
import { assertSame, parseSnapshot, type Snapshot } from "./support/snapshot";

/** Name of the lab that all files of this folder share; another one lets two runs stand side by side. */
const labName = process.env.STRATIFORM_TEST_LAB ?? "ci";

/** Keeps the lab and what runs in it, for working on a test; a later run goes on with it. */
const keep = process.env.STRATIFORM_TEST_KEEP_LAB !== undefined;

let current: Site | undefined;
const bareHosts = new Map<string, Snapshot>();

/** The lab of this run: one control host and two workers. */
export function site(): Site {
  if (!current) {
    throw new Error("the lab is there in tests and hooks only, not while files are read");
  }
  return current;
}

/** What a host held before anything of ours was on it. */
export function bareHost(name: string): Snapshot {
  const snapshot = bareHosts.get(name);
  if (!snapshot) {
    throw new Error(`no snapshot of ${name} from before the first deployment: take the lab down and begin again`);
  }
  return snapshot;
}

/** Brings the cluster up unless this run has done so: each file can be run alone. */
export async function deployed(): Promise<Site> {
  const found = site();
  const text = await found.pulumi(["stack", "output", "--json"]);
  if (text.code !== 0 || !text.stdout.includes("apiServer")) {
    await found.up();
  }
  return found;
}

/** Takes the cluster away unless the hosts are bare already. */
export async function destroyed(): Promise<void> {
  await site().pulumiOk("destroy", "--yes", "--skip-preview");
}

/** Fails unless every host of the stack file is as it was before anything of ours was on it. */
export async function assertBare(): Promise<void> {
  for (const [host, snapshot] of await site().snapshots(site().hosts)) {
    assertSame(host, bareHost(host), snapshot);
  }
}

before("the lab with three hosts", async function () {
  this.timeout(3_600_000);
  // One that an earlier run left behind, killed perhaps, proves nothing.
  if (!keep) {
    await labDown(labName, new TerminalReporter());
  }
  current = new Site(await labUp({ name: labName, hosts: 3 }, new TerminalReporter()));
  const file = path.join(current.lab.directory, "bare-hosts.json");
  const known = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, string>) : {};
  for (const host of current.hosts) {
    const text = known[host] ?? (await current.bareText(host));
    if (text) {
      known[host] = text;
      bareHosts.set(host, parseSnapshot(text));
    }
  }
  if (keep) {
    fs.writeFileSync(file, JSON.stringify(known));
  }
});

after("the lab is taken away", async function () {
  this.timeout(600_000);
  if (current && !keep) {
    await labDown(labName, new TerminalReporter());
  }
});
