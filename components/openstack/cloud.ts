import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { Galera } from "../backing/galera";
import { Memcached } from "../backing/memcached";
import { Ovn } from "../backing/ovn";
import { type MessageBus, RabbitMq } from "../backing/rabbitmq";
import { busPort, nodePort } from "../backing/rabbitmq-config";
import type { ClusterFacts } from "../cluster/args";
import { type ImageCatalogue, imageEntry } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { debianCatalogue } from "../kit/debian-catalogue";
import { denyAll } from "../kit/network-policy";
import { passwordShape } from "../kit/password";
import { imageReference } from "../kit/release";
import { profileSettings } from "../kit/sizes";
import type { Authority } from "../platform/authority";
import { validateEndpointPlaces } from "../platform/validate-endpoint";
import type { EndpointFacts, OpenStackCloudArgs } from "./args";
import { type CloudBuild, cloudAuthority, endpointsFree, hostAliases, layEdge } from "./cloud-edge";
import { cloudsYaml } from "./clouds-yaml";
import { backingNames, connections, neededBySteps, registers, usesOvn } from "./connections";
import type { CloudFacts, ServiceDefinition, ServiceFactory } from "./definition";
import { defaults, define } from "./facts";
import { hostCertificates } from "./host-certificates";
import { identityService } from "./registration";
import { sweepJob } from "./registration-job";
import { OpenStackService } from "./service";
import { sharedSecrets } from "./service-secrets";
import { factoriesOf, validateCloud } from "./validate";
import { hostListProblems, networkPlaceProblems } from "./validate-networks";

/**
 * An OpenStack cloud on a Kubernetes cluster: authority, API edge, backing services, and the services of a release.
 *
 * Needs a Kubernetes provider: `{ provider: cluster.provider }`. Errors, all before any change: arguments that cannot be,
 * options that the release does not know, a provider that is missing.
 */
export class OpenStackCloud extends pulumi.ComponentResource {
  /** `clouds.yaml` of the administrator at the public endpoints, with the CA certificate as `ca.crt` beside it. A secret. */
  public readonly cloudsYaml: pulumi.Output<string>;
  /** Certificate of the CA that signed the endpoints' certificate, PEM; clients check it. */
  public readonly caCertificate: pulumi.Output<string>;
  /** URL of Keystone for users, with which every client begins. There when the whole cloud is. */
  public readonly endpoint: pulumi.Output<string>;
  /** All API endpoints. */
  public readonly endpoints: pulumi.Output<EndpointFacts[]>;

  /**
   * @param definitions services beside those named in `args.services`: a third party's own
   */
  constructor(
    name: string,
    args: OpenStackCloudArgs,
    opts?: pulumi.ComponentResourceOptions,
    definitions: readonly ServiceFactory[] = [],
  ) {
    const problems = validateCloud(args, definitions);
    if (problems.errors.length > 0) {
      throw new pulumi.RunError(problems.errors.join("\n"));
    }
    super("stratiform:index:OpenStackCloud", name, {}, opts);
    if (this.getProvider("kubernetes:core/v1:Namespace") === undefined) {
      throw new pulumi.RunError(
        `OpenStackCloud ${name}: has no Kubernetes provider; give it one, { provider: cluster.provider }: your own kubectl context is never used`,
      );
    }
    for (const warning of problems.warnings) {
      void pulumi.log.warn(warning, this);
    }
    const catalogue = args.catalogue ?? debianCatalogue;
    const defined = define(args, catalogue, factoriesOf(args, definitions));
    const cluster = pulumi.output(args.cluster).apply((facts) => checkFacts(args, facts));
    const build: CloudBuild = {
      name,
      args,
      cluster,
      ...defined,
      connections: connections(defined.definitions, defined.facts.networks.hosts),
    };

    const adminPassword = pulumi.secret(
      args.adminPassword ?? new random.RandomPassword(`${name}-admin`, passwordShape, { parent: this }).result,
    );
    const authority = cloudAuthority(build, this);
    const context = foundation(build, catalogue, endpointsFree(build, authority), this, opts?.deletedWith);
    const edge = layEdge(build, context, authority, this);
    const shared = { adminPassword, edge: edge.resources, authority: publishAuthority(build, context, authority) };
    const services = layServices(build, context, shared, this);
    const done = [...edge.resources, ...[...services.values()].flatMap((service) => service.done), ...setUp(services)];
    const facts = defined.facts;
    sweepJob(
      { context, name, parent: this },
      {
        ...{ facts, definitions: defined.definitions, adminPassword },
        // It takes out what nobody enters any more, so it need not wait for those who enter themselves.
        dependsOn: [...edge.resources, ...(services.get(identityService)?.answers ?? [])],
      },
    );

    this.caCertificate = authority.certificate;
    this.endpoint = pulumi
      .all(done.map((resource) => resource.urn))
      .apply(() => `${facts.endpoint("keystone", "public")}/v3`);
    this.endpoints = pulumi.output(endpointFacts(facts, defined.definitions));
    this.cloudsYaml = pulumi.secret(
      adminPassword.apply((password) =>
        cloudsYaml({
          cloud: facts.name,
          authUrl: `${facts.endpoint("keystone", "public")}/v3`,
          region: facts.region,
          username: "admin",
          password,
          project: "admin",
          endpointInterface: "public",
          caFile: "ca.crt",
        }),
      ),
    );
    this.registerOutputs({
      cloudsYaml: this.cloudsYaml,
      caCertificate: this.caCertificate,
      endpoint: this.endpoint,
      endpoints: this.endpoints,
    });
  }
}

