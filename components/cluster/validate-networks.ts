import ipaddr from "ipaddr.js";
import type { KubeadmClusterArgs } from "./args";
import { defaultPodNetwork, defaultServiceNetwork } from "./defaults";

/** An IPv4 network: first address and length of its prefix. */
export type Network = [ipaddr.IPv4, number];

/** Length of the prefix of the pod network that each node gets (kube-controller-manager's `--node-cidr-mask-size`). */
const nodePrefix = 24;

/** Longest and shortest prefix of a service network: kube-apiserver allows no larger one than /12, and DNS is its tenth address. */
const servicePrefixes = { shortest: 12, longest: 28 };

/** Whether a text is an IPv4 address in its usual form. */
export function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

/** A network in CIDR form, or undefined if the text is none. */
export function parseNetwork(text: string): Network | undefined {
  return ipaddr.IPv4.isValidCIDRFourPartDecimal(text) ? ipaddr.IPv4.parseCIDR(text) : undefined;
}

/** Whether two networks have an address in common. */
export function overlap(left: Network, right: Network): boolean {
  const shorter = Math.min(left[1], right[1]);
  return left[0].match(right[0], shorter);
}

/** A network that a text means; what is wrong with the text is added to the problems. */
export function checkNetwork(
  path: string,
  text: string,
  problems: string[],
  example = "10.244.0.0/16",
): Network | undefined {
  const network = parseNetwork(text);
  if (!network) {
    problems.push(`${path}: "${text}" is not an IPv4 network; write one such as "${example}"`);
    return undefined;
  }
  const first = ipaddr.IPv4.networkAddressFromCIDR(text).toString();
  if (first !== network[0].toString()) {
    problems.push(
      `${path}: "${text}" is an address inside a network; write the network itself: "${first}/${network[1]}"`,
    );
  }
  return network;
}

function checkSizes(hosts: number, pods: Network | undefined, services: Network | undefined, problems: string[]): void {
  if (pods && (pods[1] > nodePrefix || 2 ** (nodePrefix - pods[1]) < hosts)) {
    const needed = nodePrefix - Math.ceil(Math.log2(Math.max(hosts, 1)));
    problems.push(
      `networks.pods: a /${pods[1]} is too small for ${hosts} hosts, as each needs a /${nodePrefix}; use a /${needed} or larger`,
    );
  }
  const { shortest, longest } = servicePrefixes;
  if (services && (services[1] < shortest || services[1] > longest)) {
    problems.push(
      `networks.services: a /${services[1]} is not possible; use a prefix between /${shortest} and /${longest}`,
    );
  }
}

/** Problems of the pod and service networks: form, size, and overlap with each other, a host or the API's address. */
export function networkProblems(args: KubeadmClusterArgs): string[] {
  const problems: string[] = [];
  const pods = checkNetwork("networks.pods", args.networks?.pods ?? defaultPodNetwork, problems);
  const services = checkNetwork("networks.services", args.networks?.services ?? defaultServiceNetwork, problems);
  checkSizes(args.hosts.length, pods, services, problems);
  if (pods && services && overlap(pods, services)) {
    problems.push("networks.services: overlaps networks.pods; give them networks that have no address in common");
  }
  const addresses = [
    ...args.hosts.map((host, index) => ({ path: `hosts[${index}].address`, address: host.address })),
    { path: "endpoint.virtualIp", address: args.endpoint?.virtualIp },
    { path: "endpoint.external", address: args.endpoint?.external },
  ];
  const networks = [
    { path: "networks.pods", network: pods },
    { path: "networks.services", network: services },
  ];
  for (const { path, network } of networks) {
    for (const { path: where, address } of addresses) {
      if (network && address && isAddress(address) && ipaddr.IPv4.parse(address).match(network)) {
        problems.push(`${path}: contains ${address} (${where}); choose a network that no machine of the site uses`);
      }
    }
  }
  return problems;
}
