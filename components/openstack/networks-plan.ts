import type { HostFacts, HostRole } from "../cluster/args";
import type { CloudPlanArgs } from "./args";
import type { ComputeFacts, NetworkFacts } from "./host-facts";
import { Datapath, Virtualization } from "./network-args";

/** Bytes that the packets of the kernel's VXLAN devices have more: Ethernet 14, IP 20, UDP 8, VXLAN 8. */
const vxlanOverhead = 50;

/** Defaults of the networks. */
export const networkDefaults = {
  /** What Ethernet carries. */
  mtu: 1500,
  /** Set aside for measuring devices (RFC 2544), and so used by no site. */
  tunnelCidr: "198.18.0.0/16",
  physicalNetwork: "external",
} as const;

/** Names of the hosts that do something. Where none is a gateway, those with a provider interface are. */
export function hostNames(hosts: readonly HostFacts[], role: HostRole): string[] {
  const named = hosts.filter((host) => host.roles.includes(role));
  const found =
    role === "gateway" && named.length === 0
      ? hosts.filter((host) => host.providerInterface !== undefined && host.roles.includes("compute"))
      : named;
  return found.map((host) => host.name);
}

/**
 * A host by its name.
 * @throws Error if there is none
 */
export function hostOf(hosts: readonly HostFacts[], name: string): HostFacts {
  const host = hosts.find((one) => one.name === name);
  if (host === undefined) {
    throw new Error(`the cluster has no host ${name}`);
  }
  return host;
}

/** The networks of a cloud with every default in its place. */
export function networkFacts(args: CloudPlanArgs): NetworkFacts {
  const { external, tunnel, datapath = Datapath.Auto, hosts, dnsServers } = args.networks ?? {};
  const underlay = tunnel?.mtu ?? networkDefaults.mtu;
  return {
    ...(external === undefined ? {} : { external }),
    physicalNetwork: networkDefaults.physicalNetwork,
    tunnel: {
      type: tunnel?.type ?? "geneve",
      // One size for all hosts, whatever datapath each of them has.
      mtu: datapath === Datapath.Kernel ? underlay : underlay - vxlanOverhead,
      cidr: tunnel?.cidr ?? networkDefaults.tunnelCidr,
    },
    datapath,
    hosts: hosts ?? hostNetworks((args.hosts ?? []).map((host) => host.address)),
    dnsServers: dnsServers ?? [],
  };
}

/** How a cloud's virtual machines are run. */
export function computeFacts(args: CloudPlanArgs): ComputeFacts {
  return { virtualization: args.compute?.virtualization ?? Virtualization.Auto };
}

/** The /24 networks of addresses, each once and in order: a further host in one of them changes nothing. */
export function hostNetworks(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((address) => `${address.split(".").slice(0, 3).join(".")}.0/24`))].sort();
}
