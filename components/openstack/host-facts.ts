import type { Datapath, ExternalNetworkArgs, Virtualization } from "./network-args";

/** The networks that carry the virtual machines' traffic. */
export interface NetworkFacts {
  /** The external network, if the cloud has one. Its physical network is called `physicalNetwork`. */
  external?: ExternalNetworkArgs;
  /** Name of the external physical network: `physnet` of a flat provider network, and of `ovn-bridge-mappings`. */
  physicalNetwork: string;
  /** The tunnels between hosts. */
  tunnel: {
    type: string;
    /** Largest packet between two hosts, tunnel headers included: Neutron's `path_mtu`. */
    mtu: number;
    /** Network of the tunnels' own addresses on hosts with the userspace datapath. */
    cidr: string;
  };
  /** Which datapath hosts have; "auto": each what it can. */
  datapath: Datapath;
  /** Networks of the hosts' addresses: from there come connections of processes on the hosts' network. */
  hosts: readonly string[];
  /** Name servers for virtual machines. */
  dnsServers: readonly string[];
}

/** How virtual machines are run. */
export interface ComputeFacts {
  /** "auto": by KVM where the host has it, else by QEMU alone. */
  virtualization: Virtualization;
}

/** Directory on a host for what a cloud keeps there. */
export function hostState(cloud: string, name: string): string {
  return `/var/lib/stratiform/${cloud}/${name}`;
}

/** Directory on a host for what a cloud has there until it is rebooted. */
export function hostRun(cloud: string, name: string): string {
  return `/run/stratiform/${cloud}/${name}`;
}

/** Directory in a pod for configuration that its prepare script wrote. */
export const detectedDirectory = "/run/stratiform/detected";