function checkFacts(args: OpenStackCloudArgs, facts: ClusterFacts): ClusterFacts {
  const expected = args.dnsDomain ?? defaults.dnsDomain;
  if (facts.dnsDomain !== expected) {
    throw new pulumi.RunError(
      `dnsDomain: the cluster's DNS domain is ${facts.dnsDomain}, not ${expected}; set dnsDomain to it`,
    );
  }
  const problems = [
    ...validateEndpointPlaces(args.endpoint, facts).map((problem) => `endpoint${problem}`),
    ...networkPlaceProblems(args, facts),
    ...hostListProblems(args, facts),
  ];
  if (problems.length > 0) {
    throw new pulumi.RunError(problems.join("\n"));
  }
  return facts;
}

function endpointFacts(facts: CloudFacts, definitions: readonly ServiceDefinition[]): EndpointFacts[] {
  return definitions.flatMap((definition) =>
    (definition.catalog ?? []).map((entry) => ({
      service: entry.name ?? definition.name,
      type: entry.type,
      publicUrl: `${facts.endpoint(definition.name, "public")}${entry.path ?? ""}`,
      internalUrl: `${facts.endpoint(definition.name, "internal")}${entry.path ?? ""}`,
    })),
  );
}

/** Namespaces, the key of hashed names, and what everything above needs to know. */
function foundation(
  build: CloudBuild,
  catalogue: ImageCatalogue,
  free: pulumi.Output<boolean>,
  parent: pulumi.Resource,
  deletedWith: pulumi.Resource | undefined,
): CloudContext {
  const { args, facts, name } = build;
  const settings = profileSettings(args.profile ?? defaults.profile);
  const namespace = (part: string, level: "restricted" | "privileged"): k8s.core.v1.Namespace =>
    new k8s.core.v1.Namespace(
      `${name}${part}`,
      { metadata: { name: free.apply(() => `${facts.name}${part}`), labels: podSecurity(level) } },
      { parent, protect: settings.protect, ...(deletedWith === undefined ? {} : { deletedWith }) },
    );
  const space = namespace("", "restricted");
  // Made only where something needs it, and once.
  let nodeSpace: k8s.core.v1.Namespace | undefined;
  const nodes = (): k8s.core.v1.Namespace => {
    nodeSpace ??= namespace("-node", "privileged");
    return nodeSpace;
  };
  const context: CloudContext = {
    cloud: facts.name,
    namespace: facts.name,
    nodeNamespace: `${facts.name}-node`,
    dnsDomain: facts.dnsDomain,
    image: (image) => imageReference(args.release, args.registry, image),
    entry: (image) => imageEntry(catalogue, image),
    size: facts.size,
    hashKey: new random.RandomId(`${name}-names`, { byteLength: 16 }, { parent }).hex,
    protect: settings.protect,
    stopPause: settings.stopPause,
    hostAliases: hostAliases(args),
    inNamespace: (owner, more) => within(space, space, owner, more),
    inNodeNamespace: (owner, more) => within(nodes(), nodes(), owner, more),
    workload: (owner, more) => within(space, deletedWith, owner, more),
    nodeWorkload: (owner, more) => within(nodes(), deletedWith, owner, more),
  };
  new k8s.networking.v1.NetworkPolicy(
    `${name}-deny`,
    { metadata: { name: "deny-all", namespace: facts.name }, spec: denyAll() },
    context.inNamespace(parent),
  );
  return context;
}

