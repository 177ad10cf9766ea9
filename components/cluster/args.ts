import type * as pulumi from "@pulumi/pulumi";

/** What a host does. A host may have several roles. */
export const HostRole = {
  /** Runs the Kubernetes control plane and etcd, and later the OpenStack control plane. */
  Control: "control",
  /** Runs virtual machines. */
  Compute: "compute",
  /** Carries the external network's traffic. */
  Gateway: "gateway",
} as const;
export type HostRole = (typeof HostRole)[keyof typeof HostRole];

/** When the hosts are examined over SSH, before any of them is changed. */
export const PreflightMode = {
  /** In `pulumi preview` and in `pulumi up`. */
  Preview: "preview",
  /** In `pulumi up` only: a preview then needs no machine. */
  Up: "up",
} as const;
export type PreflightMode = (typeof PreflightMode)[keyof typeof PreflightMode];

/** What a taint does to pods that do not tolerate it. */
export const TaintEffect = {
  NoSchedule: "NoSchedule",
  PreferNoSchedule: "PreferNoSchedule",
  NoExecute: "NoExecute",
} as const;
export type TaintEffect = (typeof TaintEffect)[keyof typeof TaintEffect];

/** A taint of a node. */
export interface TaintArgs {
  /** Key, such as `stratiform.dev/compute`. */
  key: string;
  /** Value. @default "" */
  value?: string;
  /** Effect on pods that do not tolerate the taint. */
  effect: TaintEffect;
}

/** A host's network interfaces beside the one that carries its address. */
export interface HostInterfacesArgs {
  /** Interface of the provider (external) network. @default none */
  provider?: string;
  /** Interface of the tunnel network. @default the interface that carries the host's address */
  tunnel?: string;
}

/** One host: a machine with Debian 12/13 or Ubuntu 22.04/24.04, reached by SSH. */
export interface HostArgs {
  /** Name of the host and of its Kubernetes node: a DNS label. The host's identity: another name is another host. */
  name: string;
  /** Address by which this program, and the other hosts, reach the host. */
  address: string;
  /** What the host does; at least one role. */
  roles: HostRole[];
  /** Interfaces of the provider and tunnel networks. @default none */
  interfaces?: HostInterfacesArgs;
  /** Further labels of the node. @default none */
  labels?: Record<string, string>;
  /** Taints of the node. @default none */
  taints?: TaintArgs[];
  /** The host's SSH public key, as in `/etc/ssh/ssh_host_ed25519_key.pub`. Required unless `ssh.insecure` is true. */
  hostKey?: string;
  /** SSH port. @default ssh.port */
  port?: number;
}

/** How the hosts are reached. */
export interface SshArgs {
  /** User; root, or a user with passwordless sudo. @default "root" */
  user?: string;
  /** Port. @default 22 */
  port?: number;
  /** Private key (OpenSSH or PEM). A secret. */
  privateKey: pulumi.Input<string>;
  /** Passphrase of the private key. A secret. @default none */
  privateKeyPassphrase?: pulumi.Input<string>;
  /** Accept any host key of hosts that state none. Anyone on the path can then read and change everything. @default false */
  insecure?: boolean;
}

/** Where the Kubernetes API is found. Settle it before the first `up`: the control hosts' certificates name it. */
export interface EndpointArgs {
  /** Name of the API in certificates and on the hosts. @default "api.<cluster>.internal" */
  name?: string;
  /** Virtual IP, held by one control host at a time (keepalived). @default none: the first control host's address */
  virtualIp?: string;
  /** Interface that carries the virtual IP. @default the interface that carries the host's address */
  virtualIpInterface?: string;
  /** Host name or address of a load balancer of your own in front of the control hosts. Excludes `virtualIp`. @default none */
  external?: string;
  /** Port of the API at the endpoint. @default 6443 */
  port?: number;
}

/** Cluster networks. They must not overlap each other or a host address. */
export interface ClusterNetworksArgs {
  /** Pod network. @default "10.244.0.0/16" */
  pods?: string;
  /** Service network. @default "10.96.0.0/16" */
  services?: string;
}

/** Where release files come from. Every file is checked against a SHA-256 digest before use. */
export interface ArtifactsArgs {
  /** Base URL in the layout of Kubernetes' own download site: `<url>/v1.34.4/bin/linux/amd64/kubelet`. @default Kubernetes' own download site */
  kubernetesUrl?: string;
  /** Base URL of the CNI plugins' releases: `<url>/v1.7.1/cni-plugins-linux-amd64-v1.7.1.tgz`. @default the project's own releases */
  cniUrl?: string;
  /** PEM certificate of the CA that signed the mirror's certificate. @default the host's own CA bundle */
  caCertificate?: string;
  /** Digests by `<version>/<file>`, such as `v1.34.4/kubelet: "sha256:…"`. @default those of the versions this release knows */
  digests?: Record<string, string>;
}

/** A registry that holds every image of the cluster, for sites that cannot or do not want to reach the upstream ones. */
export interface ImageMirrorArgs {
  /** Registry and, if any, path prefix: `registry.example:5000` or `registry.example/mirror`. */
  registry: string;
  /** PEM certificate of the CA that signed the registry's certificate. @default the host's own CA bundle */
  caCertificate?: string;
  /** Tags that differ from upstream's, by image name: `etcd`, `coredns`, `pause`, `kube-router`, `local-path-provisioner`, `busybox`. @default upstream's tags */
  tags?: Record<string, string>;
  /** Digests by `<image>:<tag>`, such as `pause:3.10.1: "sha256:…"`; images with a digest here are pulled by it. @default none: by tag */
  digests?: Record<string, string>;
}

/** Arguments of `KubeadmCluster`. */
export interface KubeadmClusterArgs {
  /** The hosts. Plain values: they decide which resources exist. */
  hosts: HostArgs[];
  /** How the hosts are reached. */
  ssh: SshArgs;
  /** Cluster name: a DNS label. @default the component's name */
  clusterName?: string;
  /** Kubernetes version, without "v". One minor up at a time, never down. @default "1.34.4" */
  kubernetesVersion?: string;
  /** Where the API is found. @default the first control host's address */
  endpoint?: EndpointArgs;
  /** Pod and service networks. */
  networks?: ClusterNetworksArgs;
  /** Where release files come from. @default upstream */
  artifacts?: ArtifactsArgs;
  /** Where images come from. @default upstream */
  imageMirror?: ImageMirrorArgs;
  /** Allow an even number of control hosts, as while one of three is being replaced. @default false */
  degraded?: boolean;
  /** When the hosts are examined. @default "preview" */
  preflight?: PreflightMode;
}

/** A host as upper strata see it. */
export interface HostFacts {
  /** Name of the host and node. */
  name: string;
  /** Address of the host. */
  address: string;
  /** What the host does. */
  roles: HostRole[];
  /** Interface of the provider network, if any. */
  providerInterface?: string;
  /** Interface of the tunnel network, if not the one that carries the address. */
  tunnelInterface?: string;
}

/** What upper strata know of a cluster, whoever made it. The kubeconfig is an output of its own, because it is secret. */
export interface ClusterFacts {
  /** Cluster name. */
  clusterName: string;
  /** URL of the Kubernetes API. */
  apiServer: string;
  /** Kubernetes version, without "v". */
  kubernetesVersion: string;
  /** Pod network. */
  podNetwork: string;
  /** Service network. */
  serviceNetwork: string;
  /** DNS domain of the cluster. */
  dnsDomain: string;
  /** Default storage class. */
  storageClass: string;
  /** Hosts and what they do. */
  hosts: HostFacts[];
}
