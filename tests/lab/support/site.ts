import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import { parse, stringify } from "yaml";
import { type Lab, labUp, type Result } from "../../../lab/lab";
import { TerminalReporter } from "../../../lab/report";
import type { KubernetesObject } from "./objects";
import { parseSnapshot, type Snapshot, snapshotProgram } from "./snapshot";
import { eventually, within } from "./wait";

/** Longest time of one Pulumi command, in seconds: a bound against hanging. */
const pulumiLimit = 900;

/** A stack file, as far as tests look at it. */
export interface StackFile {
  config: {
    "stratiform:cluster": ClusterConfig;
    [key: string]: unknown;
  };
}

/** `stratiform:cluster` as tests edit it. */
export interface ClusterConfig {
  name: string;
  hosts: HostConfig[];
  ssh: { user?: string; port?: number };
  kubernetesVersion?: string;
  endpoint?: Record<string, unknown>;
  degraded?: boolean;
  artifacts: { kubernetesUrl: string; cniUrl: string; digests: Record<string, string> };
  imageMirror: { registry: string; tags: Record<string, string> };
  [key: string]: unknown;
}

/** A host of the stack file. */
export interface HostConfig {
  name: string;
  address: string;
  roles: string[];
  hostKey: string;
  port?: number;
  labels?: Record<string, string>;
  taints?: { key: string; value?: string; effect: string }[];
  [key: string]: unknown;
}

/** Output of both streams. */
export function textOf(result: Result): string {
  return `${result.stdout}\n${result.stderr}`;
}

/** A lab with what tests do on it. */
export class Site {
  /** The lab, as it is now. */
  lab: Lab;

  /** @param lab a lab that is there */
  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** Adds a machine to the lab and to the stack file; returns its name. */
  async addHost(): Promise<string> {
    const known = new Set(this.lab.hosts.map(({ name }) => name));
    const control = this.controls.length;
    this.lab = await labUp({ name: this.lab.name, hosts: known.size + 1, control }, new TerminalReporter());
    const added = this.lab.hosts.find(({ name }) => !known.has(name));
    assert.ok(added && this.hosts.includes(added.name), "the lab put no new host into the stack file");
    return added.name;
  }

  /** Has the lab offer these releases of Kubernetes, built if need be. The stack's own version stays. */
  async offerKubernetes(...kubernetes: string[]): Promise<void> {
    const { name, hosts } = this.lab;
    const control = this.controls.length;
    this.lab = await labUp({ name, hosts: hosts.length, control, kubernetes }, new TerminalReporter());
  }

  /** The stack file's content. */
  get stack(): StackFile {
    return parse(fs.readFileSync(this.lab.stackFile, "utf8")) as StackFile;
  }

  /** The cluster's part of the stack file. */
  get cluster(): ClusterConfig {
    return this.stack.config["stratiform:cluster"];
  }

  /** Names of the control hosts in the stack file. */
  get controls(): string[] {
    return this.cluster.hosts.filter((host) => host.roles.includes("control")).map((host) => host.name);
  }

  /** Names of the other hosts in the stack file. */
  get workers(): string[] {
    return this.cluster.hosts.filter((host) => !host.roles.includes("control")).map((host) => host.name);
  }

  /** Names of all hosts in the stack file. */
  get hosts(): string[] {
    return this.cluster.hosts.map((host) => host.name);
  }

  /** Image of the test pods, from the registry of the stack file. */
  get busybox(): string {
    const { registry, tags } = this.cluster.imageMirror;
    return `${registry}/busybox:${tags.busybox}`;
  }

  /** Edits the stack file's cluster. */
  edit(change: (cluster: ClusterConfig) => void): void {
    const { stack } = this;
    change(stack.config["stratiform:cluster"]);
    fs.writeFileSync(this.lab.stackFile, stringify(stack));
  }

  /** Runs `work` with an edited stack file, and puts the file back however it ends. */
  async withStack<T>(change: (stack: StackFile) => void, work: () => Promise<T>): Promise<T> {
    const before = fs.readFileSync(this.lab.stackFile);
    try {
      const { stack } = this;
      change(stack);
      fs.writeFileSync(this.lab.stackFile, stringify(stack));
      return await work();
    } finally {
      fs.writeFileSync(this.lab.stackFile, before);
    }
  }

