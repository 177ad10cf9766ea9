/** The external network: where floating IPs are, and how routers get out. */
export interface ExternalNetworkArgs {
  /** The network, such as `203.0.113.0/24`. */
  cidr: string;
  /** Its router. */
  gateway: string;
  /** First and last address that the cloud may give away: `203.0.113.100-203.0.113.199`. */
  range: string;
  /** Interface that leads there on gateway hosts that state no provider interface of their own. It becomes a port of a bridge: give it no address. @default each host's own */
  interface?: string;
}

/** The tunnels between hosts. */
export interface TunnelNetworkArgs {
  /** Type: "geneve", the only one that OVN has for them. @default "geneve" */
  type?: string;
  /** Largest packet that the network between the hosts carries, in bytes. @default 1500 */
  mtu?: number;
  /** Network of the tunnels' own addresses on hosts without the kernel's openvswitch module. Nobody else may use it. @default "198.18.0.0/16" */
  cidr?: string;
}

/** What moves packets on a host. */
export const Datapath = {
  /** The kernel, where it has the openvswitch module, else user space. */
  Auto: "auto",
  /** The kernel's openvswitch module. */
  Kernel: "kernel",
  /** Open vSwitch itself: needs no module, and is slower. */
  Userspace: "userspace",
} as const;
export type Datapath = (typeof Datapath)[keyof typeof Datapath];

/** What runs a virtual machine's instructions. */
export const Virtualization = {
  /** KVM on hosts that can, else QEMU alone. */
  Auto: "auto",
  /** The processor, by KVM. */
  Kvm: "kvm",
  /** QEMU alone (TCG): on any host, and many times slower. */
  Qemu: "qemu",
} as const;
export type Virtualization = (typeof Virtualization)[keyof typeof Virtualization];

/** The networks that carry the virtual machines' traffic. */
export interface CloudNetworksArgs {
  /** The external network. @default none: virtual machines have no way out, and no floating IPs */
  external?: ExternalNetworkArgs;
  /** The tunnels between hosts. */
  tunnel?: TunnelNetworkArgs;
  /** What moves packets. @default "auto" */
  datapath?: Datapath;
  /** Networks that hold the addresses of all hosts, those to come too. @default the /24 of each host's address */
  hosts?: string[];
  /** Name servers for virtual machines. @default none: those of the hosts */
  dnsServers?: string[];
}

/** How virtual machines are run. */
export interface CloudComputeArgs {
  /** What runs their instructions. @default "auto" */
  virtualization?: Virtualization;
}
