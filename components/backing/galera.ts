import * as fs from "node:fs";
import * as path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { argumentVector, entryPath } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { hashedConfigMap } from "../kit/hashed";
import { labelsOf, selectorOf } from "../kit/labels";
import { type Peer, type PeerPods, workloadPolicy } from "../kit/network-policy";
import { passwordShape } from "../kit/password";
import type { PodPlan } from "../kit/pod";
import { exec } from "../kit/probes";
import { quantity } from "../kit/sizes";
import { deploymentSpec, disruptionBudget, memberSetSpec, serviceSpec } from "../kit/workload";
import { haproxyFiles, haproxyPod } from "../platform/haproxy";
import {
  databasePort,
  memberConfiguration,
  memberPorts,
  proxyConfiguration,
  proxyStopSeconds,
  statePort,
} from "./galera-config";

const service = "mariadb";
const server = "server";
const proxy = "proxy";
/** Service whose name means all members, whether they are ready or not. */
const membersService = "mariadb-members";
/** Service, and host name, of the member that takes the writes. */
const writerService = "mariadb";
const adminSecret = "mariadb-admin";

const scripts = ["galera-start.sh", "galera-library.sh", "galera-ready.sh", "galera-alive.sh"];
/** Where members find configuration and scripts, their number, and the password of `admin`. */
const places = {
  config: "/etc/stratiform/mariadb",
  members: "/etc/stratiform/members",
  admin: "/etc/stratiform/admin",
};
/** For sorting, and for copies on their way to another member: on disk, since they may be large. */
const scratch = "/var/tmp/mariadb";
/** Seconds that a member has for an orderly stop, after which it need not look how far its data reach. */
const stopSeconds = 180;
/** Seconds between saying that it leaves and leaving: enough for every proxy to have asked twice. */
const leavePause = 3;

/** How services reach the database. */
export interface DatabaseServer {
  /** Host name that means the one member that takes the writes. */
  host: string;
  /** Port. */
  port: number;
  /** Secret in the cloud's namespace whose key `password` is the password of the user `admin`. */
  adminSecret: string;
  /** What those who use it wait for. */
  resources: pulumi.Resource[];
}

/** Arguments of `Galera`. */
export interface GaleraArgs {
  /** The cloud that it belongs to. */
  context: CloudContext;
  /** Storage class of the members' volumes. */
  storageClass: pulumi.Input<string>;
  /** Who may connect to it. */
  clients: readonly Peer[];
}

/** What the parts of one database share while they are made. */
interface Build {
  name: string;
  context: CloudContext;
  parent: pulumi.Resource;
}

/**
 * MariaDB as a Galera cluster: every member has all data. One member is a cluster of one, so that going to three is an
 * edit. Members find out by themselves who begins, whatever of them was stopped and how: see scripts/galera-start.sh.
 * Go down in members only while all are ready.
 */
export class Galera extends pulumi.ComponentResource {
  /** How services reach it. */
  public readonly server: DatabaseServer;
  /** Is there when Kubernetes has been asked for the members, or is just being asked. */
  public readonly asked: pulumi.Resource;

  constructor(name: string, args: GaleraArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:Galera", name, {}, opts);
    const { context } = args;
    const build: Build = { name, context, parent: this };
    const policies = layPolicies(build, args.clients);
    const { members, asked } = layMembers(build, args.storageClass, policies);
    this.asked = asked;
    const front = layProxy(build, policies);
    this.server = {
      host: `${writerService}.${context.namespace}.svc.${context.dnsDomain}`,
      port: databasePort,
      adminSecret,
      resources: [members, ...front],
    };
    this.registerOutputs({});
  }
}

