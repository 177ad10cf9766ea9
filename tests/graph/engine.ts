import { spawn } from "node:child_process";
import * as path from "node:path";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { GetRootResourceResponse, type LogRequest, SetRootResourceResponse } from "@pulumi/pulumi/proto/engine_pb";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/resource_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb";
import { endHost, type HostAnswer, runShared } from "./host";
import { computedOutputs, secretMarker } from "./providers";

const repository = path.resolve(__dirname, "../..");
const programHost = require.resolve("@pulumi/pulumi/cmd/run");

/** Longest time a program may run. */
const limitMs = 90_000;

/** A resource as the program registered it. */
export interface Registered {
  urn: string;
  type: string;
  name: string;
  /** URN of the parent. */
  parent: string;
  /** Whether a provider makes it; otherwise it is a component. */
  custom: boolean;
  /** Inputs as sent: secrets and unknown values are markers (`isSecret`, `reveal`, `unknownValue`). */
  inputs: Record<string, JavaScriptValue>;
  /** URNs it depends on, by `dependsOn` or by an input. */
  dependencies: string[];
  /** Provider as `<URN>::<id>`, or empty. */
  provider: string;
  protect: boolean;
  retainOnDelete: boolean;
  deleteBeforeReplace: boolean;
  ignoreChanges: string[];
  replaceOnChanges: string[];
  additionalSecretOutputs: string[];
  /** URN of the resource whose deletion takes this one with it, or empty. */
  deletedWith: string;
  /** Outputs of a component. */
  outputs?: Record<string, JavaScriptValue>;
}

/** What a program did. */
export interface ProgramRun {
  /** Resources in the order of registration, the stack first. */
  resources: Registered[];
  /** Stack outputs as sent. */
  outputs: Record<string, JavaScriptValue>;
  /** Messages to the user of severity "error". */
  errors: string[];
  exitCode: number;
  /** Standard output and standard error. */
  text: string;
}

/** How a program is run. */
export interface ProgramOptions {
  /** Folder or file, from the repository's root. @default "index.ts" */
  program?: string;
  /** Values by `<project>:<key>`. @default none */
  config?: Record<string, string>;
  /** Keys that are secret. @default none */
  secretKeys?: string[];
  /**
   * What the engine knows. "first": the first preview, computed outputs are unknown. "steady": a preview of a stack that
   * stands. "up": a deployment, where programs are also told that it is one.
   * @default "steady"
   */
  mode?: "first" | "steady" | "up";
  /** @default "dev" */
  stack?: string;
  /**
   * Whether the program has a process of its own from the beginning, as `pulumi` gives it one. Else it shares one, which
   * saves loading everything anew; if it fails there, it runs once more in its own, whose words and exit code count.
   * @default false
   */
  ownProcess?: boolean;
}

type Settings = Required<Omit<ProgramOptions, "ownProcess">>;

type Handler<Request, Response> = grpc.handleUnaryCall<Request, Response>;

function answer<Request, Response>(respond: (request: Request) => Response): Handler<Request, Response> {
  return (call, callback) => {
    try {
      callback(null, respond(call.request));
    } catch (error) {
      callback({ code: grpc.status.UNKNOWN, message: error instanceof Error ? error.message : String(error) });
    }
  };
}

function plain(struct: Struct | undefined): Record<string, JavaScriptValue> {
  return (struct?.toJavaScript() ?? {}) as Record<string, JavaScriptValue>;
}

function urnOf(stack: string, type: string, name: string, parent: string): string {
  const parentType = parent.split("::")[2] ?? "";
  const qualified = parentType === "" || parentType === "pulumi:pulumi:Stack" ? type : `${parentType}$${type}`;
  return `urn:pulumi:${stack}::stratiform::${qualified}::${name}`;
}

/** One run's engine: answers what the program asks and writes down what it registers. */
class Recorder {
  readonly resources: Registered[] = [];
  readonly errors: string[] = [];
  private root = "";

  constructor(private readonly options: Settings) {}

  register(request: proto.RegisterResourceRequest): proto.RegisterResourceResponse {
    const [type, name, parent] = [request.getType(), request.getName(), request.getParent()];
    const resource: Registered = {
      urn: urnOf(this.options.stack, type, name, parent),
      type,
      name,
      parent,
      custom: request.getCustom(),
      inputs: plain(request.getObject()),
      dependencies: request.getDependenciesList(),
      provider: request.getProvider(),
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      deleteBeforeReplace: request.getDeletebeforereplace(),
      ignoreChanges: request.getIgnorechangesList(),
      replaceOnChanges: request.getReplaceonchangesList(),
      additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      deletedWith: request.getDeletedwith(),
    };
    if (this.resources.some((other) => other.urn === resource.urn)) {
      throw new Error(`Duplicate resource URN '${resource.urn}'; try giving it a unique name`);
    }
    this.resources.push(resource);
    return this.respond(resource);
  }

  private respond(resource: Registered): proto.RegisterResourceResponse {
    const response = new proto.RegisterResourceResponse();
    response.setUrn(resource.urn);
    const known = this.options.mode !== "first" || resource.type.startsWith("pulumi:providers:");
    const outputs = { ...resource.inputs };
    if (resource.custom && known) {
      response.setId(`id-of-${resource.name}`);
      Object.assign(outputs, computedOutputs(resource.type, resource.urn, resource.inputs));
    }
    for (const key of resource.additionalSecretOutputs) {
      const value = outputs[key];
      if (value !== undefined) {
        outputs[key] = secretMarker(value);
      }
    }
    response.setObject(Struct.fromJavaScript(outputs));
    return response;
  }

