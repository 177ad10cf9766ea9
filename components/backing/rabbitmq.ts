import * as fs from "node:fs";
import * as path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { argumentVector, entryPath } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { hashedConfigMap } from "../kit/hashed";
import { labelsOf, selectorOf } from "../kit/labels";
import { type Peer, workloadPolicy } from "../kit/network-policy";
import { passwordShape } from "../kit/password";
import type { PodPlan } from "../kit/pod";
import { exec } from "../kit/probes";
import { disruptionBudget, memberSetSpec, serviceSpec } from "../kit/workload";
import {
  busConfiguration,
  busMemory,
  busPort,
  distributionPorts,
  emptyDefinitions,
  fileLimit,
  memberDomain,
  membersService,
  nodePort,
  streamPorts,
} from "./rabbitmq-config";

const service = "rabbitmq";
const server = "server";
const cookieSecret = "rabbitmq-cookie";

const scripts = ["rabbitmq-start.sh", "rabbitmq-library.sh", "rabbitmq-ready.sh", "rabbitmq-alive.sh"];
/** Where members find configuration and scripts, their number, and the cookie. */
const places = {
  config: "/etc/stratiform/rabbitmq",
  members: "/etc/stratiform/members",
  cookie: "/etc/stratiform/cookie",
};
/** Home of the cookie, and what the scripts tell each other. In memory. */
const run = "/run/rabbitmq";
/** Seconds that a member has for an orderly stop. */
const stopSeconds = 60;
/** Seconds that a start may take until the port among members is open. */
const startSeconds = 120;

/** How services reach the message bus. */
export interface MessageBus {
  /** Host name that means all members that take clients. */
  host: string;
  /** Port. */
  port: number;
  /** What all members' names end in. */
  domain: string;
  /** Secret in the cloud's namespace whose key `cookie` lets its holder administer the bus. */
  cookieSecret: string;
  /** What those who use it wait for. */
  resources: pulumi.Resource[];
}

/** Arguments of `RabbitMq`. */
export interface RabbitMqArgs {
  /** The cloud that it belongs to. */
  context: CloudContext;
  /** Storage class of the members' volumes. */
  storageClass: pulumi.Input<string>;
  /** Who may connect to it. */
  clients: readonly Peer[];
  /** Who may make users: jobs that have the cookie. */
  administrators: readonly Peer[];
}

/** What the parts of one message bus share while they are made. */
interface Build {
  name: string;
  context: CloudContext;
  parent: pulumi.Resource;
}

/**
 * RabbitMQ, with queues that are agreed on by a majority of members (quorum queues, streams). Member 0 begins the cluster,
 * later ones join it and take copies of the queues that there are: see scripts/rabbitmq-start.sh. Going up in members is
 * an edit; going down is not: a member that is to leave must be forgotten by the others first.
 */
export class RabbitMq extends pulumi.ComponentResource {
  /** How services reach it. */
  public readonly bus: MessageBus;

