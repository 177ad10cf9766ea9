export * from "./cluster/args";
export { ExistingCluster, type ExistingClusterArgs } from "./cluster/existing-cluster";
export { KubeadmCluster } from "./cluster/kubeadm-cluster";
export { validateCluster } from "./cluster/validate";