/** Options of an object in a namespace, that goes without a call of its own when `deletedWith` goes. */
function within(
  space: k8s.core.v1.Namespace,
  deletedWith: pulumi.Resource | undefined,
  parent: pulumi.Resource,
  more: pulumi.CustomResourceOptions = {},
): pulumi.CustomResourceOptions {
  return {
    parent,
    ...(deletedWith === undefined ? {} : { deletedWith }),
    ...more,
    dependsOn: [space, ...resourcesOf(more.dependsOn)],
  };
}

/**
 * The same context for objects that are made after others. Pulumi writes its state twice for each object, one after
 * another: what everything waits for longest, the database, must not stand in line behind a hundred objects of services.
 */
function laidAfter(context: CloudContext, first: pulumi.Resource): CloudContext {
  const after =
    (lay: CloudContext["inNamespace"]): CloudContext["inNamespace"] =>
    (owner, more = {}) =>
      lay(owner, { ...more, dependsOn: [first, ...resourcesOf(more.dependsOn)] });
  return {
    ...context,
    inNamespace: after(context.inNamespace),
    inNodeNamespace: after(context.inNodeNamespace),
  };
}

function resourcesOf(dependsOn: pulumi.CustomResourceOptions["dependsOn"]): pulumi.Input<pulumi.Resource>[] {
  if (dependsOn === undefined) {
    return [];
  }
  return Array.isArray(dependsOn) ? dependsOn : [dependsOn as pulumi.Resource];
}

function podSecurity(level: "restricted" | "privileged"): Record<string, string> {
  return {
    "app.kubernetes.io/part-of": "stratiform",
    "pod-security.kubernetes.io/enforce": level,
    "pod-security.kubernetes.io/warn": level,
  };
}

/** Puts the authority's certificate where its readers are. */
function publishAuthority(build: CloudBuild, context: CloudContext, authority: Authority): pulumi.Resource[] {
  const onHosts = build.definitions.some((one) => one.processes.some((process) => process.perNode !== undefined));
  return [
    authority.publish(`${build.name}-authority`, context),
    ...(onHosts ? [authority.publishForNodes(`${build.name}-authority-node`, context)] : []),
  ];
}

/** OVN, where something of the cloud uses it. */
function layOvn(build: CloudBuild, context: CloudContext, parent: pulumi.Resource): Ovn | undefined {
  const { name, cluster, definitions, connections: net } = build;
  return usesOvn(definitions)
    ? new Ovn(
        `${name}-ovn`,
        {
          context,
          storageClass: cluster.apply((facts) => facts.storageClass),
          clients: {
            northbound: net.callersOf("ovn", "northbound"),
            southbound: net.callersOf("ovn", "southbound"),
          },
        },
        { parent },
      )
    : undefined;
}

