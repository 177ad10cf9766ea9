import ipaddr from "ipaddr.js";
import type { HostFacts } from "../cluster/args";
import { interfaceName } from "../cluster/validate-hosts";
import { checkNetwork, isAddress, type Network, overlap, parseNetwork } from "../cluster/validate-networks";
import { listed, proposal } from "../kit/proposal";
import { endpointAddresses } from "../platform/validate-endpoint";
import type { CloudPlanArgs } from "./args";
import type { ServiceDefinition } from "./definition";
import { Datapath, type ExternalNetworkArgs, Virtualization } from "./network-args";
import { hostNames, networkDefaults, networkFacts } from "./networks-plan";

/**
 * Smallest and largest packet between hosts, in bytes: virtual machines get what tunnel (58) and underlay (50) leave of it,
 * and IPv6 needs 1280; 9216 is what switches with jumbo frames carry.
 */
const mtuLimits = { smallest: 1388, largest: 9216 };

/** Shortest and longest prefix of the tunnels' own network: every host has the last bits of its address there. */
const tunnelPrefixes = { shortest: 8, longest: 24 };

const externalExample = "203.0.113.0/24";

/** What of a cluster the cloud's networks must stay clear of. */
export interface NetworkSurroundings {
  /** Pod network in CIDR form. */
  podNetwork: string;
  /** Service network in CIDR form. */
  serviceNetwork: string;
  /** Virtual IP of the Kubernetes API. @default none */
  virtualIp?: string;
}

/** An address that somebody has, and who. */
interface TakenAddress {
  address: string;
  owner: string;
}

function oneOf(path: string, value: string | undefined, known: string[]): string[] {
  return value === undefined || known.includes(value)
    ? []
    : [`${path}: unknown value ${value}; ${proposal(value, known)}`];
}

