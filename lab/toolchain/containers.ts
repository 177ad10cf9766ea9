import { existsSync } from "node:fs";
import { type RunOptions, runAsRoot } from "./process";

/** Environment of `podman` on this computer. An existing choice of the user's is kept. */
export function podmanEnvironment(): Record<string, string> {
  const chosen = process.env.STORAGE_DRIVER !== undefined || existsSync("/etc/containers/storage.conf");
  return chosen ? {} : { STORAGE_DRIVER: "overlay" };
}

/**
 * Container runtime for `podman run --runtime`, or undefined for podman's default.
 * crun, the default, refuses cgroup v1 and the mixed layout; runc takes both.
 */
export function containerRuntime(): string | undefined {
  return existsSync("/sys/fs/cgroup/cgroup.controllers") ? undefined : "runc";
}

/**
 * Runs podman as root.
 * @returns its standard output, without white space at the ends
 */
export async function podman(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await runAsRoot("podman", args, { ...options, env: { ...podmanEnvironment(), ...options.env } });
  return output.trim();
}