function layServices(
  build: CloudBuild,
  context: CloudContext,
  shared: { adminPassword: pulumi.Output<string>; edge: pulumi.Resource[]; authority: pulumi.Resource[] },
  parent: pulumi.Resource,
): Map<string, OpenStackService> {
  const { name, cluster, definitions, connections: net } = build;
  const galera = new Galera(
    `${name}-mariadb`,
    {
      context,
      storageClass: cluster.apply((facts) => facts.storageClass),
      clients: net.callersOf("mariadb", "proxy"),
    },
    { parent },
  );
  const memcached = new Memcached(
    `${name}-memcached`,
    { context, clients: net.callersOf("memcached", "server") },
    { parent },
  );
  const messageBus = layMessageBus(build, context, parent);
  const there = new Map<string, pulumi.Resource[]>([
    ["mariadb", galera.server.resources],
    ["memcached", memcached.resources],
    ["rabbitmq", messageBus?.resources ?? []],
  ]);
  const ovn = layOvn(build, context, parent);
  there.set("ovn", ovn?.resources ?? []);
  const certificates = hostCertificates(name, build, context, parent);
  const services = new Map<string, OpenStackService>();
  const sharedSecret = sharedSecrets(name, parent);
  const afterDatabase = laidAfter(context, galera.asked);
  for (const definition of inOrder(definitions)) {
    const needs = definition.needs ?? [];
    const neededFrom = (names: readonly string[]) => [
      ...shared.authority,
      ...(ovn?.credentials ?? []),
      ...certificates,
      ...names.flatMap((need) => there.get(need) ?? []),
    ];
    const service = new OpenStackService(
      `${name}-${definition.name}`,
      {
        context: afterDatabase,
        facts: build.facts,
        definition,
        database: galera.server,
        messageBus,
        storageClass: cluster.apply((facts) => facts.storageClass),
        connections: net,
        adminPassword: shared.adminPassword,
        identity: [...shared.edge, ...(there.get(identityService) ?? [])],
        sharedSecret,
        overrides: build.args.overrides?.[definition.name] ?? {},
        after: neededFrom(needs),
        backing: neededFrom(needs.filter((need) => backingNames.includes(need))),
        beforeSteps: [
          ...neededFrom(neededBySteps(definition)),
          // Everybody waits for Keystone: what its steps take on a busy host is not taken by others' beside them.
          ...(services.get(identityService)?.expanded ?? []),
        ],
      },
      { parent },
    );
    there.set(definition.name, service.answers);
    services.set(definition.name, service);
  }
  return services;
}

/** The message bus, where a service needs one. */
function layMessageBus(build: CloudBuild, context: CloudContext, parent: pulumi.Resource): MessageBus | undefined {
  const { name, cluster, definitions, connections: net } = build;
  if (!definitions.some((one) => one.needs?.includes("rabbitmq"))) {
    return undefined;
  }
  const rabbitmq = new RabbitMq(
    `${name}-rabbitmq`,
    {
      context,
      storageClass: cluster.apply((facts) => facts.storageClass),
      clients: net.callersOf("rabbitmq", "server", busPort),
      administrators: net.callersOf("rabbitmq", "server", nodePort),
    },
    { parent },
  );
  return rabbitmq.bus;
}

/** What definitions have the administrator do, each job when the services that it needs answer. */
function setUp(services: Map<string, OpenStackService>): pulumi.Resource[] {
  const answersOf = (service: string): pulumi.Resource[] => services.get(service)?.answers ?? [];
  return [...services.values()].flatMap((service) => service.setUp(answersOf));
}

/** Definitions in the order of their needs; who is entered into Keystone comes after it. @throws Error that names a circle */
export function inOrder(definitions: readonly ServiceDefinition[]): ServiceDefinition[] {
  const sorted: ServiceDefinition[] = [];
  const visit = (definition: ServiceDefinition, path: readonly string[]): void => {
    if (path.includes(definition.name)) {
      throw new Error(`definitions need each other in a circle: ${[...path, definition.name].join(" → ")}`);
    }
    if (sorted.includes(definition)) {
      return;
    }
    for (const need of [...(definition.needs ?? []), ...(registers(definition) ? [identityService] : [])]) {
      const needed = definitions.find((one) => one.name === need);
      if (needed !== undefined) {
        visit(needed, [...path, definition.name]);
      }
    }
    sorted.push(definition);
  };
  for (const definition of definitions) {
    visit(definition, []);
  }
  return sorted;
}
