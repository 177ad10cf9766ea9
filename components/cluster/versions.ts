/** Kubernetes version of a cluster that names none. */
export const defaultKubernetesVersion = "1.34.4";

/** Kubernetes minors that the host steps know how to install and upgrade. */
export const supportedKubernetesMinors = ">=1.33.0 <1.37.0";

/** Release of the CNI plugins (bridge, portmap, host-local, loopback). */
export const cniPluginsVersion = "v1.7.1";

/** Where Kubernetes' release files are found unless a mirror is given. */
export const upstreamKubernetesUrl = "https://dl.k8s.io/release";

/** Where the CNI plugins' release files are found unless a mirror is given. */
export const upstreamCniUrl = "https://github.com/containernetworking/plugins/releases/download";

/** Programs of a Kubernetes release that every host needs. */
export const kubernetesPrograms = ["kubeadm", "kubelet", "kubectl"] as const;

/** File name of the CNI plugins' archive. */
export const cniArchive = `cni-plugins-linux-amd64-${cniPluginsVersion}.tgz`;

/**
 * SHA-256 digests of upstream's release files for linux/amd64, by `<version>/<file>`.
 * Source: the checksum table of kubernetes-sigs/kubespray, which repeats what the projects publish beside each file.
 */
export const upstreamDigests: Readonly<Record<string, string>> = {
  "v1.34.3/kubeadm": "sha256:f9ce265434d306e59d800b26f3049b8430ba71f815947f4bacdcdc33359417fb",
  "v1.34.3/kubelet": "sha256:0e759f40bbc717c05227ae3994b77786f58f59ffa0137a34958c6b26fa5bcbbd",
  "v1.34.3/kubectl": "sha256:ab60ca5f0fd60c1eb81b52909e67060e3ba0bd27e55a8ac147cbc2172ff14212",
  "v1.34.4/kubeadm": "sha256:b967f1fa0e36621c402d38bb560eb4a943954d5cf5a00e5150842f6f5da73455",
  "v1.34.4/kubelet": "sha256:03b8fea715a7ef82eeaf518dee34c72670c57cc7bc40dc1320c04fbf4f15172f",
  "v1.34.4/kubectl": "sha256:d50c359d95e0841eaad08ddc27c7be37cba8fdccfba5c8e2ded65e121ff112db",
  "v1.35.1/kubeadm": "sha256:8a7ff344eef1bfba88f9a74b3fdc9ea4448c94f1b3cefb8c0aeeaf1f96e05053",
  "v1.35.1/kubelet": "sha256:e7343310e03ff0d424df4397bdfa4468947d6d1f0f93dac586c1e8d6e4086d5d",
  "v1.35.1/kubectl": "sha256:36e2f4ac66259232341dd7866952d64a958846470f6a9a6a813b9117bd965207",
  [`${cniPluginsVersion}/${cniArchive}`]: "sha256:1a28a0506bfe5bcdc981caf1a49eeab7e72da8321f1119b7be85f22621013098",
};

/**
 * Images of the cluster that Kubernetes' own release does not name, with upstream's repository and tag.
 * A repository without a host is completed by the container runtime.
 */
export const addonImages = {
  "kube-router": { repository: "cloudnativelabs/kube-router", tag: "v1.6.1" },
  "local-path-provisioner": { repository: "rancher/local-path-provisioner", tag: "v0.0.30" },
  busybox: { repository: "busybox", tag: "1.37" },
} as const;

/** Name of an image in `addonImages`. */
export type AddonImage = keyof typeof addonImages;
