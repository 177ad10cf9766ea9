import * as fs from "node:fs";
import * as path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector, entryPath } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { hashedConfigMap } from "../kit/hashed";
import { labelsOf, selectorOf } from "../kit/labels";
import { type Peer, workloadPolicy } from "../kit/network-policy";
import type { PodPlan } from "../kit/pod";
import { exec } from "../kit/probes";
import { deploymentSpec, disruptionBudget, memberSetSpec, serviceSpec } from "../kit/workload";
import { Authority } from "../platform/authority";
import { type OvnDatabase, ovnDatabases, ovnFacts, ovnService, ovnTlsDirectory, ovnTlsSecret } from "./ovn-facts";

const northd = "northd";
const scripts = ["ovn-start.sh", "ovn-ready.sh"];
const scriptsDirectory = "/etc/stratiform/scripts";
const databases = Object.keys(ovnDatabases) as OvnDatabase[];

/** Arguments of `Ovn`. */
export interface OvnArgs {
  /** The cloud that it belongs to. */
  context: CloudContext;
  /** Storage class of the databases' volumes. */
  storageClass: pulumi.Input<string>;
  /** Who may connect to the databases, northd and the members themselves aside. */
  clients: Record<OvnDatabase, readonly Peer[]>;
}

/** What the parts share while they are made. */
interface Build {
  name: string;
  context: CloudContext;
  parent: pulumi.Resource;
}

/**
 * OVN's databases and northd. Each database is a raft cluster from its first member on, so that going to three is an
 * edit. They are reached from the hosts' network, where no policy tells one process from another: so they listen with
 * TLS only, and take only clients with a certificate of an authority that signs nothing else.
 */
export class Ovn extends pulumi.ComponentResource {
  /** What those who need it wait for. */
  public readonly resources: pulumi.Resource[];
  /** What pods that connect to it mount, in both namespaces. */
  public readonly credentials: pulumi.Resource[];

  constructor(name: string, args: OvnArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:Ovn", name, {}, opts);
    const { context } = args;
    const build: Build = { name, context, parent: this };
    this.credentials = layCredentials(build);
    const texts = Object.fromEntries(
      scripts.map((file) => [file, fs.readFileSync(path.join(__dirname, "scripts", file), "utf8")]),
    );
    const config = hashedConfigMap(`${name}-scripts`, "ovn-scripts", texts, context, this);
    const members = databases.map((database) => {
      const policy = layDatabasePolicy(build, database, args.clients[database]);
      return layDatabase(build, database, config.metadata.name, args.storageClass, [...this.credentials, policy]);
    });
    const translator = layNorthd(build, this.credentials);
    this.resources = [...members, translator];
    this.registerOutputs({});
  }
}

/** One certificate for databases and clients: OVSDB's TLS knows who may connect, and tells no more. */
function layCredentials({ name, context, parent }: Build): pulumi.Resource[] {
  const authority = new Authority(
    `${name}-authority`,
    { cloud: `${context.cloud}: OVN`, protect: context.protect },
    { parent },
  );
  const leaf = authority.issue(name, [ovnService], ["server_auth", "client_auth"]);
  const secret = (suffix: string, namespace: string, options: pulumi.CustomResourceOptions): k8s.core.v1.Secret =>
    new k8s.core.v1.Secret(
      `${name}${suffix}`,
      {
        // Its name stays, so that pods see a renewed certificate; OVN's programs look for one by themselves.
        metadata: { name: ovnTlsSecret, namespace },
        stringData: pulumi.secret({
          "ca.crt": authority.certificate,
          "tls.crt": leaf.certificate,
          "tls.key": leaf.privateKey,
        }),
      },
      options,
    );
  return [
    secret("", context.namespace, context.inNamespace(parent)),
    secret("-node", context.nodeNamespace, context.inNodeNamespace(parent)),
  ];
}

function layDatabasePolicy(
  { name, context, parent }: Build,
  database: OvnDatabase,
  clients: readonly Peer[],
): k8s.networking.v1.NetworkPolicy {
  const { port, clusterPort } = ovnDatabases[database];
  const members = { service: ovnService, process: database };
  const base = { cloud: context.cloud, ...members };
  const fromClients = workloadPolicy({
    ...base,
    ingressFrom: [{ service: ovnService, process: northd }, ...clients],
    ingressPorts: [port],
    egressTo: [{ ...members, ports: [port, clusterPort] }],
  });
  const fromMembers = workloadPolicy({ ...base, ingressFrom: [members], ingressPorts: [port, clusterPort] });
  return new k8s.networking.v1.NetworkPolicy(
    `${name}-${database}`,
    {
      metadata: { name: `${ovnService}-${database}`, namespace: context.namespace },
      spec: {
        ...fromClients,
        ingress: pulumi
          .all([fromClients.ingress, fromMembers.ingress])
          .apply(([left, right]) => [...(left ?? []), ...(right ?? [])]),
      },
    },
    context.inNamespace(parent),
  );
}