  constructor(name: string, args: RabbitMqArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:RabbitMq", name, {}, opts);
    const { context } = args;
    const build: Build = { name, context, parent: this };
    const policy = layPolicy(build, args.clients, args.administrators);
    const members = layMembers(build, args.storageClass, [policy]);
    const found = new k8s.core.v1.Service(
      name,
      {
        metadata: {
          name: service,
          namespace: context.namespace,
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: serviceSpec({ selector: selectorOf(context.cloud, service, server), ports: { amqp: busPort } }),
      },
      context.inNamespace(this),
    );
    this.bus = {
      host: `${service}.${context.namespace}.svc.${context.dnsDomain}`,
      port: busPort,
      domain: memberDomain(context.namespace, context.dnsDomain),
      cookieSecret,
      resources: [members, found],
    };
    this.registerOutputs({});
  }
}

/** Members are reached by clients, and by each other and those who administer them at the ports of the distribution. */
function layPolicy(
  { name, context, parent }: Build,
  clients: readonly Peer[],
  administrators: readonly Peer[],
): k8s.networking.v1.NetworkPolicy {
  const members = { service, process: server };
  const policy = (from: readonly Peer[], ports: readonly number[]) =>
    workloadPolicy({
      cloud: context.cloud,
      ...members,
      ingressFrom: from,
      ingressPorts: ports,
      egressTo: [{ ...members, ports: distributionPorts }],
    });
  const ofClients = policy(clients, [busPort]);
  const ofMembers = policy([members, ...administrators], distributionPorts);
  const peers = [{ podSelector: { matchLabels: selectorOf(context.cloud, service, server) } }];
  const streams = [{ protocol: "TCP", port: streamPorts.first, endPort: streamPorts.last }];
  return new k8s.networking.v1.NetworkPolicy(
    name,
    {
      metadata: { name: service, namespace: context.namespace },
      spec: {
        ...ofMembers,
        ingress: pulumi
          .all([ofClients.ingress, ofMembers.ingress])
          .apply(([left, right]) => [...(left ?? []), ...(right ?? []), { from: peers, ports: streams }]),
        egress: pulumi.output(ofMembers.egress).apply((rules) => [...(rules ?? []), { to: peers, ports: streams }]),
      },
    },
    context.inNamespace(parent),
  );
}

function layMembers(
  build: Build,
  storageClass: pulumi.Input<string>,
  policies: pulumi.Resource[],
): k8s.apps.v1.StatefulSet {
  const { name, context, parent } = build;
  const { cloud, namespace } = context;
  const size = context.size(service, server);
  const selector = selectorOf(cloud, service, server);
  const cookie = new random.RandomPassword(`${name}-cookie`, passwordShape, { parent, protect: context.protect });
  const secret = new k8s.core.v1.Secret(
    `${name}-cookie`,
    { metadata: { name: cookieSecret, namespace }, stringData: { cookie: cookie.result } },
    context.inNamespace(parent),
  );
  // Not in the pods' template, so that their number can change without a roll. Nothing waits for it but the pods.
  new k8s.core.v1.ConfigMap(
    `${name}-members`,
    { metadata: { name: membersService, namespace }, data: { count: String(size.replicas) } },
    context.inNamespace(parent),
  );
  const found = new k8s.core.v1.Service(
    `${name}-members`,
    {
      metadata: { name: membersService, namespace, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: serviceSpec({ selector, ports: { amqp: busPort }, headless: true, publishNotReady: true }),
    },
    context.inNamespace(parent),
  );
  const config = hashedConfigMap(`${name}-server`, "rabbitmq-server", memberFiles(context), context, parent);
  if (size.replicas > 1) {
    new k8s.policy.v1.PodDisruptionBudget(
      name,
      { metadata: { name: service, namespace }, spec: disruptionBudget(selector) },
      context.inNamespace(parent),
    );
  }
  return new k8s.apps.v1.StatefulSet(
    name,
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
    context.workload(parent, { protect: context.protect, dependsOn: [...policies, secret, found] }),
  );
}

function memberFiles(context: CloudContext): Record<string, string> {
  const read = (file: string): string => fs.readFileSync(path.join(__dirname, "scripts", file), "utf8");
  return {
    ...Object.fromEntries(scripts.map((file) => [file, read(file)])),
    "rabbitmq.conf": busConfiguration({
      memory: busMemory(context.size(service, server)),
      definitions: `${places.config}/definitions.json`,
    }),
    "definitions.json": emptyDefinitions,
    // Erlang's own notation: no plugins.
    enabled_plugins: "[].\n",
  };
}

function memberPod(context: CloudContext, config: pulumi.Input<string>): PodPlan {
  const entry = context.entry(service);
  const sh = argumentVector(service, entry, ["sh"]);
  const script = (file: string): string[] => [...sh, `${places.config}/${file}`];
  const data = entryPath(service, entry, "state");
  return {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: server,
        image: context.image(service),
        command: script("rabbitmq-start.sh"),
        env: memberEnvironment(context, data),
        fields: { POD_NAME: "metadata.name" },
        port: busPort,
        readiness: exec(...script("rabbitmq-ready.sh")),
        liveness: exec(...script("rabbitmq-alive.sh")),
        startupSeconds: startSeconds,
        mounts: [
          { volume: "data", path: data },
          { volume: "config", path: places.config },
          { volume: "members", path: places.members },
          { volume: "cookie", path: places.cookie },
        ],
        size: context.size(service, server),
      },
    ],
    volumes: {
      // The StatefulSet puts each member's own claim in its place.
      data: { kind: "claim", name: "data" },
      config: { kind: "configMap", name: config },
      members: { kind: "configMap", name: membersService },
      cookie: { kind: "secret", name: cookieSecret },
    },
    scratch: [run],
    stopPause: context.stopPause,
    gracePeriod: stopSeconds,
    spread: { selector: selectorOf(context.cloud, service, server), strict: true },
  };
}

function memberEnvironment(context: CloudContext, data: string): Record<string, string> {
  const entry = context.entry(service);
  const domain = memberDomain(context.namespace, context.dnsDomain);
  const program = (name: string): string => argumentVector(service, entry, [name]).join(" ");
  return {
    HOME: run,
    BUS_RUN: run,
    BUS_DATA: data,
    BUS_DOMAIN: domain,
    BUS_MEMBERS_FILE: `${places.members}/count`,
    BUS_COOKIE_FILE: `${places.cookie}/cookie`,
    BUS_PORT: String(busPort),
    BUS_NODE_PORT: String(nodePort),
    BUS_FILE_LIMIT: String(fileLimit),
    // Also what programs that are started in the pod by hand take for their node.
    RABBITMQ_NODENAME: `rabbit@$(POD_NAME).${domain}`,
    RABBITMQ_USE_LONGNAME: "true",
    RABBITMQ_DIST_PORT: String(nodePort),
    RABBITMQ_CONFIG_FILE: `${places.config}/rabbitmq.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${places.config}/enabled_plugins`,
    RABBITMQ_MNESIA_BASE: `${data}/mnesia`,
    RABBITMQ_LOG_BASE: run,
    RABBITMQ_LOGS: "-",
    // No picture of the memory where the machine ends: it would fill the directory, and holds messages.
    ERL_CRASH_DUMP_SECONDS: "0",
    BUS_SERVER: program("rabbitmq-server"),
    BUS_CTL: program("rabbitmqctl"),
    BUS_QUEUES: program("rabbitmq-queues"),
    BUS_STREAMS: program("rabbitmq-streams"),
  };
}
