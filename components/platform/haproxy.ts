import * as fs from "node:fs";
import * as path from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { selectorOf } from "../kit/labels";
import type { MountPlan, PodPlan } from "../kit/pod";
import { http } from "../kit/probes";
import type { VolumePlan } from "../kit/volumes";

/** Port on which an HAProxy says, over plain HTTP and without asking any backend, that it runs. */
export const statusPort = 8404;

/** Path that answers on `statusPort`. */
const statusPath = "/ready";

/** Directory of the configuration in the pod. */
const configDirectory = "/etc/haproxy/stratiform";

/** What differs between the configurations of HAProxies. */
export interface HaproxySettings {
  /** Threads. */
  threads: number;
  /** Most connections at once. */
  connections: number;
  /** Seconds after being told to stop until connections that are still open are cut off. */
  stopSeconds: number;
  /** Least important message that is logged: "info" has a line for every request. */
  logLevel: "info" | "notice";
  /** Seconds for which the last addresses of a name stay that does not exist any more. */
  holdSeconds: number;
}

/** Beginning of a configuration: the process, how names are found, and the frontend that probes ask. */
export function haproxyBase(settings: HaproxySettings): string[] {
  return [
    "global",
    `  log stdout len 4096 format raw daemon ${settings.logLevel}`,
    `  nbthread ${settings.threads}`,
    `  maxconn ${settings.connections}`,
    `  hard-stop-after ${settings.stopSeconds}s`,
    "  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
    `  ssl-default-bind-ciphers ${ciphers.join(":")}`,
    "",
    "resolvers dns",
    "  parse-resolv-conf",
    "  accepted_payload_size 8192",
    "  resolve_retries 2",
    "  timeout resolve 1s",
    "  timeout retry 500ms",
    `  hold nx ${settings.holdSeconds}s`,
    // An address that has left an answer is not used again.
    "  hold obsolete 0s",
    // A DNS server that fails says nothing about the pods.
    "  hold other 1h",
    "  hold refused 1h",
    "  hold timeout 1h",
    "",
    "frontend status",
    "  mode http",
    `  bind *:${statusPort}`,
    "  timeout client 5s",
    "  no log",
    `  monitor-uri ${statusPath}`,
    "  http-request return status 404",
    "",
  ];
}

/** Ciphers of TLS 1.2; those of TLS 1.3 are all good. */
const ciphers = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
];

/** Files of an HAProxy's ConfigMap. */
export function haproxyFiles(configuration: string): Record<string, string> {
  return {
    "haproxy.cfg": configuration,
    "start.sh": fs.readFileSync(path.join(__dirname, "scripts", "haproxy.sh"), "utf8"),
  };
}

/** An HAProxy pod. */
export interface HaproxyPodPlan {
  /** Service and process that it is. */
  service: string;
  process: string;
  /** Name of the ConfigMap with `haproxyFiles`. */
  config: pulumi.Input<string>;
  /** Further volumes. @default none */
  volumes?: Record<string, VolumePlan>;
  /** Where they are seen. @default nowhere */
  mounts?: readonly MountPlan[];
  /** Seconds that it may take to end. */
  gracePeriod: number;
}

/** The pod of an HAProxy, which follows the same rules as any API's. */
export function haproxyPod(context: CloudContext, plan: HaproxyPodPlan): PodPlan {
  const entry = context.entry("haproxy");
  return {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: plan.process,
        image: context.image("haproxy"),
        command: [
          ...(entry.programs["sh"] ?? ["/bin/sh"]),
          `${configDirectory}/start.sh`,
          ...(entry.programs["haproxy"] ?? ["haproxy"]),
          "-db",
          "-f",
          `${configDirectory}/haproxy.cfg`,
        ],
        port: statusPort,
        readiness: http(statusPath),
        liveness: http(statusPath),
        mounts: [{ volume: "config", path: configDirectory }, ...(plan.mounts ?? [])],
        size: context.size(plan.service, plan.process),
      },
    ],
    volumes: { config: { kind: "configMap", name: plan.config }, ...plan.volumes },
    stopPause: context.stopPause,
    gracePeriod: plan.gracePeriod,
    spread: { selector: selectorOf(context.cloud, plan.service, plan.process), perTemplate: true },
  };
}