/** Members are reached by each other, and by the proxy for data and state; the proxy by the clients. */
function layPolicies({ name, context, parent }: Build, clients: readonly Peer[]): pulumi.Resource[] {
  const { cloud, namespace } = context;
  const members = { service, process: server };
  const toMembers = (peer: PeerPods, ports: readonly number[]): k8s.types.input.networking.v1.NetworkPolicySpec =>
    workloadPolicy({
      cloud,
      ...members,
      ingressFrom: [peer],
      ingressPorts: ports,
      egressTo: [{ ...members, ports: memberPorts }],
    });
  const among = toMembers(members, memberPorts);
  const fromProxy = toMembers({ service, process: proxy }, [databasePort, statePort]);
  const policy = (
    process: string,
    spec: k8s.types.input.networking.v1.NetworkPolicySpec,
  ): k8s.networking.v1.NetworkPolicy =>
    new k8s.networking.v1.NetworkPolicy(
      `${name}-${process}`,
      { metadata: { name: `${service}-${process}`, namespace }, spec },
      context.inNamespace(parent),
    );
  return [
    policy(server, {
      ...among,
      ingress: pulumi
        .all([among.ingress, fromProxy.ingress])
        .apply(([left, right]) => [...(left ?? []), ...(right ?? [])]),
    }),
    policy(
      proxy,
      workloadPolicy({
        cloud,
        service,
        process: proxy,
        ingressFrom: clients,
        ingressPorts: [databasePort],
        egressTo: [{ ...members, ports: [databasePort, statePort] }],
      }),
    ),
  ];
}

function layMembers(
  build: Build,
  storageClass: pulumi.Input<string>,
  policies: pulumi.Resource[],
): { members: pulumi.Resource; asked: pulumi.Resource } {
  const { name, context, parent } = build;
  const { cloud, namespace } = context;
  const size = context.size(service, server);
  const selector = selectorOf(cloud, service, server);
  const password = new random.RandomPassword(`${name}-admin`, passwordShape, { parent, protect: context.protect });
  const secret = new k8s.core.v1.Secret(
    `${name}-admin`,
    { metadata: { name: adminSecret, namespace }, stringData: { password: password.result } },
    context.inNamespace(parent),
  );
  const found = new k8s.core.v1.Service(
    `${name}-members`,
    {
      metadata: { name: membersService, namespace, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: serviceSpec({ selector, ports: { mariadb: databasePort }, headless: true, publishNotReady: true }),
    },
    context.inNamespace(parent),
  );
  const config = hashedConfigMap(`${name}-server`, "mariadb-server", memberFiles(context), context, parent);
  if (size.replicas > 1) {
    budget(build, server, selector);
  }
  const dependsOn = [...policies, secret, found, config];
  const members = new k8s.apps.v1.StatefulSet(
    `${name}-server`,
    {
      metadata: { name: service, namespace },
      spec: memberSetSpec({
        labels: labelsOf(cloud, service, server),
        selector,
        serviceName: membersService,
        replicas: size.replicas,
        pod: memberPod(context, config.metadata.name),
        storageClass,
        storage: size.storage ?? "10Gi",
        keep: context.protect,
      }),
    },
    context.workload(parent, { protect: context.protect, dependsOn }),
  );
  // Not in the pods' template, so that their number can change without a roll. The pods wait for it until it is there.
  const asked = new k8s.core.v1.ConfigMap(
    `${name}-members`,
    { metadata: { name: membersService, namespace }, data: { count: String(size.replicas) } },
    context.inNamespace(parent, { dependsOn }),
  );
  return { members, asked };
}

function budget({ name, context, parent }: Build, process: string, selector: Record<string, string>): void {
  new k8s.policy.v1.PodDisruptionBudget(
    `${name}-${process}`,
    {
      metadata: { name: `${service}-${process}`, namespace: context.namespace },
      spec: disruptionBudget(selector),
    },
    context.inNamespace(parent),
  );
}

function memberFiles(context: CloudContext): Record<string, string> {
  const entry = context.entry(service);
  const { memory, memoryLimit } = context.size(service, server);
  const read = (file: string): string => fs.readFileSync(path.join(__dirname, "scripts", file), "utf8");
  return {
    ...Object.fromEntries(scripts.map((file) => [file, read(file)])),
    "my.cnf": memberConfiguration({
      cloud: context.cloud,
      data: entryPath(service, entry, "data"),
      run: entryPath(service, entry, "run"),
      scratch,
      galera: entryPath(service, entry, "galera"),
      memory: Math.min(quantity(memory), quantity(memoryLimit ?? memory)),
      durable: context.protect,
    }),
  };
}

function memberPod(context: CloudContext, config: pulumi.Input<string>): PodPlan {
  const entry = context.entry(service);
  const size = context.size(service, server);
  const sh = argumentVector(service, entry, ["sh"]);
  const script = (file: string): string[] => [...sh, `${places.config}/${file}`];
  const run = entryPath(service, entry, "run");
  return {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: server,
        image: context.image(service),
        command: script("galera-start.sh"),
        env: {
          MEMBERS_FILE: `${places.members}/count`,
          MEMBERS_SERVICE: `${membersService}.${context.namespace}.svc.${context.dnsDomain}`,
          DATA: entryPath(service, entry, "data"),
          RUN: run,
          CONFIG: `${places.config}/my.cnf`,
          PASSWORD_FILE: `${places.admin}/password`,
          TEMPLATE: entry.paths["template"] ?? "",
          LEAVE_PAUSE: String(leavePause),
          MARIADBD: argumentVector(service, entry, ["mariadbd"]).join(" "),
          MARIADB: argumentVector(service, entry, ["mariadb"]).join(" "),
          MARIADB_ADMIN: argumentVector(service, entry, ["mariadb-admin"]).join(" "),
          INSTALL_DB: (entry.programs["mariadb-install-db"] ?? ["mariadb-install-db"]).join(" "),
          SOCAT: argumentVector(service, entry, ["socat"]).join(" "),
        },
        fields: { POD_NAME: "metadata.name", POD_IP: "status.podIP" },
        port: databasePort,
        // Written by the first process, which asks the server every second.
        readiness: exec(...script("galera-ready.sh")),
        liveness: exec(...script("galera-alive.sh")),
        mounts: [
          { volume: "data", path: entryPath(service, entry, "data") },
          { volume: "config", path: places.config },
          { volume: "members", path: places.members },
          { volume: "admin", path: places.admin },
        ],
        size,
      },
    ],
    volumes: {
      // The StatefulSet puts each member's own claim in its place.
      data: { kind: "claim", name: "data" },
      config: { kind: "configMap", name: config },
      members: { kind: "configMap", name: membersService },
      admin: { kind: "secret", name: adminSecret },
    },
    scratch: [run, { path: scratch, disk: true, size: "10Gi" }],
    gracePeriod: stopSeconds,
    spread: { selector: selectorOf(context.cloud, service, server), strict: true },
  };
}

