import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { type Lab, labDown, labUp } from "../../lab/lab";
import { TerminalReporter } from "../../lab/report";
import { Site } from "../lab/support/site";

/** What this computer has of labs of these names: containers, networks, volumes, mounts, processes, interfaces, files. */
function traces(labs: string[], directories: string[]): string[] {
  const run = (program: string, ...args: string[]): string[] => {
    const command = process.getuid?.() === 0 ? [program, ...args] : ["sudo", "-n", program, ...args];
    return execFileSync(command[0] ?? "", command.slice(1), { encoding: "utf8" }).split("\n");
  };
  const named = (line: string): boolean =>
    labs.some((lab) => new RegExp(`stratiform-${lab}-|/labs/${lab}(/|\\s|$)`).test(line));
  const processes = fs
    .readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .map((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // It ended meanwhile.
      }
    });
  return [
    ...run("podman", "ps", "--all", "--format", "container {{.Names}}"),
    ...run("podman", "volume", "ls", "--format", "volume {{.Name}}"),
    ...run("podman", "network", "ls", "--format", "network {{.Name}}"),
    ...fs.readFileSync("/proc/mounts", "utf8").split("\n"),
    ...processes,
    ...directories.filter((directory) => fs.existsSync(directory)),
  ].filter(named);
}

function interfaces(): string[] {
  return fs.readdirSync("/sys/class/net").sort();
}

describe("two labs side by side", function () {
  this.timeout(3_600_000);
  const names = ["left", "right"];
  const labs: Lab[] = [];
  let interfacesBefore: string[];
  let directories: string[] = [];

  before(async () => {
    interfacesBefore = interfaces();
    for (const name of names) {
      labs.push(await labUp({ name, hosts: 1 }, new TerminalReporter()));
    }
    directories = labs.map(({ directory }) => directory);
  });

  after(async () => {
    for (const name of names) await labDown(name, new TerminalReporter());
  });

  it("have machines, networks and clusters of their own", async () => {
    const sites = labs.map((lab) => new Site(lab));
    assert.equal(new Set(sites.flatMap((site) => site.cluster.hosts.map(({ address }) => address))).size, names.length);
    for (const site of sites) await site.up();
    for (const site of sites) {
      await site.nodesReady(60);
      await site.pulumiOk("preview", "--expect-no-changes");
    }
    const ids = await Promise.all(
      sites.map((site) => site.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")),
    );
    assert.equal(new Set(ids).size, names.length);
  });

  it("the one is untouched when the other is taken down", async () => {
    const [left = "", right = ""] = names;
    await labDown(left, new TerminalReporter());
    assert.deepEqual(traces([left], directories), []);
    assert.notDeepEqual(traces([right], directories), []);
    const site = new Site(labs[1] as Lab);
    await site.nodesReady(60);
    await site.pulumiOk("preview", "--expect-no-changes");
  });

  it("leave nothing on this computer", async () => {
    await labDown(names[1] ?? "", new TerminalReporter());
    assert.deepEqual(traces(names, directories), []);
    assert.deepEqual(
      interfaces().filter((name) => !interfacesBefore.includes(name)),
      [],
    );
  });

  it("taking down what is not there is no error", async () => {
    await labDown(names[0] ?? "", new TerminalReporter());
  });
});
