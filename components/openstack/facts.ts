import { memcachedServers } from "../backing/memcached";
import { ovnFacts } from "../backing/ovn-facts";
import { entryPath, type ImageCatalogue, imageEntry } from "../kit/catalogue";
import { Profile } from "../kit/profile";
import { sizeOf } from "../kit/sizes";
import type { CloudPlanArgs } from "./args";
import type { CloudFacts, EndpointInterface, ServiceDefinition, ServiceFactory } from "./definition";
import { computeFacts, hostNames, hostOf, networkFacts } from "./networks-plan";

/** Path of the authority's certificate in every pod of an OpenStack service. */
export const caFile = "/etc/stratiform/ca/ca.crt";

/** Defaults of `OpenStackCloudArgs`. */
export const defaults = {
  cloudName: "openstack",
  region: "RegionOne",
  profile: Profile.Small,
  dnsDomain: "cluster.local",
} as const;

/** Host of an endpoint interface, as URLs name it. */
export function endpointHost(args: CloudPlanArgs, endpointInterface: EndpointInterface): string {
  return endpointInterface === "public" ? args.endpoint.public : (args.endpoint.internal ?? args.endpoint.public);
}

/** Address of an endpoint interface, or its name where no address is given. */
export function endpointAddress(args: CloudPlanArgs, endpointInterface: EndpointInterface): string {
  const { endpoint } = args;
  const ofPublic = endpoint.publicAddress ?? endpoint.public;
  return endpointInterface === "public" || endpoint.internal === undefined
    ? ofPublic
    : (endpoint.internalAddress ?? endpoint.internal);
}

/** What of definitions depends on nothing: names, needs, catalogue entries, ports. Its URLs mean nothing. */
export function outlineOf(
  args: CloudPlanArgs,
  catalogue: ImageCatalogue,
  factories: readonly ServiceFactory[],
): ServiceDefinition[] {
  return factories.map((factory) => factory(cloudFacts(args, catalogue, { ofService: () => 0, further: () => 0 })));
}

/**
 * Evaluates definitions for a cloud. They are evaluated twice: their catalogue entries, which depend on nothing, say
 * where endpoints are, and with these the second evaluation is made. So two services may ask for each other's.
 *
 * @throws Error if a definition asks for the endpoint of a service that the cloud does not have
 */
export function define(
  args: CloudPlanArgs,
  catalogue: ImageCatalogue,
  factories: readonly ServiceFactory[],
): { facts: CloudFacts; definitions: ServiceDefinition[] } {
  const outline = outlineOf(args, catalogue, factories);
  const service = (name: string): ServiceDefinition | undefined => outline.find((one) => one.name === name);
  const ports: EndpointPorts = {
    ofService: (name) => {
      const found = service(name)?.catalog?.[0]?.port;
      if (found === undefined) {
        throw new Error(`no enabled service ${name} has an endpoint; it is needed by another one: add it to services`);
      }
      return found;
    },
    further: (name, port) => {
      const found = service(name)?.endpointPorts?.find((one) => one.name === port)?.port;
      if (found === undefined) {
        throw new Error(`no enabled service ${name} has ${port} among its endpointPorts; add it to its definition`);
      }
      return found;
    },
  };
  const facts = cloudFacts(args, catalogue, ports);
  return { facts, definitions: factories.map((factory) => factory(facts)) };
}

/** Where endpoints are, by service. */
interface EndpointPorts {
  ofService(service: string): number;
  further(service: string, name: string): number;
}

function cloudFacts(args: CloudPlanArgs, catalogue: ImageCatalogue, ports: EndpointPorts): CloudFacts {
  const name = args.cloudName ?? defaults.cloudName;
  const dnsDomain = args.dnsDomain ?? defaults.dnsDomain;
  const size = (service: string, process: string) =>
    sizeOf(args.profile ?? defaults.profile, args.sizes ?? {}, service, process);
  return {
    name,
    region: args.region ?? defaults.region,
    dnsDomain,
    series: args.release.series,
    endpoint: (service, endpointInterface) =>
      `https://${endpointHost(args, endpointInterface)}:${ports.ofService(service)}`,
    endpointPort: (service, port, endpointInterface) =>
      `https://${endpointHost(args, endpointInterface)}:${ports.further(service, port)}`,
    memcachedServers: memcachedServers(name, dnsDomain, size("memcached", "server").replicas),
    size,
    caFile,
    path: (image, path) => entryPath(image, imageEntry(catalogue, image), path),
    networks: networkFacts(args),
    compute: computeFacts(args),
    hosts: (role) => hostNames(args.hosts ?? [], role),
    host: (host) => hostOf(args.hosts ?? [], host),
    ovn: ovnFacts(name, dnsDomain, {
      northbound: size("ovn", "northbound").replicas,
      southbound: size("ovn", "southbound").replicas,
    }),
  };
}