function layDatabase(
  build: Build,
  database: OvnDatabase,
  config: pulumi.Input<string>,
  storageClass: pulumi.Input<string>,
  dependsOn: pulumi.Resource[],
): k8s.apps.v1.StatefulSet {
  const { name, context, parent } = build;
  const { cloud, namespace } = context;
  const size = context.size(ovnService, database);
  const selector = selectorOf(cloud, ovnService, database);
  const metadata = { name: `${ovnService}-${database}`, namespace };
  const found = new k8s.core.v1.Service(
    `${name}-${database}`,
    {
      metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: serviceSpec({
        selector,
        ports: { ovsdb: ovnDatabases[database].port },
        headless: true,
        // A member binds to the address that its own name means.
        publishNotReady: true,
      }),
    },
    context.inNamespace(parent),
  );
  if (size.replicas > 1) {
    new k8s.policy.v1.PodDisruptionBudget(
      `${name}-${database}`,
      { metadata, spec: disruptionBudget(selector) },
      context.inNamespace(parent),
    );
  }
  return new k8s.apps.v1.StatefulSet(
    `${name}-${database}`,
    {
      metadata,
      spec: memberSetSpec({
        labels: labelsOf(cloud, ovnService, database),
        selector,
        serviceName: metadata.name,
        replicas: size.replicas,
        pod: databasePod(context, database, config),
        storageClass,
        storage: size.storage ?? "1Gi",
        keep: context.protect,
      }),
    },
    context.workload(parent, { protect: context.protect, dependsOn: [...dependsOn, found] }),
  );
}

function databasePod(context: CloudContext, database: OvnDatabase, config: pulumi.Input<string>): PodPlan {
  const entry = context.entry(ovnService);
  const { port, clusterPort, schema } = ovnDatabases[database];
  const program = (name: string): string => argumentVector(ovnService, entry, [name]).join(" ");
  const script = (file: string): string[] => [
    ...argumentVector(ovnService, entry, ["sh"]),
    `${scriptsDirectory}/${file}`,
  ];
  const state = entryPath(ovnService, entry, "state");
  const run = entryPath(ovnService, entry, "run");
  return {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: database,
        image: context.image(ovnService),
        command: script("ovn-start.sh"),
        env: {
          DATABASE: schema,
          SCHEMA: entryPath(ovnService, entry, `${database}Schema`),
          SET: `${ovnService}-${database}`,
          DOMAIN: `${context.namespace}.svc.${context.dnsDomain}`,
          PORT: String(port),
          CLUSTER_PORT: String(clusterPort),
          STATE: state,
          RUN: run,
          TLS: ovnTlsDirectory,
          OVSDB_TOOL: program("ovsdb-tool"),
          OVSDB_CLIENT: program("ovsdb-client"),
          OVSDB_SERVER: program("ovsdb-server"),
          APPCTL: program("ovs-appctl"),
        },
        fields: { POD_NAME: "metadata.name" },
        port,
        readiness: exec(...script("ovn-ready.sh"), "member"),
        liveness: exec(...script("ovn-ready.sh"), "answers"),
        mounts: [
          { volume: "data", path: state },
          { volume: "scripts", path: scriptsDirectory },
          { volume: "tls", path: ovnTlsDirectory },
        ],
        size: context.size(ovnService, database),
      },
    ],
    volumes: {
      // The StatefulSet puts each member's own claim in its place.
      data: { kind: "claim", name: "data" },
      scripts: { kind: "configMap", name: config },
      tls: { kind: "secret", name: ovnTlsSecret },
    },
    scratch: [run],
    spread: { selector: selectorOf(context.cloud, ovnService, database), strict: true },
  };
}

/** northd, which turns the one database into the other. Of several one works, and the others wait. */
function layNorthd({ name, context, parent }: Build, dependsOn: pulumi.Resource[]): k8s.apps.v1.Deployment {
  const { cloud, namespace } = context;
  const metadata = { name: `${ovnService}-${northd}`, namespace };
  const policy = new k8s.networking.v1.NetworkPolicy(
    `${name}-${northd}`,
    {
      metadata,
      spec: workloadPolicy({
        cloud,
        service: ovnService,
        process: northd,
        egressTo: databases.map((database) => ({
          service: ovnService,
          process: database,
          ports: [ovnDatabases[database].port],
        })),
      }),
    },
    context.inNamespace(parent),
  );
  return new k8s.apps.v1.Deployment(
    `${name}-${northd}`,
    {
      metadata,
      spec: deploymentSpec({
        labels: labelsOf(cloud, ovnService, northd),
        selector: selectorOf(cloud, ovnService, northd),
        replicas: context.size(ovnService, northd).replicas,
        pod: northdPod(context),
      }),
    },
    context.workload(parent, { dependsOn: [...dependsOn, policy] }),
  );
}

function northdPod(context: CloudContext): PodPlan {
  const entry = context.entry(ovnService);
  const run = entryPath(ovnService, entry, "run");
  const control = `${run}/ovn-northd.ctl`;
  const facts = ovnFacts(context.cloud, context.dnsDomain, {
    northbound: context.size(ovnService, "northbound").replicas,
    southbound: context.size(ovnService, "southbound").replicas,
  });
  // It answers whether it works or waits.
  const status = exec(...argumentVector(ovnService, entry, ["ovn-appctl", "-t", control, "status"]));
  return {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: northd,
        image: context.image(ovnService),
        command: argumentVector(ovnService, entry, [
          "ovn-northd",
          `--ovnnb-db=${facts.northbound}`,
          `--ovnsb-db=${facts.southbound}`,
          `--private-key=${facts.privateKey}`,
          `--certificate=${facts.certificate}`,
          `--ca-cert=${facts.caCertificate}`,
          `--unixctl=${control}`,
          ...["-vconsole:info", "-vsyslog:off", "-vfile:off"],
        ]),
        readiness: status,
        liveness: status,
        mounts: [{ volume: "tls", path: ovnTlsDirectory }],
        size: context.size(ovnService, northd),
      },
    ],
    volumes: { tls: { kind: "secret", name: ovnTlsSecret } },
    scratch: [run],
    spread: { selector: selectorOf(context.cloud, ovnService, northd), perTemplate: true },
  };
}