  /** Runs pulumi on the lab's stack. An environment value of undefined removes a variable. */
  pulumi(args: string[], env: Record<string, string | undefined> = {}): Promise<Result> {
    return within(`pulumi ${args.join(" ")}`, pulumiLimit, this.lab.pulumi(args, { env }));
  }

  /** Runs pulumi and fails unless it ends well. */
  async pulumiOk(...args: string[]): Promise<string> {
    const result = await this.pulumi(args);
    assert.equal(result.code, 0, `pulumi ${args.join(" ")} failed:\n${textOf(result).slice(-4000)}`);
    return textOf(result);
  }

  /** `pulumi up`. */
  up(...more: string[]): Promise<string> {
    return this.pulumiOk("up", "--yes", "--skip-preview", ...more);
  }

  /** Runs kubectl and returns what it printed. */
  kubectl(...args: string[]): Promise<string> {
    return this.#kubectl(args);
  }

  /** A command in a pod; what it printed. */
  exec(podName: string, script: string, space = "default"): Promise<string> {
    return this.kubectl("--namespace", space, "exec", podName, "--", "busybox", "sh", "-c", script);
  }

  /** Makes or changes objects. */
  async apply(...objects: KubernetesObject[]): Promise<void> {
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
    await this.#kubectl(["apply", "--filename", "-"], list);
  }

  /** Waits until pods are ready. */
  async podsReady(space: string, ...names: string[]): Promise<void> {
    for (const name of names) {
      await eventually(`pod ${space}/${name} to be ready`, 180, async () => {
        const status = await this.kubectl(
          ...["--namespace", space, "get", "pod", name, "--output"],
          'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.phase} {.status.containerStatuses[*].state.waiting}',
        );
        assert.match(status, /^True/, `pod ${name}: ${status}`);
        return true;
      });
    }
  }

  /** Names of the nodes that are ready. */
  async readyNodes(): Promise<string[]> {
    const text = await this.kubectl(
      ...["get", "nodes", "--output"],
      'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
    );
    return text.split("\n").flatMap((line) => (line.endsWith(" True") ? [line.split(" ")[0] ?? ""] : []));
  }

  /** Waits until exactly these nodes are ready. */
  async nodesReady(limit: number, names: string[] = this.hosts): Promise<void> {
    await eventually(`nodes ${names.join(", ")} to be ready`, limit, async () => {
      assert.deepEqual((await this.readyNodes()).sort(), [...names].sort());
      return true;
    });
  }

  /** A shell program on a host, as root; what it printed. */
  async ssh(host: string, program: string, limit = 120): Promise<string> {
    const result = await within(
      `${program.slice(0, 80)} on ${host}`,
      limit,
      this.lab.ssh(host, "exec bash -s", { input: program }),
    );
    assert.equal(result.code, 0, `${host}: ${program.slice(0, 200)}: ${textOf(result).trim()}`);
    return result.stdout;
  }

  /** The text of a snapshot of a host that belongs to no cluster; undefined of any other. */
  async bareText(host: string): Promise<string | undefined> {
    const text = await this.ssh(host, `[ ! -e /etc/stratiform/claim ] || exit 0\n${snapshotProgram}`, 180);
    return text === "" ? undefined : text;
  }

  /** What a host holds. */
  async snapshot(host: string): Promise<Snapshot> {
    return parseSnapshot(await this.ssh(host, snapshotProgram, 180));
  }

  /** What several hosts hold. */
  async snapshots(hosts: string[]): Promise<Map<string, Snapshot>> {
    return new Map(
      await Promise.all(hosts.map(async (host): Promise<[string, Snapshot]> => [host, await this.snapshot(host)])),
    );
  }

  async #kubectl(args: string[], input?: string): Promise<string> {
    const work = this.lab.kubectl(args, input === undefined ? {} : { input });
    const result = await within(`kubectl ${args.join(" ")}`, 180, work);
    assert.equal(result.code, 0, `kubectl ${args.join(" ")}: ${textOf(result).trim()}`);
    return result.stdout;
  }
}

/** Puts the stack file back, after the tests of the group that calls this, as it was before them. */
export function keepStackFile(site: () => Site): void {
  let text: Buffer;
  before("remember the stack file", () => {
    text = fs.readFileSync(site().lab.stackFile);
  });
  after("put the stack file back", () => {
    fs.writeFileSync(site().lab.stackFile, text);
  });
}
