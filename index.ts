import * as pulumi from "@pulumi/pulumi";
import { KubeadmCluster, OpenStackCloud } from "./components/index";
import { pendingHosts as pendingHostsOf } from "./components/openstack/pending-hosts";
import { stackConfig } from "./config";

const config = stackConfig();
const cluster = new KubeadmCluster(config.name, config.cluster);
// A stack file without `stratiform:cloud` makes the cluster alone.
const cloud =
  config.cloud &&
  new OpenStackCloud(
    config.cloud.cloudName ?? "openstack",
    { cluster: cluster.facts, preflight: config.cluster.preflight, ...config.cloud },
    // What lives in the cluster dies with it: a whole stack that is destroyed is not emptied object by object.
    { provider: cluster.provider, deletedWith: cluster },
  );

/** Credentials of the cluster's administrator, for `kubectl`. A secret. */
export const kubeconfig = pulumi.secret(cluster.kubeconfig);
/** URL of the Kubernetes API. */
export const apiServer = cluster.facts.apiServer;
/** Name of the cluster. */
export const clusterName = cluster.facts.clusterName;
/** Kubernetes version, without "v". */
export const kubernetesVersion = cluster.facts.kubernetesVersion;
/** Hosts and what they do. */
export const hosts = cluster.facts.hosts;
/** Default storage class. */
export const storageClass = cluster.facts.storageClass;

/** Credentials of the cloud's administrator, for OpenStack's clients: `clouds.yaml`. A secret. */
const cloudsYaml = cloud?.cloudsYaml;

export { cloudsYaml as "clouds.yaml" };
/** Certificate of the CA that signed the endpoints' certificate: `ca.crt` beside `clouds.yaml`. */
export const caCertificate = cloud?.caCertificate;
/** URL of Keystone, with which every client of the cloud begins. */
export const endpoint = cloud?.endpoint;
/** All API endpoints. */
export const endpoints = cloud?.endpoints;
/** Compute hosts with pods of the data plane that `npm run node -- maintain NAME` is still to replace. Known after an `up`. */
export const pendingHosts =
  config.cloud &&
  cloud &&
  pendingHostsOf(
    cluster.kubeconfig,
    { name: config.cloud.cloudName ?? "openstack", services: config.cloud.services },
    cloud.endpoint,
  );
/** Region. */
export const region = config.cloud && (config.cloud.region ?? "RegionOne");
