import { stringify } from "yaml";
import type { HostArgs } from "./args";
import { type ClusterPlan, endpointPort } from "./plan";

const apiVersion = "kubeadm.k8s.io/v1beta4";

/** User and group of the certificate with which a host joins and maintains its own node. */
export const hostUser = {
  commonName: "stratiform:host",
  organization: "system:bootstrappers:kubeadm:default-node-token",
} as const;

/** Where a host's step keeps the kubeconfig it joins with, in memory. */
const discoveryFile = "/run/stratiform/discovery.conf";

/** Where a host keeps the settings that were found out on it. */
const patches = { directory: "/etc/stratiform/patches" } as const;

/**
 * When a kubelet makes room. Its own defaults are parts of the disk (10 and 15 %): a large disk that guests share would
 * have its pods evicted with hundreds of GiB free. Absolute sizes below what preflight wants free at the start; memory and
 * inodes as kubelet has them. At these sizes unused images go first, so that no part of the disk need be set for them.
 */
const evictions = {
  evictionHard: {
    "memory.available": "100Mi",
    "nodefs.available": "1Gi",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "2Gi",
    "imagefs.inodesFree": "5%",
  },
  imageGCHighThresholdPercent: 100,
  imageMaximumGCAge: "720h",
} as const;

/** kubeadm's ClusterConfiguration, KubeletConfiguration and KubeProxyConfiguration, as YAML documents. */
export function clusterConfiguration(plan: ClusterPlan): string {
  const { args } = plan;
  const mirror = args.imageMirror;
  const tag = (image: string): { imageTag?: string } => (mirror?.tags?.[image] ? { imageTag: mirror.tags[image] } : {});
  return documents(
    {
      apiVersion,
      kind: "ClusterConfiguration",
      clusterName: plan.clusterName,
      kubernetesVersion: `v${plan.kubernetesVersion}`,
      controlPlaneEndpoint: `${plan.endpointName}:${endpointPort(args)}`,
      ...(mirror ? { imageRepository: mirror.registry } : {}),
      encryptionAlgorithm: "ECDSA-P256",
      networking: { podSubnet: plan.podNetwork, serviceSubnet: plan.serviceNetwork, dnsDomain: plan.dnsDomain },
      apiServer: {
        certSANs: [...new Set([plan.endpointName, plan.endpointAddress, "localhost", "127.0.0.1"])],
        extraArgs: [{ name: "profiling", value: "false" }],
      },
      controllerManager: { extraArgs: [{ name: "profiling", value: "false" }] },
      scheduler: { extraArgs: [{ name: "profiling", value: "false" }] },
      etcd: { local: { dataDir: "/var/lib/etcd", ...tag("etcd") } },
      dns: tag("coredns"),
    },
    {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      cgroupDriver: "systemd",
      readOnlyPort: 0,
      rotateCertificates: true,
      seccompDefault: true,
      serializeImagePulls: false,
      maxParallelImagePulls: 3,
      ...evictions,
    },
    {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      mode: "iptables",
      // Lowering it needs a capability that a host may lack; the pod's priority class already protects kube-proxy.
      oomScoreAdj: 0,
      // The host's own settings hold ("prepare" writes them where the host is a machine).
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    },
  );
}

/** kubeadm's InitConfiguration for the first control host. */
export function initConfiguration(plan: ClusterPlan, host: HostArgs): string {
  return documents({
    apiVersion,
    kind: "InitConfiguration",
    localAPIEndpoint: { advertiseAddress: host.address, bindPort: 6443 },
    nodeRegistration: nodeRegistration(plan, host),
    patches,
  });
}

/** kubeadm's JoinConfiguration: of a control host with its API address, of a worker without. */
export function joinConfiguration(plan: ClusterPlan, host: HostArgs): string {
  return documents({
    apiVersion,
    kind: "JoinConfiguration",
    discovery: { file: { kubeConfigPath: discoveryFile } },
    nodeRegistration: nodeRegistration(plan, host),
    ...(host.roles.includes("control")
      ? { controlPlane: { localAPIEndpoint: { advertiseAddress: host.address, bindPort: 6443 } } }
      : {}),
    patches,
  });
}

function nodeRegistration(plan: ClusterPlan, host: HostArgs): Record<string, unknown> {
  return {
    name: host.name,
    criSocket: "unix:///run/containerd/containerd.sock",
    imagePullPolicy: "IfNotPresent",
    kubeletExtraArgs: [
      { name: "node-ip", value: host.address },
      { name: "node-labels", value: nodeLabels(host) },
    ],
    // A control host with another role, or one that is alone, runs ordinary pods too.
    taints: nodeTaints(plan, host).map(({ key, value, effect }) => ({ key, effect, ...(value ? { value } : {}) })),
  };
}

/** Labels of a node as `key=value`, comma-separated and sorted: one per role, and the host's own. */
export function nodeLabels(host: HostArgs): string {
  const roles = Object.fromEntries(host.roles.map((role) => [`stratiform.dev/${role}`, "true"]));
  return Object.entries({ ...roles, ...host.labels })
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}

/** Taints of a node: the host's own. A host that is only a control host keeps Kubernetes' taint where other hosts exist. */
export function nodeTaints(plan: ClusterPlan, host: HostArgs): { key: string; value?: string; effect: string }[] {
  const own = host.taints ?? [];
  const dedicated = host.roles.every((role) => role === "control") && plan.workers.length > 0;
  return dedicated ? [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }, ...own] : own;
}

/** Taints as `key=value:effect`, comma-separated. */
export function nodeTaintsText(plan: ClusterPlan, host: HostArgs): string {
  return nodeTaints(plan, host)
    .map(({ key, value, effect }) => `${key}${value ? `=${value}` : ""}:${effect}`)
    .join(",");
}

/** What the hosts' certificate may do: maintain nodes (labels, taints, cordon, drain, removal), nothing else. */
export function hostAccess(): string {
  const name = hostUser.commonName;
  return documents(
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name },
      rules: [
        { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch", "patch", "update", "delete"] },
        { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "delete"] },
        { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
        { apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name }],
    },
  );
}

function documents(...values: object[]): string {
  return values.map((value) => stringify(value, { lineWidth: 0 })).join("---\n");
}
