import { haproxyBase } from "./haproxy";

/** A port of the endpoints, and the pods that answer it. */
export interface EdgeRoute {
  /** Service, such as `keystone`. */
  service: string;
  /** Process that answers. */
  process: string;
  /** Port on the endpoint addresses. */
  port: number;
  /** Name that means the addresses of all its ready pods. */
  backendHost: string;
  /** Port of the pods. */
  backendPort: number;
  /** Path of which a GET answers 2xx or 3xx when a pod is well. @default the port is open */
  checkPath?: string;
  /** Requests that may be sent to another pod when one does not answer, beside GET and HEAD. @default none */
  repeatable?: readonly { method: string; path: string }[];
  /** Most requests that a pod is given at once; others wait in the edge, where another pod can take them. @default no limit */
  requestsPerPod?: number;
}

/** What the configuration needs to know of the pod it is for. */
export interface EdgePlace {
  /** File with certificate and key. */
  certificateFile: string;
  /** Threads. */
  threads: number;
  /** Most connections of one pod. */
  connections: number;
  /** Seconds that running answers have when a pod goes. */
  stopSeconds: number;
}

/** Most pods of one process that the edge knows. */
const mostPods = 16;

/**
 * One route for each port: entries of the catalogue may share one.
 * @throws Error if two processes want the same port
 */
function routesByPort(routes: readonly EdgeRoute[]): EdgeRoute[] {
  const byPort = new Map<number, EdgeRoute>();
  for (const route of routes) {
    const other = byPort.get(route.port);
    if (other !== undefined && name(other) !== name(route)) {
      throw new Error(
        `port ${route.port} of the endpoints is wanted by ${other.service} (${other.process}) and by ${route.service} (${route.process}); give one of them another port in its definition's catalog`,
      );
    }
    byPort.set(route.port, route);
  }
  return [...byPort.values()].sort((left, right) => left.port - right.port);
}

/**
 * HAProxy's configuration: TLS in front, one backend for each route, whose servers are the addresses that the cluster's DNS
 * has for the process' ready pods.
 * @throws Error if two processes want the same port
 */
export function edgeConfig(routes: readonly EdgeRoute[], place: EdgePlace): string {
  return [
    ...haproxyBase({ ...place, logLevel: "info", holdSeconds: 2 }),
    ...defaults,
    ...routesByPort(routes).flatMap((route) => [...frontend(route, place), ...backend(route)]),
  ].join("\n");
}

function section(head: string, lines: readonly string[]): string[] {
  return [head, ...lines.map((line) => `  ${line}`), ""];
}

const defaults = section("defaults", [
  "mode http",
  "log global",
  "option httplog",
  "option dontlognull",
  // While a pod ends, a client with an idle connection is told so with its next answer, instead of losing a request.
  "option idle-close-on-response",
  "timeout connect 2s",
  "timeout client 60s",
  "timeout server 60s",
  "timeout http-request 10s",
  "timeout http-keep-alive 30s",
  "timeout queue 30s",
  "timeout check 5s",
  "timeout tunnel 1h",
  // A pod that refuses, or breaks off before it answered, is passed over; the backend says which requests may be repeated.
  "retries 3",
  "option redispatch 1",
]);

function name(route: EdgeRoute): string {
  return `${route.service}-${route.process}-${route.port}`;
}

function frontend(route: EdgeRoute, place: EdgePlace): string[] {
  return section(`frontend ${name(route)}`, [
    `bind :${route.port} ssl crt ${place.certificateFile} alpn h2,http/1.1`,
    // What a client says of itself in these headers is not believed.
    "http-request set-header X-Forwarded-Proto https",
    "http-request set-header X-Forwarded-Port %[dst_port]",
    "http-request set-header X-Forwarded-For %[src]",
    "http-request del-header Forwarded",
    "http-request del-header X-Forwarded-Prefix",
    "http-request set-header X-Forwarded-Host %[req.hdr(host)]",
    "http-response set-header Strict-Transport-Security max-age=31536000",
    `default_backend ${name(route)}`,
  ]);
}

function backend(route: EdgeRoute): string[] {
  const repeatable = [
    "{ method GET HEAD }",
    ...(route.repeatable ?? []).map((request) => `{ method ${request.method} } { path ${request.path} }`),
  ];
  return section(`backend ${name(route)}`, [
    "balance leastconn",
    // Not where an answer takes too long: what is slow would be done several times.
    "retry-on conn-failure empty-response junk-response 502 503",
    // Whatever changes something must not be done twice.
    ...repeatable.map((condition) => `http-request set-var(txn.repeatable) bool(true) if ${condition}`),
    "http-request disable-l7-retry unless { var(txn.repeatable) -m bool }",
    ...(route.checkPath === undefined
      ? []
      : ["option httpchk", `http-check send meth GET uri ${route.checkPath} ver HTTP/1.1 hdr Host edge`]),
    [
      `server-template pod- ${mostPods} ${route.backendHost}:${route.backendPort}`,
      ...(route.requestsPerPod === undefined ? [] : [`maxconn ${route.requestsPerPod}`]),
      // A pod that refuses once gets nothing more until it has answered the next question: it has free slots, and would
      // otherwise be given every repetition, too.
      "check inter 1s fastinter 200ms downinter 500ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down",
      "resolvers dns init-addr none resolve-prefer ipv4",
    ].join(" "),
  ]);
}
