export * from "./cluster/args";
export { ExistingCluster, type ExistingClusterArgs } from "./cluster/existing-cluster";
export { KubeadmCluster } from "./cluster/kubeadm-cluster";
export { validateCluster } from "./cluster/validate";
export type { ImageEntry } from "./kit/catalogue";
export { type ProcessSizeArgs, Profile } from "./kit/profile";
export type { ReleaseArgs, ReleaseImageArgs } from "./kit/release";
export * from "./openstack/args";
export { OpenStackCloud } from "./openstack/cloud";
export {
  CloudVerification,
  CloudVerification,
  type CloudVerificationArgs,
  type CloudVerificationArgs,
} from "./operations/cloud-verification";
export * from "./platform/args";
