import type * as pulumi from "@pulumi/pulumi";
import type { ImageEntry } from "./catalogue";
import type { ProcessSize } from "./profile";

/** A name in the host table of every pod. */
export interface HostAlias {
  /** Address. */
  ip: string;
  /** Names that mean it. */
  hostnames: string[];
}

/** What everything that is laid on the cluster for a cloud knows of that cloud. */
export interface CloudContext {
  /** Name of the cloud. */
  cloud: string;
  /** Namespace of the cloud, under Pod Security "restricted". */
  namespace: string;
  /** Namespace of the pods that need more of their host, under Pod Security "privileged". */
  nodeNamespace: string;
  /** DNS domain of the cluster, such as `cluster.local`. */
  dnsDomain: string;
  /**
   * Reference of an image of the release, by digest.
   * @throws Error if the release has no such image
   */
  image(name: string): string;
  /**
   * How an image looks inside.
   * @throws Error if the catalogue has no such image
   */
  entry(name: string): ImageEntry;
  /**
   * What a process of a service gets.
   * @throws Error if the profile knows no such process
   */
  size(service: string, process: string): ProcessSize;
  /** Key of hashed names. A secret; names made with it are not. */
  hashKey: pulumi.Output<string>;
  /** Whether state (databases, keys) is protected from deletion. */
  protect: boolean;
  /** Seconds between a pod's leaving the endpoints and the end of its process. */
  stopPause: number;
  /** Host table of every pod, for endpoint names that no DNS server need know. */
  hostAliases: HostAlias[];
  /** Options of an object in the cloud's namespace: parent, deleted with the namespace, after the namespace. `more` comes on top. */
  inNamespace(parent: pulumi.Resource, more?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
  /** The same for the privileged namespace. */
  inNodeNamespace(parent: pulumi.Resource, more?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
  /**
   * Options of a workload in the cloud's namespace: it is taken away by itself, before what it needs and before its
   * namespace. Kubernetes looks after a namespace that goes only at intervals of half its pods' longest grace period
   * (namespaced_resources_deleter.go), which are minutes.
   */
  workload(parent: pulumi.Resource, more?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
  /** The same for the privileged namespace. */
  nodeWorkload(parent: pulumi.Resource, more?: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions;
}