function number(address: string): number {
  return ipaddr.IPv4.parse(address).octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** First and last address of a range `a-b`; undefined if it is none. */
export function rangeOf(text: string): [string, string] | undefined {
  const [first = "", last = "", ...more] = text.split("-").map((part) => part.trim());
  return more.length === 0 && isAddress(first) && isAddress(last) && number(first) <= number(last)
    ? [first, last]
    : undefined;
}

/** Addresses of the API endpoints. */
function addressesOfEndpoints(args: CloudPlanArgs): TakenAddress[] {
  return endpointAddresses(args.endpoint).map((address) => ({ address, owner: "an address of the endpoints" }));
}

/** Addresses of a range that somebody has already. */
function rangeProblems([first, last]: [string, string], taken: readonly TakenAddress[]): string[] {
  return taken
    .filter(({ address }) => number(first) <= number(address) && number(address) <= number(last))
    .map(({ address, owner }) => `networks.external.range: contains ${address}, ${owner}; leave it out`);
}

function externalProblems(external: ExternalNetworkArgs, args: CloudPlanArgs): string[] {
  const hosts = args.hosts ?? [];
  const problems: string[] = [];
  const at = "networks.external";
  const network = checkNetwork(`${at}.cidr`, external.cidr, problems, externalExample);
  const inside = (address: string): boolean => network === undefined || ipaddr.IPv4.parse(address).match(network);
  if (!isAddress(external.gateway) || !inside(external.gateway)) {
    problems.push(`${at}.gateway: "${external.gateway}" is no address of ${external.cidr}; write that of its router`);
  }
  const range = rangeOf(external.range);
  if (range === undefined || !range.every(inside)) {
    problems.push(
      `${at}.range: "${external.range}" is no range of addresses of ${external.cidr}; write first and last, such as "203.0.113.100-203.0.113.199"`,
    );
  } else {
    const gateway = isAddress(external.gateway) ? [{ address: external.gateway, owner: "the gateway" }] : [];
    const ofHosts = hosts.map((host) => ({ address: host.address, owner: `the address of host ${host.name}` }));
    problems.push(...rangeProblems(range, [...gateway, ...ofHosts, ...addressesOfEndpoints(args)]));
  }
  if (external.interface !== undefined && !interfaceName.test(external.interface)) {
    problems.push(`${at}.interface: "${external.interface}" is not an interface's name; write one such as "eth1"`);
  }
  return [...problems, ...gatewayProblems(external, hosts)];
}

/** Whether there are gateway hosts, and each has an interface to the external network. */
function gatewayProblems(external: ExternalNetworkArgs, hosts: readonly HostFacts[]): string[] {
  const gateways = hosts.filter((host) => hostNames(hosts, "gateway").includes(host.name));
  if (gateways.length === 0) {
    return [
      "networks.external: no host carries its traffic; give a host the role gateway, and the interface that leads there as interfaces.provider",
    ];
  }
  return gateways.flatMap((host) => {
    const provider = host.providerInterface ?? external.interface;
    if (provider === undefined) {
      return [
        `networks.external.interface: is missing, and gateway host ${host.name} states no interface of its own (interfaces.provider); set one of them`,
      ];
    }
    // It becomes a port of a bridge, where an address answers no more.
    return provider === host.tunnelInterface
      ? [
          `networks.external.interface: host ${host.name} has ${provider} for its tunnels too (interfaces.tunnel); give each an interface of its own`,
        ]
      : [];
  });
}

function tunnelProblems(args: CloudPlanArgs): string[] {
  const problems: string[] = [];
  const tunnel = args.networks?.tunnel ?? {};
  const { smallest, largest } = mtuLimits;
  const mtu = tunnel.mtu ?? networkDefaults.mtu;
  if (!Number.isInteger(mtu) || mtu < smallest || mtu > largest) {
    problems.push(
      `networks.tunnel.mtu: ${mtu} is not possible; write a whole number between ${smallest} and ${largest}`,
    );
  }
  problems.push(...oneOf("networks.tunnel.type", tunnel.type, ["geneve"]));
  const cidr = tunnel.cidr ?? networkDefaults.tunnelCidr;
  const network = checkNetwork("networks.tunnel.cidr", cidr, problems, networkDefaults.tunnelCidr);
  if (network === undefined) {
    return problems;
  }
  const { shortest, longest } = tunnelPrefixes;
  if (network[1] < shortest || network[1] > longest) {
    problems.push(
      `networks.tunnel.cidr: a /${network[1]} is not possible; use a prefix between /${shortest} and /${longest}`,
    );
    return problems;
  }
  return [
    ...problems,
    ...tunnelOverlaps(args, network),
    ...tunnelAddresses(addressesOfEndpoints(args), network),
    ...sharedTunnelAddresses(args.hosts ?? [], network[1]),
  ];
}

function tunnelOverlaps(args: CloudPlanArgs, tunnel: Network): string[] {
  const others = [
    ...(args.networks?.external === undefined ? [] : [["networks.external.cidr", args.networks.external.cidr]]),
    ...networkFacts(args).hosts.map((cidr) => ["the hosts' network", cidr]),
  ] as [string, string][];
  return others.flatMap(([name, cidr]) => {
    const network = parseNetwork(cidr);
    return network !== undefined && overlap(tunnel, network)
      ? [`networks.tunnel.cidr: overlaps ${name}, ${cidr}; choose a network that nobody uses`]
      : [];
  });
}

/** Addresses inside the tunnels' network; those of hosts are found by their networks. */
function tunnelAddresses(taken: readonly TakenAddress[], tunnel: Network): string[] {
  return taken
    .filter(({ address }) => ipaddr.IPv4.parse(address).match(tunnel))
    .map(
      ({ address, owner }) => `networks.tunnel.cidr: contains ${address}, ${owner}; choose a network that nobody uses`,
    );
}

/** Hosts whose addresses end alike would have one tunnel address. */
function sharedTunnelAddresses(hosts: readonly HostFacts[], prefix: number): string[] {
  const ending = (host: HostFacts): number => number(host.address) % 2 ** (32 - prefix);
  return hosts.flatMap((host, index) => {
    const twin = hosts.slice(0, index).find((other) => ending(other) === ending(host));
    return twin === undefined
      ? []
      : [
          `networks.tunnel.cidr: hosts ${twin.name} and ${host.name} would have the same address in a /${prefix}, as that ends like the host's; use a shorter prefix`,
        ];
  });
}

function hostNetworkProblems(args: CloudPlanArgs): string[] {
  const problems: string[] = [];
  const given = args.networks?.hosts;
  if (given === undefined) {
    return [];
  }
  const networks = given.map((cidr, index) => checkNetwork(`networks.hosts[${index}]`, cidr, problems, "10.20.0.0/24"));
  if (problems.length > 0) {
    return problems;
  }
  return (args.hosts ?? [])
    .filter((host) => !networks.some((network) => network && ipaddr.IPv4.parse(host.address).match(network)))
    .map(
      (host) => `networks.hosts: none of them holds ${host.address}, the address of host ${host.name}; add its network`,
    );
}

/** Problems of the networks that carry the virtual machines' traffic, and of how these are run. */
export function cloudNetworkProblems(args: CloudPlanArgs): string[] {
  const { networks, compute } = args;
  const badAddresses = (args.hosts ?? []).flatMap((host, index) =>
    isAddress(host.address)
      ? []
      : [`hosts[${index}].address: "${host.address}" is not an IPv4 address; write one such as "10.20.0.11"`],
  );
  if (badAddresses.length > 0) {
    return badAddresses;
  }
  return [
    ...(networks?.external === undefined ? [] : externalProblems(networks.external, args)),
    ...tunnelProblems(args),
    ...hostNetworkProblems(args),
    ...oneOf("networks.datapath", networks?.datapath, Object.values(Datapath)),
    ...oneOf("compute.virtualization", compute?.virtualization, Object.values(Virtualization)),
    ...(networks?.dnsServers ?? []).flatMap((server, index) =>
      isAddress(server)
        ? []
        : [`networks.dnsServers[${index}]: "${server}" is not an IPv4 address; write one such as "9.9.9.9"`],
    ),
  ];
}

/** Problems of the cloud's networks beside those of the cluster. */
export function networkPlaceProblems(
  args: CloudPlanArgs,
  { podNetwork, serviceNetwork, virtualIp }: NetworkSurroundings,
): string[] {
  const external = args.networks?.external?.cidr;
  const range = rangeOf(args.networks?.external?.range ?? "");
  const taken = virtualIp === undefined ? [] : [{ address: virtualIp, owner: "the virtual IP of the Kubernetes API" }];
  const own = [
    { path: "networks.tunnel.cidr", cidr: args.networks?.tunnel?.cidr ?? networkDefaults.tunnelCidr },
    ...(external === undefined ? [] : [{ path: "networks.external.cidr", cidr: external }]),
  ];
  const networks = [
    { name: "the pod network", cidr: podNetwork },
    { name: "the service network", cidr: serviceNetwork },
  ];
  const overlaps = own.flatMap(({ path, cidr }) =>
    networks.flatMap((other) => {
      const [left, right] = [parseNetwork(cidr), parseNetwork(other.cidr)];
      return left !== undefined && right !== undefined && overlap(left, right)
        ? [`${path}: overlaps ${other.name}, ${other.cidr}; choose a network that has no address in common with it`]
        : [];
    }),
  );
  return [...overlaps, ...(range === undefined ? [] : rangeProblems(range, taken))];
}

/** Whether there are hosts for what runs on hosts only. */
export function roleProblems(args: CloudPlanArgs, definitions: readonly ServiceDefinition[]): string[] {
  const needs = definitions.filter((one) => one.processes.some((process) => process.perNode?.hosts === "compute"));
  const names = needs.map((one) => one.name).sort();
  return names.length > 0 && hostNames(args.hosts ?? [], "compute").length === 0
    ? [
        `hosts: no host has the role "compute", and ${listed(names)} ${names.length > 1 ? "run" : "runs"} on such hosts only; give that role to one host or more`,
      ]
    : [];
}

/** Whether the hosts that a cloud is given are the cluster's, as far as the cluster names any. */
export function hostListProblems(args: CloudPlanArgs, cluster: { hosts: readonly HostFacts[] }): string[] {
  const known = new Map(cluster.hosts.map((host) => [host.name, host.address]));
  return (args.hosts ?? [])
    .filter((host) => known.size > 0 && known.get(host.name) !== host.address)
    .map(
      (host) =>
        `hosts: the cluster has no host ${host.name} with the address ${host.address}; give the hosts of the cluster's facts`,
    );
}