  outputs(request: proto.RegisterResourceOutputsRequest): Empty {
    const resource = this.resources.find((candidate) => candidate.urn === request.getUrn());
    if (resource) {
      resource.outputs = plain(request.getOutputs());
    }
    return new Empty();
  }

  deployment(): proto.DeploymentInfo {
    const info = new proto.DeploymentInfo();
    info.setProject("stratiform");
    info.setStack(this.options.stack);
    info.setOrganization("organization");
    info.setDryrun(this.options.mode !== "up");
    info.setSupportedfeaturesList(Object.values(proto.ResourceMonitorFeature).filter((id) => typeof id === "number"));
    return info;
  }

  log(request: LogRequest): Empty {
    if (request.getSeverity() >= 3) {
      this.errors.push(request.getMessage());
    }
    return new Empty();
  }

  services(server: grpc.Server): void {
    const empty = answer(() => new Empty());
    const unexpected = (what: string) => (): never => {
      throw new Error(`the stand-in engine answers no ${what}; a program that needs one wants another kind of test`);
    };
    server.addService(ResourceMonitorService as unknown as grpc.ServiceDefinition, {
      getDeploymentInfo: answer(() => this.deployment()),
      supportsFeature: answer(() => new proto.SupportsFeatureResponse().setHassupport(true)),
      registerResource: answer((request: proto.RegisterResourceRequest) => this.register(request)),
      registerResourceOutputs: answer((request: proto.RegisterResourceOutputsRequest) => this.outputs(request)),
      registerPackage: answer(() => new proto.RegisterPackageResponse().setRef("package")),
      registerStackTransform: empty,
      registerStackInvokeTransform: empty,
      registerResourceHook: empty,
      registerErrorHook: empty,
      signalAndWaitForShutdown: empty,
      invoke: answer(unexpected("invoke")),
      call: answer(unexpected("call")),
      readResource: answer(unexpected("readResource")),
    });
    server.addService(EngineService as unknown as grpc.ServiceDefinition, {
      log: answer((request: LogRequest) => this.log(request)),
      getRootResource: answer(() => new GetRootResourceResponse().setUrn(this.root)),
      setRootResource: answer((request: { getUrn(): string }) => {
        this.root = request.getUrn();
        return new SetRootResourceResponse();
      }),
      requirePulumiVersion: empty,
      startDebugging: empty,
    });
  }
}

function listen(server: grpc.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

/** Runs a program in a process of its own, as `pulumi` does. */
function runAlone(address: string, settings: Settings): Promise<HostAnswer> {
  const dryRun = settings.mode === "up" ? [] : ["--dry-run"];
  const flags = { monitor: address, engine: address, project: "stratiform", stack: settings.stack };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const places = [
    `--pwd=${repository}`,
    `--root-directory=${repository}`,
    "--organization=organization",
    "--parallel=16",
  ];
  const child = spawn(
    process.execPath,
    [programHost, ...words, ...places, ...dryRun, path.resolve(repository, settings.program)],
    {
      cwd: repository,
      env: {
        ...process.env,
        NODE_OPTIONS: "",
        PULUMI_NODEJS_TYPESCRIPT: "true",
        PULUMI_NODEJS_TSCONFIG_PATH: "tsconfig.pulumi.json",
        PULUMI_ERROR_OUTPUT_STRING: "true",
        PULUMI_CONFIG: JSON.stringify(settings.config),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(settings.secretKeys),
      },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: limitMs,
    },
  );
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  child.stderr.on("data", (data) => {
    text += data;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? -1, text }));
  });
}

async function runOnce(settings: Settings, alone: boolean): Promise<ProgramRun> {
  const recorder = new Recorder(settings);
  // Above any program of ours; gRPC's own limit of 4 MB is not.
  const server = new grpc.Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
  recorder.services(server);
  const address = `127.0.0.1:${await listen(server)}`;
  const { mode, stack, config, secretKeys } = settings;
  const program = path.resolve(repository, settings.program);
  try {
    const ended = await (alone
      ? runAlone(address, settings)
      : runShared({ program, address, stack, preview: mode !== "up", config, secretKeys }));
    const root = recorder.resources.find((resource) => resource.type === "pulumi:pulumi:Stack");
    return { ...ended, resources: recorder.resources, errors: recorder.errors, outputs: root?.outputs ?? {} };
  } finally {
    server.forceShutdown();
  }
}

/**
 * Runs a Pulumi program with Pulumi's own program host against a stand-in for the engine, which makes nothing. It does no
 * diff, no provider's check and no waiting; it shows what the program asks for.
 */
export async function runProgram(options: ProgramOptions = {}): Promise<ProgramRun> {
  const { program = "index.ts", mode = "steady", stack = "dev", config = {}, secretKeys = [] } = options;
  const settings = { program, mode, stack, config, secretKeys };
  if (!options.ownProcess) {
    const run = await runOnce(settings, false);
    if (run.exitCode === 0) {
      return run;
    }
  }
  return runOnce(settings, true);
}

after(endHost);
