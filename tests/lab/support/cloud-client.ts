import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { capture, type Result } from "../../../lab/execute";
import { TerminalReporter } from "../../../lab/report";
import { hashOf, madeOnce } from "../../../lab/toolchain/cache";
import { ensurePackages, run, succeeds } from "../../../lab/toolchain/index";

/** Every package of the client's environment with its version. */
const requirements = path.join(__dirname, "openstackclient.txt");

/**
 * python-openstackclient from PyPI in a virtual environment of its own: a client that knows nothing of this project. It
 * is kept in the cache directory, by the versions of all its packages.
 * @returns its Python
 */
export async function ensureOutsideClient(): Promise<string> {
  const report = new TerminalReporter();
  if (!(await succeeds("python3", ["-c", "import venv, ensurepip"]))) {
    await ensurePackages(["python3", "python3-venv"], report);
  }
  const version = await run("python3", ["--version"]);
  const hash = await hashOf({ values: [version], files: [requirements] });
  const title = "Install python-openstackclient from PyPI";
  const directory = await madeOnce("openstackclient", hash, title, report, async (unfinished, progress) => {
    await run("python3", ["-m", "venv", unfinished]);
    const install = ["-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--requirement", requirements];
    await run(path.join(unfinished, "bin", "python"), install, { onLine: progress });
  });
  return path.join(directory, "bin", "python");
}

/** Whom and what an outside client trusts. */
export interface OutsideOptions {
  /** Text of `clouds.yaml`, as the stack gives it. */
  cloudsYaml: string;
  /** Text of `ca.crt`, which that names; undefined leaves it out, and the client trusts the system's CAs. */
  ca: string | undefined;
  /** Name of the cloud. */
  cloud: string;
}

/** Runs the outside client with nothing but `clouds.yaml` and `ca.crt` in its directory, as a user of the cloud has them. */
export async function outsideClient(args: readonly string[], options: OutsideOptions): Promise<Result> {
  const python = await ensureOutsideClient();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-client-"));
  try {
    const text = options.ca === undefined ? options.cloudsYaml.replace(/^ *cacert:.*\n/m, "") : options.cloudsYaml;
    fs.writeFileSync(path.join(directory, "clouds.yaml"), text, { mode: 0o600 });
    if (options.ca !== undefined) {
      fs.writeFileSync(path.join(directory, "ca.crt"), options.ca);
    }
    // Neither this computer's own settings nor a proxy may help.
    const env = {
      PATH: process.env.PATH ?? "",
      HOME: directory,
      LC_ALL: "C.UTF-8",
      NO_PROXY: "*",
      OS_CLOUD: options.cloud,
    };
    return await capture(python, ["-m", "openstackclient.shell", ...args], { cwd: directory, env });
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}