/** The proxy, the name it is found by, and how many of it may be away at once. */
function layProxy(build: Build, policies: pulumi.Resource[]): pulumi.Resource[] {
  const { name, context, parent } = build;
  const { cloud, namespace } = context;
  const size = context.size(service, proxy);
  const selector = selectorOf(cloud, service, proxy);
  const members = Array.from(
    { length: context.size(service, server).replicas },
    (_, member) => `${service}-${member}.${membersService}.${namespace}.svc.${context.dnsDomain}`,
  );
  const files = haproxyFiles(proxyConfiguration(members, { threads: size.workers }));
  const config = hashedConfigMap(`${name}-proxy`, "mariadb-proxy", files, context, parent);
  const pods = new k8s.apps.v1.Deployment(
    `${name}-proxy`,
    {
      metadata: { name: `${service}-${proxy}`, namespace },
      spec: deploymentSpec({
        labels: labelsOf(cloud, service, proxy),
        selector,
        replicas: size.replicas,
        pod: haproxyPod(context, {
          service,
          process: proxy,
          config: config.metadata.name,
          gracePeriod: proxyStopSeconds + 5,
        }),
      }),
    },
    context.workload(parent, { dependsOn: policies }),
  );
  const found = new k8s.core.v1.Service(
    `${name}-proxy`,
    {
      metadata: { name: writerService, namespace, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: serviceSpec({ selector, ports: { mariadb: databasePort } }),
    },
    context.inNamespace(parent),
  );
  if (size.replicas > 1) {
    budget(build, proxy, selector);
  }
  return [pods, found];
}
