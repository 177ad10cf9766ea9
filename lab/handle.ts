import { join } from "node:path";
import { type ClientFiles, type Command, clientCommand, ensureClientFiles } from "./client";
import { UserError } from "./error";
import { attach, capture, type ExecuteOptions, type Result } from "./execute";
import { containerState, waitForSsh } from "./host";
import { ensureKubeconfig } from "./kubeconfig";
import { labDirectory } from "./names";
import { labEnvironment, pulumiArguments, stackFileOf } from "./pulumi";
import type { LabHost, LabRecord } from "./record";
import { requireRecord } from "./record";
import { editCloud, editStackFile, type StackCloud, type StackCluster } from "./stack-file";
import { podman, repositoryDirectory } from "./toolchain/index";
import { requireTools } from "./tools";

/** How long a host may take to shut down before it is cut off, in seconds. Its units have 5 s. */
const shutdownLimit = "20";

/** A command of a lab, beside what the lab itself sets. */
export type LabCommandOptions = Omit<ExecuteOptions, "env"> & {
  /** Environment on top of the lab's; an undefined value removes a variable. */
  env?: Record<string, string | undefined>;
};

/** A lab that is there: its machines, and commands with its environment. */
export class Lab {
  readonly #record: LabRecord;

  /** @param record what is kept about the lab */
  constructor(record: LabRecord) {
    this.#record = record;
  }

  /**
   * A lab that was made before.
   * @throws UserError if there is none of that name
   */
  static async open(name: string): Promise<Lab> {
    return new Lab(await requireRecord(name));
  }

  /** Name of the lab and of its cluster. */
  get name(): string {
    return this.#record.name;
  }
  /** Name of the stack. */
  get stack(): string {
    return this.#record.stack;
  }
  /** Directory with everything of the lab. */
  get directory(): string {
    return labDirectory(this.name);
  }
  /** The stack file. */
  get stackFile(): string {
    return stackFileOf(this.#record);
  }
  /** The machines, whether the stack file names them or not. */
  get hosts(): LabHost[] {
    return this.#record.hosts;
  }
  /** Networks, hosts and tools. */
  get record(): LabRecord {
    return this.#record;
  }
  /** Environment of the lab's commands. */
  get environment(): NodeJS.ProcessEnv {
    return labEnvironment(this.#record);
  }

  /** Runs Pulumi on the lab's stack; `--stack` and `--config-file` are added where they belong. */
  pulumi(args: readonly string[], options: LabCommandOptions = {}): Promise<Result> {
    const { env, ...rest } = options;
    return capture(requireTools(this.#record).pulumi, pulumiArguments(args, this.stack, this.stackFile), {
      cwd: repositoryDirectory,
      ...rest,
      env: { ...this.environment, ...env },
    });
  }

  /** Runs Pulumi on this terminal. @returns its exit code */
  attachPulumi(args: readonly string[]): Promise<number> {
    const completed = pulumiArguments(args, this.stack, this.stackFile);
    return attach(requireTools(this.#record).pulumi, completed, { cwd: repositoryDirectory, env: this.environment });
  }

  /** Runs kubectl as administrator of the lab's cluster. */
  async kubectl(args: readonly string[], options: LabCommandOptions = {}): Promise<Result> {
    const { env, ...rest } = options;
    const KUBECONFIG = await ensureKubeconfig(this.#record);
    return capture(requireTools(this.#record).kubectl, args, {
      ...rest,
      env: { ...this.environment, KUBECONFIG, ...env },
    });
  }

  /** Runs kubectl on this terminal. @returns its exit code */
  async attachKubectl(args: readonly string[]): Promise<number> {
    const KUBECONFIG = await ensureKubeconfig(this.#record);
    return attach(requireTools(this.#record).kubectl, args, { env: { ...this.environment, KUBECONFIG } });
  }

  /** Runs the OpenStack client of the release against the lab's cloud, as its administrator: `["token", "issue"]`. */
  async openstack(args: readonly string[], options: LabCommandOptions = {}): Promise<Result> {
    const { env, ...rest } = options;
    const command = await clientCommand(this.#record, args, { input: options.input !== undefined });
    return capture(command.program, command.args, { ...rest, env: { ...process.env, ...env } });
  }

  /** Runs the OpenStack client on this terminal. @returns its exit code */
  async attachOpenstack(args: readonly string[]): Promise<number> {
    const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const command = await clientCommand(this.#record, args, { terminal, input: true });
    return attach(command.program, command.args);
  }

  /**
   * The command of a Python program in the client's image, with the credentials of the cloud's administrator.
   * @param readable further files of this computer that it may read
   */
  clientProgram(file: string, args: readonly string[], readable: readonly string[] = []): Promise<Command> {
    const program = ["python3", "-B", file];
    return clientCommand(this.#record, args, { input: true, program, readable: [...new Set([file, ...readable])] });
  }

  /** Files with which any OpenStack client reaches the lab's cloud: `OS_CLIENT_CONFIG_FILE=<clouds> OS_CLOUD=<cloud>`. */
  clientFiles(): Promise<ClientFiles> {
    return ensureClientFiles(this.#record);
  }

  /** The machine of that name. @throws UserError if there is none */
  host(name: string): LabHost {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host !== undefined) return host;
    const names = this.hosts.map((candidate) => candidate.name).join(", ");
    throw new UserError(`lab ${this.name} has no host "${name}"; it has: ${names}`);
  }

  /** Runs a shell command on a host, as root over SSH. */
  ssh(host: string | LabHost, command: string, options: LabCommandOptions = {}): Promise<Result> {
    const { env, ...rest } = options;
    const name = this.#find(host).name;
    return capture("ssh", ["-F", join(this.directory, "ssh_config"), name, command], {
      ...rest,
      env: { ...process.env, ...env },
    });
  }

  /** Cuts a host's power: nothing on it is told. */
  async powerOff(host: string | LabHost): Promise<void> {
    const { container } = this.#find(host);
    if ((await containerState(container)) === "running") await podman(["kill", container]);
    await podman(["wait", container]);
  }

  /** Switches a host on, and waits for its sshd. */
  async powerOn(host: string | LabHost): Promise<void> {
    const found = this.#find(host);
    await podman(["start", found.container]);
    await waitForSsh(found);
  }

  /** Shuts a host down in order and starts it again; waits for its sshd. */
  async reboot(host: string | LabHost): Promise<void> {
    const found = this.#find(host);
    await podman(["restart", "--time", shutdownLimit, found.container]);
    await waitForSsh(found);
  }

  /** Changes `stratiform:cluster` of the stack file: in place, or by returning another value. */
  editStack(change: (cluster: StackCluster) => StackCluster | undefined): Promise<void> {
    return editStackFile(this.stackFile, change);
  }

  /** Changes `stratiform:cloud` of the stack file: in place, or by returning another value. */
  editCloud(change: (cloud: StackCloud) => StackCloud | undefined): Promise<void> {
    return editCloud(this.stackFile, change);
  }

  #find(host: string | LabHost): LabHost {
    return this.host(typeof host === "string" ? host : host.name);
  }
}
