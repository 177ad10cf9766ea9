import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { capture, type ExecuteOptions, type Result } from "../../../lab/execute";
import { engine } from "./engine";

/** Longest time of one Pulumi command, in milliseconds: a bound against hanging. */
const limitMs = 240_000;

/** One thing that the engine did to a resource. */
export interface Step {
  /** `create`, `update`, `delete`, `create-replacement`, `delete-replaced`, … */
  op: string;
  /** Name of the resource in the program. */
  name: string;
}

/** A Pulumi command that has ended. */
export interface Outcome extends Result {
  /** What it printed, both streams. */
  text: string;
  /** What it began to do, in this order; resources that stay as they are, are left out. */
  steps: Step[];
  /** Number of resources by operation, `same` included. */
  changes: Record<string, number>;
  /** How long it took, in milliseconds. */
  milliseconds: number;
}

/** An operation of Pulumi that has been started. */
export interface Operation {
  /** Its end. */
  done: Promise<Outcome>;
  /** Process id of the CLI, once it runs. */
  pid: Promise<number>;
  /** Whether it has ended. */
  ended(): boolean;
  /** Names of the resources that are done so far. */
  completed(): Set<string>;
  /** Does something meanwhile. @throws AssertionError with the output if the operation fails before that is done */
  meanwhile<T>(work: () => Promise<T>): Promise<T>;
}

/** Values for the program, as they stand in a stack file. */
export type Config = Record<string, string | number | boolean>;

interface EngineEvent {
  resourcePreEvent?: { metadata: { op: string; urn: string } };
  resOutputsEvent?: { metadata: { urn: string } };
  summaryEvent?: { resourceChanges?: Record<string, number> };
}

const quiet = new Set(["same", "read", "refresh"]);

/** A stack of one of the programs under `programs`. */
export class Stack {
  private runs = 0;

  private constructor(
    private readonly program: string,
    private readonly name: string,
  ) {}

  /** Makes a stack. @param program folder under `programs`, and name of its project without `engine-` */
  static async create(program: string, config: Config = {}, name = "test"): Promise<Stack> {
    const stack = new Stack(program, name);
    const made = await stack.run("stack", "init", "--stack", name, "--no-select");
    assert.equal(made.code, 0, made.text);
    stack.configure(config);
    return stack;
  }

  /** Folder in which Pulumi runs. */
  get directory(): string {
    return path.join(engine().programs, this.program);
  }

  /** Sets the program's configuration; values that are not named are unset. */
  configure(config: Config): void {
    const file = path.join(this.directory, `Pulumi.${this.name}.yaml`);
    const [salt = ""] = /^encryptionsalt: .*$/m.exec(fs.readFileSync(file, "utf8")) ?? [];
    const project = `engine-${this.program}`;
    const lines = Object.entries(config).map(([key, value]) => `  ${project}:${key}: ${JSON.stringify(value)}`);
    fs.writeFileSync(file, [salt, "config:", ...lines, ""].join("\n"));
  }

  /** Sets a secret value of the configuration, as a user does. */
  async setSecret(key: string, value: string): Promise<void> {
    const words = ["config", "set", "--stack", this.name, "--secret", key];
    const result = await this.execute(words, { input: value });
    assert.equal(result.code, 0, result.text);
  }

  /** The state as it lies on the disk. */
  state(): string {
    const stacks = path.join(engine().directory, "state", ".pulumi", "stacks");
    return fs.readFileSync(path.join(stacks, `engine-${this.program}`, `${this.name}.json`), "utf8");
  }

  /** Resources in the state: name in the program → what the state says about it. */
  resources(): Record<string, { id?: string; type: string; initErrors?: string[] }> {
    const { checkpoint } = JSON.parse(this.state()) as {
      checkpoint: { latest: { resources?: { urn: string; id?: string; type: string; initErrors?: string[] }[] } };
    };
    const found = checkpoint.latest.resources ?? [];
    return Object.fromEntries(found.map((resource) => [nameOf(resource.urn), resource]));
  }

  /** Starts `pulumi up`. */
  start(...flags: string[]): Operation {
    return this.operation("up", "--yes", "--skip-preview", ...flags);
  }

  /** Runs `pulumi up`. @throws AssertionError with its output if it fails */
  async up(...flags: string[]): Promise<Outcome> {
    const outcome = await this.start(...flags).done;
    assert.equal(outcome.code, 0, outcome.text);
    return outcome;
  }

  /** Runs `pulumi up`, which is to fail. @throws AssertionError with its output if it does not */
  async upFails(...flags: string[]): Promise<Outcome> {
    const outcome = await this.start(...flags).done;
    assert.notEqual(outcome.code, 0, outcome.text);
    return outcome;
  }

  /** Runs a command on the stack that works on resources: `preview`, `refresh`, `destroy`. */
  command(command: string, ...flags: string[]): Promise<Outcome> {
    return this.operation(command, ...flags).done;
  }

  private operation(command: string, ...flags: string[]): Operation {
    const log = path.join(engine().directory, `${this.program}-${this.name}-${++this.runs}.events`);
    const words = [command, "--stack", this.name, "--event-log", log, ...flags];
    let started: (pid: number) => void;
    const pid = new Promise<number>((resolve) => {
      started = resolve;
    });
    let ended = false;
    const done = this.execute(words, { onStart: (id) => started(id) }).then((result) => {
      ended = true;
      return { ...result, ...summaryOf(readEvents(log)) };
    });
    const failed = done.then<never>((outcome) =>
      outcome.code === 0 ? new Promise(() => undefined) : assert.fail(outcome.text),
    );
    failed.catch(() => undefined);
    const completed = (): Set<string> =>
      new Set(readEvents(log).flatMap((event) => nameOf(event.resOutputsEvent?.metadata.urn ?? "") || []));
    return { done, pid, ended: () => ended, completed, meanwhile: (work) => Promise.race([work(), failed]) };
  }

  /** Runs any command of Pulumi in the program's folder. */
  run(...words: string[]): Promise<Result & { text: string }> {
    return this.execute(words);
  }

  private async execute(
    words: string[],
    options: Pick<ExecuteOptions, "input" | "onStart"> = {},
  ): Promise<Result & { text: string; milliseconds: number }> {
    const { toolchain, env, running } = engine();
    const begin = performance.now();
    let own = 0;
    const onStart = (pid: number): void => {
      own = pid;
      running.add(pid);
      options.onStart?.(pid);
    };
    const result = await capture(toolchain.pulumi, ["--non-interactive", "--color=never", ...words], {
      ...options,
      cwd: this.directory,
      env,
      signal: AbortSignal.timeout(limitMs),
      onStart,
    });
    running.delete(own);
    return { ...result, text: `${result.stdout}\n${result.stderr}`, milliseconds: performance.now() - begin };
  }
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** What the engine's event log says so far. A CLI that was killed leaves one that breaks off. */
function readEvents(file: string): EngineEvent[] {
  const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as EngineEvent]));
}

function summaryOf(events: EngineEvent[]): Pick<Outcome, "steps" | "changes"> {
  const steps = events.flatMap(({ resourcePreEvent }) => {
    const { op, urn } = resourcePreEvent?.metadata ?? { op: "same", urn: "" };
    return quiet.has(op) ? [] : [{ op, name: nameOf(urn) }];
  });
  return { steps, changes: events.find((event) => event.summaryEvent)?.summaryEvent?.resourceChanges ?? {} };
}
