import ipaddr from "ipaddr.js";
import { dnsName, interfaceName } from "../cluster/validate-hosts";
import { isAddress } from "../cluster/validate-networks";
import { Announce, type EndpointAddressArgs } from "./args";

/** What of a cluster the endpoint addresses must stay clear of. */
export interface EndpointSurroundings {
  /** Hosts of the cluster. */
  hosts: readonly { name: string; address: string }[];
  /** Pod network in CIDR form. */
  podNetwork: string;
  /** Service network in CIDR form. */
  serviceNetwork: string;
  /** Virtual IP of the Kubernetes API. @default none */
  virtualIp?: string;
}

/** Ranges, as ipaddr.js calls them, of addresses that a machine can have for itself. */
const usableRanges = ["unicast", "private", "carrierGradeNat", "reserved"];

/** An endpoint interface: its two inputs, with their paths. */
interface EndpointInput {
  host: string | undefined;
  address: string | undefined;
  hostPath: string;
  addressPath: string;
}

function inputs(endpoint: EndpointAddressArgs): EndpointInput[] {
  return [
    {
      host: endpoint.public,
      address: endpoint.publicAddress,
      hostPath: ".public",
      addressPath: ".publicAddress",
    },
    {
      host: endpoint.internal,
      address: endpoint.internalAddress,
      hostPath: ".internal",
      addressPath: ".internalAddress",
    },
  ];
}

/** Whether a text is meant as an address, right or wrong. */
function looksLikeAddress(text: string): boolean {
  return /^[\d.]+$/.test(text) || /^[\da-f:.]*:[\da-f:.]*$/i.test(text);
}

function addressProblems(path: string, address: string): string[] {
  if (!isAddress(address)) {
    return [`${path}: "${address}" is not an IPv4 address; write a free one, such as "10.20.0.250", without a port`];
  }
  return usableRanges.includes(ipaddr.IPv4.parse(address).range())
    ? []
    : [`${path}: ${address} cannot be the address of a machine; write a free one of the site`];
}

function hostProblems(path: string, host: string): string[] {
  if (looksLikeAddress(host)) {
    return addressProblems(path, host);
  }
  return dnsName.test(host)
    ? []
    : [
        `${path}: "${host}" is neither a host name nor an IPv4 address; write one such as "cloud.example", in small letters, without "https://" and port`,
      ];
}

function inputProblems({ host, address, hostPath, addressPath }: EndpointInput, announce: Announce): string[] {
  if (host === undefined) {
    return address === undefined
      ? []
      : [`${addressPath}: has no meaning without ${hostPath.slice(1)}; add it, or remove this`];
  }
  const problems = [
    ...hostProblems(hostPath, host),
    ...(address === undefined ? [] : addressProblems(addressPath, address)),
  ];
  if (problems.length > 0) {
    return problems;
  }
  if (isAddress(host)) {
    return address === undefined || address === host
      ? []
      : [`${addressPath}: ${address} is not ${hostPath.slice(1)}, which is the address ${host}; remove one of them`];
  }
  return address === undefined && announce !== Announce.LoadBalancer
    ? [
        `${addressPath}: is missing, as ${hostPath.slice(1)} is a name; write the free address that the name "${host}" stands for`,
      ]
    : [];
}

/**
 * Problems of endpoint names and addresses that can be seen in themselves, each with its path below `endpoint`:
 * `.public: …`.
 */
export function validateEndpointNames(endpoint: EndpointAddressArgs): string[] {
  const announce = endpoint.announce ?? Announce.Keepalived;
  const known: string[] = Object.values(Announce);
  if (!known.includes(announce)) {
    return [`.announce: "${announce}" is not possible; use one of ${known.join(", ")}`];
  }
  const problems = inputs(endpoint).flatMap((input) => inputProblems(input, announce));
  const card = endpoint.interface;
  if (card !== undefined && announce !== Announce.Keepalived) {
    problems.push(`.interface: has no meaning with announce: ${announce}; remove it`);
  } else if (card !== undefined && !interfaceName.test(card)) {
    problems.push(`.interface: "${card}" is not an interface's name; use one like "eth0"`);
  }
  const { publicAddress, internalAddress } = endpoint;
  const both = publicAddress !== undefined && internalAddress !== undefined;
  if (endpoint.public === endpoint.internal && both && publicAddress !== internalAddress) {
    problems.push(".internalAddress: public and internal are the same name, so they have one address; make them equal");
  }
  return problems;
}

function inside(address: string, network: string): boolean {
  return (
    ipaddr.IPv4.isValidCIDRFourPartDecimal(network) && ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(network))
  );
}

function placeProblems(path: string, text: string, place: EndpointSurroundings): string[] {
  const owner = place.hosts.find((host) => host.address === text || host.name === text);
  if (owner !== undefined) {
    const what = owner.address === text ? "address" : "name";
    return [
      `${path}: ${text} is the ${what} of host ${owner.name}; endpoints have names and addresses of their own, which outlive every host: choose a free one`,
    ];
  }
  if (!isAddress(text)) {
    return [];
  }
  if (text === place.virtualIp) {
    return [`${path}: ${text} is the virtual IP of the Kubernetes API; choose an address that is free`];
  }
  const networks = [
    ["pod network", place.podNetwork],
    ["service network", place.serviceNetwork],
  ] as const;
  return networks
    .filter(([, network]) => inside(text, network))
    .map(
      ([what, network]) =>
        `${path}: ${text} lies in the cluster's ${what} ${network}, which nobody outside reaches; choose an address of the hosts' network`,
    );
}

/**
 * Problems of endpoint names and addresses beside the cluster they are for, each with its path below `endpoint`:
 * `.public: …`.
 */
export function validateEndpointPlaces(endpoint: EndpointAddressArgs, place: EndpointSurroundings): string[] {
  return inputs(endpoint).flatMap(({ host, address, hostPath, addressPath }) => [
    ...(host === undefined ? [] : placeProblems(hostPath, host, place)),
    ...(address === undefined || address === host ? [] : placeProblems(addressPath, address, place)),
  ]);
}

/** Addresses of the endpoints, public first, each once. Empty where only a load balancer knows them. */
export function endpointAddresses(endpoint: EndpointAddressArgs): string[] {
  const found = inputs(endpoint).flatMap(({ host, address }) => {
    const text = address ?? host;
    return text !== undefined && isAddress(text) ? [text] : [];
  });
  return [...new Set(found)];
}
