import type { HostArgs, HostFacts, KubeadmClusterArgs } from "./args";
import { defaultPodNetwork, defaultServiceNetwork } from "./defaults";
import { isAddress } from "./validate-networks";
import {
  type AddonImage,
  addonImages,
  cniArchive,
  cniPluginsVersion,
  defaultKubernetesVersion,
  kubernetesPrograms,
  upstreamCniUrl,
  upstreamDigests,
  upstreamKubernetesUrl,
} from "./versions";

/** The arguments of a cluster with every default in its place. Plain data: what all resources are made from. */
export interface ClusterPlan {
  /** The arguments as given. */
  args: KubeadmClusterArgs;
  /** Cluster name. */
  clusterName: string;
  /** Kubernetes version, without "v". */
  kubernetesVersion: string;
  /** Name of the API in certificates and on the hosts. */
  endpointName: string;
  /** Address or name under which this program and the hosts reach the API. */
  endpointAddress: string;
  /** Pod network. */
  podNetwork: string;
  /** Service network. */
  serviceNetwork: string;
  /** DNS domain of the cluster. */
  dnsDomain: string;
  /** Control hosts, in the order of the list. */
  controls: HostArgs[];
  /** All other hosts. */
  workers: HostArgs[];
}

/** Fills in the defaults. `name` is the component's. The arguments must be valid (`validateCluster`). */
export function planCluster(name: string, args: KubeadmClusterArgs): ClusterPlan {
  const clusterName = args.clusterName ?? name;
  const controls = args.hosts.filter((host) => host.roles.includes("control"));
  const endpointAddress = args.endpoint?.external ?? args.endpoint?.virtualIp ?? controls[0]?.address ?? "";
  return {
    args,
    clusterName,
    kubernetesVersion: args.kubernetesVersion ?? defaultKubernetesVersion,
    endpointName: args.endpoint?.name ?? externalName(args) ?? `api.${clusterName}.internal`,
    endpointAddress,
    podNetwork: args.networks?.pods ?? defaultPodNetwork,
    serviceNetwork: args.networks?.services ?? defaultServiceNetwork,
    dnsDomain: "cluster.local",
    controls,
    workers: args.hosts.filter((host) => !host.roles.includes("control")),
  };
}

/** The external endpoint where it is a name: the user's DNS has it, and no other would resolve. */
function externalName(args: KubeadmClusterArgs): string | undefined {
  const external = args.endpoint?.external;
  return external && !isAddress(external) ? external : undefined;
}

/** Port of the API at the endpoint. */
export function endpointPort(args: KubeadmClusterArgs): number {
  return args.endpoint?.port ?? 6443;
}

/** URL of the API for this program and upper strata. */
export function apiServer(plan: ClusterPlan): string {
  return `https://${plan.endpointAddress}:${endpointPort(plan.args)}`;
}

/** The line of a host's /etc/hosts that gives the API its stable name; empty where the user's DNS has it. */
export function hostsEntry(plan: ClusterPlan): string {
  return isAddress(plan.endpointAddress) ? `${plan.endpointAddress} ${plan.endpointName}` : "";
}

/** Base URL of Kubernetes' release files. */
export function kubernetesUrl(plan: ClusterPlan): string {
  return plan.args.artifacts?.kubernetesUrl ?? upstreamKubernetesUrl;
}

/** A release file: where it is and what it must be. */
export interface ReleaseFile {
  /** URL. */
  url: string;
  /** Digest as `sha256:…`, or undefined if nobody has said. */
  digest: string | undefined;
  /** Key in `artifacts.digests`. */
  key: string;
}

/** The release files that every host needs. */
export function releaseFiles(plan: ClusterPlan): ReleaseFile[] {
  const { artifacts } = plan.args;
  const version = `v${plan.kubernetesVersion}`;
  const kubernetes = kubernetesUrl(plan);
  const cni = artifacts?.cniUrl ?? upstreamCniUrl;
  const file = (key: string, url: string): ReleaseFile => ({
    url,
    key,
    digest: artifacts?.digests?.[key] ?? upstreamDigests[key],
  });
  return [
    ...kubernetesPrograms.map((program) =>
      file(`${version}/${program}`, `${kubernetes}/${version}/bin/linux/amd64/${program}`),
    ),
    file(`${cniPluginsVersion}/${cniArchive}`, `${cni}/${cniPluginsVersion}/${cniArchive}`),
  ];
}

/** Reference of an image that Kubernetes' own release does not name. */
export function addonImage(plan: ClusterPlan, image: AddonImage): string {
  const { repository, tag } = addonImages[image];
  const mirror = plan.args.imageMirror;
  return mirror ? `${mirror.registry}/${image}:${mirror.tags?.[image] ?? tag}` : `${repository}:${tag}`;
}

/** Images of a host, a line each: "<reference> <digest or ->". */
export interface HostImages {
  /** Without these the control plane does not start; empty for workers, and where the host asks kubeadm for the list. */
  controlPlane: string;
  /** All, in the order of their pulling. */
  all: string;
}

/**
 * Images that a host pulls beside its preparation. From upstream the host asks kubeadm, which knows names and tags; the
 * others are left to the kubelet, since a pull by hand would have to name a registry that a pod's image need not.
 */
export function hostImages(plan: ClusterPlan, host: HostArgs): HostImages {
  const mirror = plan.args.imageMirror;
  if (!mirror) {
    return { controlPlane: "", all: "" };
  }
  const lines = (names: string[]): string =>
    names.map((name) => `${mirror.registry}/${name} ${mirror.digests?.[name] ?? "-"}`).join("\n");
  const tagged = (name: string): string[] => (mirror.tags?.[name] ? [`${name}:${mirror.tags[name]}`] : []);
  const version = `v${plan.kubernetesVersion}`;
  const control = host.roles.includes("control")
    ? [
        ...tagged("etcd"),
        ...["kube-apiserver", "kube-controller-manager", "kube-scheduler"].map((name) => `${name}:${version}`),
      ]
    : [];
  // busybox makes volumes: the first ones would wait for it behind all images that are pulled then.
  const addons = (["kube-router", "busybox"] as const).map((name) =>
    addonImage(plan, name).slice(mirror.registry.length + 1),
  );
  const all = [...tagged("pause"), ...control, ...addons, `kube-proxy:${version}`, ...tagged("coredns")];
  return { controlPlane: lines(control), all: lines(all) };
}

/** Reference of the pause image, or empty if the host is to ask kubeadm. */
export function sandboxImage(plan: ClusterPlan): string {
  const mirror = plan.args.imageMirror;
  const tag = mirror?.tags?.pause;
  return mirror && tag ? `${mirror.registry}/pause:${tag}` : "";
}

/** Debian packages of every host. The virtual IP is kept by the distribution's own keepalived. */
export function hostPackages(plan: ClusterPlan, host: HostArgs): string {
  const packages = [
    "ca-certificates",
    "conntrack",
    "containerd",
    "curl",
    "ebtables",
    "ethtool",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "nftables",
    "runc",
    "socat",
  ];
  const keepsVirtualIp = plan.args.endpoint?.virtualIp !== undefined && host.roles.includes("control");
  return [...packages, ...(keepsVirtualIp ? ["keepalived"] : [])].join(" ");
}

/** A host as upper strata see it. */
export function hostFacts({ name, address, roles, interfaces }: HostArgs): HostFacts {
  return {
    name,
    address,
    roles,
    ...(interfaces?.provider ? { providerInterface: interfaces.provider } : {}),
    ...(interfaces?.tunnel ? { tunnelInterface: interfaces.tunnel } : {}),
  };
}
