import * as pulumi from "@pulumi/pulumi";
import { KubeadmCluster } from "./components/index";
import { stackConfig } from "./config";

const config = stackConfig();
const cluster = new KubeadmCluster(config.name, config.cluster);

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
