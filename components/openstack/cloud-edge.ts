import * as pulumi from "@pulumi/pulumi";
import { type ClusterFacts, PreflightMode } from "../cluster/args";
import type { CloudContext } from "../kit/context";
import { refuse, valueIfKnown } from "../kit/program";
import { profileSettings } from "../kit/sizes";
import { Authority } from "../platform/authority";
import { Edge, type EdgeRoute } from "../platform/edge";
import { endpointProblems } from "../platform/endpoint-check";
import type { CloudPlanArgs, OpenStackCloudArgs } from "./args";
import { type Connections, edgeEntries } from "./connections";
import type { CloudFacts, ServiceDefinition } from "./definition";
import { defaults, endpointAddress, endpointHost } from "./facts";

/** What the parts of one cloud share while they are made. */
export interface CloudBuild {
  name: string;
  args: OpenStackCloudArgs;
  cluster: pulumi.Output<ClusterFacts>;
  facts: CloudFacts;
  definitions: ServiceDefinition[];
  connections: Connections;
}

/** Endpoint names with their addresses, for pods: no DNS server of the site need know them. */
export function hostAliases(args: CloudPlanArgs): CloudContext["hostAliases"] {
  const names = new Map<string, Set<string>>();
  for (const kind of ["public", "internal"] as const) {
    const [host, address] = [endpointHost(args, kind), endpointAddress(args, kind)];
    if (host !== address) {
      names.set(address, (names.get(address) ?? new Set()).add(host));
    }
  }
  return [...names].map(([ip, hostnames]) => ({ ip, hostnames: [...hostnames] }));
}

/**
 * Whether the endpoints' addresses are free, or this cloud's own already: an output that everything on the cluster waits
 * for, and that ends the program with all problems otherwise.
 */
export function endpointsFree(build: CloudBuild, authority: Authority): pulumi.Output<boolean> {
  const { args, connections: net } = build;
  if (pulumi.runtime.isDryRun() && args.preflight === PreflightMode.Up) {
    return pulumi.output(true);
  }
  const hosts = { public: endpointAddress(args, "public"), internal: endpointAddress(args, "internal") };
  const targets = net.edgePorts.flatMap((port) =>
    Object.entries(hosts).map(([name, host]) => ({ path: `endpoint.${name}`, host, port })),
  );
  const check = async (): Promise<boolean> => {
    const certificate = valueIfKnown(authority.certificate);
    const known = certificate.then((pem) => (pem === undefined ? [] : [pem]));
    // An edge with a certificate that somebody made elsewhere cannot be told from somebody else's after that changed.
    if (args.certificate === undefined || (await certificate) === undefined) {
      const problems = await endpointProblems(targets, known);
      if (problems.length > 0) {
        await refuse(authority, "the cloud's endpoints are not free, and nothing was changed", problems);
      }
    }
    return true;
  };
  return pulumi.output(check());
}

/** The authority that signs the endpoints' certificate: the stack's own, or a given one. */
export function cloudAuthority(build: CloudBuild, parent: pulumi.Resource): Authority {
  const { name, args, facts } = build;
  const given = args.certificate;
  return new Authority(
    `${name}-authority`,
    {
      cloud: facts.name,
      protect: profileSettings(args.profile ?? defaults.profile).protect,
      ...(given?.authority === undefined ? {} : { certificate: given.authority }),
      ...(given?.authorityPrivateKey === undefined ? {} : { privateKey: pulumi.secret(given.authorityPrivateKey) }),
    },
    { parent },
  );
}

/** The edge, with a route for every entry of the catalogue. */
export function layEdge(build: CloudBuild, context: CloudContext, authority: Authority, parent: pulumi.Resource): Edge {
  const { name, args, facts, cluster, definitions } = build;
  const hosts = [...new Set([endpointHost(args, "public"), endpointHost(args, "internal")])];
  const leaf =
    args.certificate?.certificate === undefined
      ? authority.issue(`${name}-edge`, hosts)
      : {
          certificate: pulumi.output(args.certificate.certificate),
          privateKey: pulumi.secret(args.certificate.privateKey ?? ""),
        };
  return new Edge(
    `${name}-edge`,
    {
      context,
      endpoint: args.endpoint,
      controlHosts: cluster.apply(({ hosts: all }) =>
        all.filter((host) => host.roles.includes("control")).map((host) => host.address),
      ),
      routes: definitions.flatMap((definition) => routesOf(facts, definition)),
      ...leaf,
    },
    { parent },
  );
}

/** The edge's routes to a service: one for each of its entries of the catalogue, and for each of its further ports. */
export function routesOf(facts: CloudFacts, definition: ServiceDefinition): EdgeRoute[] {
  return edgeEntries(definition).map((entry) => {
    const process = definition.processes.find((one) => one.name === entry.process);
    return {
      service: definition.name,
      process: process?.name ?? "api",
      port: entry.port,
      backendHost: `${definition.name}-${process?.name ?? "api"}.${facts.name}.svc.${facts.dnsDomain}`,
      backendPort: process?.port ?? entry.port,
      ...(process?.readiness?.kind === "http" ? { checkPath: process.readiness.path } : {}),
      repeatable: definition.repeatable ?? [],
      // One more than it has workers: so many as keep it busy, and few enough that the edge's own question does not wait.
      ...(process?.wsgi === true ? { requestsPerPod: facts.size(definition.name, process.name).workers + 1 } : {}),
    };
  });
}
