/** How a pod is asked whether it is well. */
export type Probe = { kind: "http"; path: string } | { kind: "tcp" } | { kind: "exec"; command: readonly string[] };

/** A GET of `path` on the process' port answers 2xx or 3xx. */
export function http(path: string): Probe {
  return { kind: "http", path };
}

/** The process' port is open. */
export function tcp(): Probe {
  return { kind: "tcp" };
}

/** The command ends with 0. It runs as the container's own user. */
export function exec(...command: string[]): Probe {
  return { kind: "exec", command };
}
