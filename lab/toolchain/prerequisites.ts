import { satisfies } from "semver";
import { upstreamCniUrl, upstreamKubernetesUrl } from "../../components/cluster/versions";
import { allReachable } from "./download";
import { run, succeeds } from "./process";

/** What is known of this computer. */
export interface Computer {
  /** `process.platform`. */
  platform: string;
  /** `process.arch`. */
  architecture: string;
  /** Version of Node.js, without a `v`. */
  node: string;
  /** Whether commands can be run as root. */
  root: boolean;
  /** Version of Go without `go`, or undefined if there is none. */
  go?: string;
  /** Whether something must be built, because upstream cannot be reached. */
  builds: boolean;
  /** Whether apt-get is there. */
  apt: boolean;
}

/** Oldest Go that builds all modules under tools/. */
export const oldestGo = "1.26.0";
const oldestNode = "20.19.0";

/** Everything that the lab needs and this computer lacks, each with what to do. */
export function missingPrerequisites(computer: Computer): string[] {
  const missing: string[] = [];
  if (computer.platform !== "linux" || computer.architecture !== "x64") {
    missing.push(
      `Linux on x86_64 (this is ${computer.platform} on ${computer.architecture}): use such a computer or virtual machine`,
    );
  }
  if (!satisfies(computer.node, `>=${oldestNode}`)) {
    missing.push(
      `Node.js ${oldestNode} or newer (this is ${computer.node}): install a newer one from nodejs.org or your system's packages`,
    );
  }
  if (!computer.root) missing.push("root, or sudo without a password: run as root, or add a NOPASSWD line to sudoers");
  if (!computer.apt) missing.push("apt-get: use Debian 12 or newer, or Ubuntu 22.04 or newer");
  if (computer.builds && (computer.go === undefined || !satisfies(computer.go, `>=${oldestGo}`))) {
    const found = computer.go === undefined ? "there is none on PATH" : `this is ${computer.go}`;
    missing.push(
      `Go ${oldestGo} or newer (${found}), as the releases of Kubernetes or Pulumi cannot be downloaded from here: install it from go.dev`,
    );
  }
  return missing;
}

/**
 * Checks this computer before anything is done.
 * @throws Error that names everything missing at once
 */
export async function checkPrerequisites(): Promise<void> {
  const origins = [upstreamKubernetesUrl, upstreamCniUrl].map((url) => new URL(url).origin);
  const [upstream, go, root, apt] = await Promise.all([
    // Whether the images' registries answer is asked later: what knows their names, and asks them, is not here yet.
    allReachable([...origins, "https://get.pulumi.com"]),
    run("go", ["env", "GOVERSION"]).then(
      (text) => /^go(\d+\.\d+(?:\.\d+)?)/.exec(text.trim())?.[1],
      () => undefined,
    ),
    process.getuid?.() === 0 ? true : succeeds("sudo", ["-n", "true"]),
    succeeds("apt-get", ["--version"]),
  ]);
  const missing = missingPrerequisites({
    platform: process.platform,
    architecture: process.arch,
    node: process.versions.node,
    root,
    go: go?.split(".").length === 2 ? `${go}.0` : go,
    builds: !upstream,
    apt,
  });
  if (missing.length > 0) throw new Error(`This computer lacks:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
}
