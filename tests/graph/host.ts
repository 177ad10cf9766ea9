import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";
import { RunRequest, type RunResponse } from "@pulumi/pulumi/proto/language_pb";

/** A program to run. */
export interface HostRequest {
  /** Absolute path of the program. */
  program: string;
  /** Address of the stand-in for the engine. */
  address: string;
  stack: string;
  preview: boolean;
  config: Record<string, string>;
  secretKeys: string[];
}

/** How it ended. */
export interface HostAnswer {
  exitCode: number;
  /** Standard output and standard error. */
  text: string;
}

const repository = path.resolve(__dirname, "../..");

/** The process that runs programs, once there is one. */
let host: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** Longest time a program may run. */
const limitMs = 90_000;

function startHost(): ChildProcess {
  return fork(__filename, {
    cwd: repository,
    execArgv: ["--import", "tsx"],
    // Programs are compiled as Pulumi would compile them: the examples import the package as it is built.
    env: {
      ...process.env,
      TSX_TSCONFIG_PATH: path.join(repository, "tsconfig.pulumi.json"),
      PULUMI_ERROR_OUTPUT_STRING: "true",
    },
  });
}

/** Ends the process, if there is one. */
export function endHost(): void {
  host?.kill();
  host = undefined;
}

async function ask(request: HostRequest): Promise<HostAnswer> {
  host ??= startHost();
  const closed = new AbortController();
  host.once("close", (code) => closed.abort(new Error(`the host of programs ended with exit code ${code}`)));
  host.send(request);
  try {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(limitMs)]);
    const [answer] = (await once(host, "message", { signal })) as [HostAnswer];
    return answer;
  } catch (error) {
    // It ended the process, or hangs.
    endHost();
    return { exitCode: -1, text: String(error) };
  } finally {
    host?.removeAllListeners("close");
  }
}

/**
 * Runs a program in a process that runs one after another, and so loads Pulumi and its providers but once. What it says of
 * a failure is less than Pulumi says.
 */
export function runShared(request: HostRequest): Promise<HostAnswer> {
  const run = last.then(() => ask(request));
  last = run;
  return run;
}

/** Pulumi's own host of programs that share a process, made for its Automation API. Its types are not published. */
interface LanguageServer {
  run(call: { request: RunRequest }, done: (error?: Error, response?: RunResponse) => void): Promise<void>;
}

type LanguageServerClass = new (program: () => Promise<unknown>) => LanguageServer;

function runRequest({ program, address, stack, preview, config, secretKeys }: HostRequest): RunRequest {
  const request = new RunRequest();
  request.setProgram(program);
  request.setProject("stratiform");
  request.setOrganization("organization");
  request.setStack(stack);
  request.setMonitorAddress(address);
  request.setArgsList([address]);
  request.setParallel(16);
  request.setDryrun(preview);
  for (const [key, value] of Object.entries(config)) {
    request.getConfigMap().set(key, value);
  }
  request.setConfigsecretkeysList(secretKeys);
  return request;
}

/** Forgets the repository's own modules, so that each program begins with fresh ones; libraries stay. */
function forgetModules(): void {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(repository) && !file.includes("/node_modules/") && file !== __filename) {
      delete require.cache[file];
    }
  }
}

async function runHere(wanted: HostRequest): Promise<number> {
  forgetModules();
  process.env["PULUMI_CONFIG"] = JSON.stringify(wanted.config);
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(wanted.secretKeys);
  const { LanguageServer } = require("@pulumi/pulumi/automation/server") as { LanguageServer: LanguageServerClass };
  const server = new LanguageServer(async () => require(wanted.program));
  let exitCode = 0;
  await server.run({ request: runRequest(wanted) }, (error) => {
    exitCode = error ? 1 : exitCode;
  });
  return exitCode;
}

function serve(): void {
  // Pulumi takes a stack trace for every resource. A quarter of the time would go into looking up their lines.
  process.setSourceMapsEnabled(false);
  let text = "";
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (chunk: string | Uint8Array): boolean => {
      text += chunk;
      return true;
    };
  }
  process.on("disconnect", () => process.exit());
  process.on("message", async (wanted: HostRequest) => {
    text = "";
    const exitCode = await runHere(wanted);
    process.send?.({ exitCode, text } satisfies HostAnswer);
  });
}

if (require.main === module) {
  serve();
}
