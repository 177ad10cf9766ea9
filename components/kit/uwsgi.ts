/** A WSGI application as uwsgi runs it. */
export interface UwsgiPlan {
  /** TCP port it listens on, at all addresses. */
  port: number;
  /** Lines of the image's catalogue entry that name the application: `module=keystone.wsgi.api:application`. */
  application: string;
  /** Worker processes. */
  workers: number;
  /** Seconds that requests have to end once the process is told to stop; fewer than the pod's grace period. @default 20 */
  mercy?: number;
  /** Further lines. @default none */
  extra?: readonly string[];
}

const defaultMercy = 20;

/**
 * Configuration of uwsgi for `uwsgi --ini`. When it is told to stop it takes no new requests, ends those it has, then ends.
 *
 * Every connection is closed after its answer. An answer keeps its length, so that one that was cut off is seen as such.
 * @throws Error if a line holds a line break
 */
export function uwsgiIni(plan: UwsgiPlan): string {
  const lines = [
    "plugins = python3",
    `http-socket = 0.0.0.0:${plan.port}`,
    ...plan.application.trim().split("\n"),
    "master = true",
    `processes = ${plan.workers}`,
    "threads = 1",
    "enable-threads = true",
    // Each worker loads the application itself: connections of the parent would be shared.
    "lazy-apps = true",
    "thunder-lock = true",
    "need-app = true",
    "buffer-size = 65535",
    "die-on-term = true",
    "exit-on-reload = true",
    "hook-master-start = unix_signal:15 gracefully_kill_them_all",
    `worker-reload-mercy = ${plan.mercy ?? defaultMercy}`,
    "add-header = Connection: close",
    'log-format = %(addr) "%(method) %(uri) %(proto)" %(status) %(size) bytes %(msecs) ms',
    ...(plan.extra ?? []),
  ];
  const broken = lines.find((line) => /[\r\n]/.test(line));
  if (broken !== undefined) {
    throw new Error(`a line of a uwsgi configuration holds a line break: ${JSON.stringify(broken)}`);
  }
  return ["[uwsgi]", ...lines, ""].join("\n");
}
