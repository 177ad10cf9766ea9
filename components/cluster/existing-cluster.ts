import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type { ClusterFacts, HostFacts } from "./args";
import { defaultPodNetwork, defaultServiceNetwork } from "./defaults";
import { dnsLabel } from "./validate-hosts";

/** Arguments of `ExistingCluster`: what Stratiform would otherwise know because it made the cluster itself. */
export interface ExistingClusterArgs {
  /** Credentials of the cluster's administrator. A secret. */
  kubeconfig: pulumi.Input<string>;
  /** Cluster name: a DNS label. @default the component's name */
  clusterName?: string;
  /** URL of the Kubernetes API. @default the server of the kubeconfig's current context */
  apiServer?: pulumi.Input<string>;
  /** Kubernetes version, without "v". */
  kubernetesVersion: string;
  /** Storage class for volumes. It must exist. */
  storageClass: string;
  /** Pod network. @default "10.244.0.0/16" */
  podNetwork?: string;
  /** Service network. @default "10.96.0.0/16" */
  serviceNetwork?: string;
  /** DNS domain of the cluster. @default "cluster.local" */
  dnsDomain?: string;
  /** Hosts and what they do. Plain values: they decide which resources exist. @default none */
  hosts?: HostFacts[];
}

/** Kubernetes providers by component. A field would become part of the schema. */
const providers = new WeakMap<ExistingCluster, k8s.Provider>();

/** A kubeconfig, as far as it is read here. */
interface Kubeconfig {
  "current-context"?: string;
  contexts?: { name?: string; context?: { cluster?: string } }[];
  clusters?: { name?: string; cluster?: { server?: string } }[];
}

/**
 * URL of the API in a kubeconfig's current context.
 *
 * @throws Error if there is none
 */
export function serverOf(kubeconfig: string): string {
  const config = parse(kubeconfig) as Kubeconfig | null;
  const context = config?.contexts?.find((candidate) => candidate.name === config["current-context"])?.context;
  const server = config?.clusters?.find((candidate) => candidate.name === context?.cluster)?.cluster?.server;
  if (!server) {
    throw new Error(
      "ExistingCluster: kubeconfig: its current context names no server; give a kubeconfig in which `kubectl` works, or `apiServer`",
    );
  }
  return server;
}

/** A Kubernetes cluster that somebody else made. Stratiform uses it, and neither changes nor deletes its hosts. */
export class ExistingCluster extends pulumi.ComponentResource {
  /** What upper strata know of the cluster. */
  public readonly facts: pulumi.Output<ClusterFacts>;
  /** Credentials of the cluster's administrator. A secret. */
  public readonly kubeconfig: pulumi.Output<string>;

  /**
   * @param name name of the component
   * @param args what is known of the cluster
   * @param opts options of the component
   */
  constructor(name: string, args: ExistingClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:ExistingCluster", name, { ...args, kubeconfig: pulumi.secret(args.kubeconfig) }, opts);
    const clusterName = args.clusterName ?? name;
    if (!dnsLabel.test(clusterName)) {
      throw new pulumi.ResourceError(
        `clusterName: "${clusterName}" is not a DNS label; use at most 63 lower-case letters, digits and "-"`,
        this,
        true,
      );
    }
    this.kubeconfig = pulumi.secret(args.kubeconfig);
    // The URL alone is no secret, though it may be read from one.
    const apiServer = args.apiServer ?? pulumi.unsecret(this.kubeconfig.apply(serverOf));
    this.facts = pulumi.output(apiServer).apply((server) => ({
      clusterName,
      apiServer: server,
      kubernetesVersion: args.kubernetesVersion,
      podNetwork: args.podNetwork ?? defaultPodNetwork,
      serviceNetwork: args.serviceNetwork ?? defaultServiceNetwork,
      dnsDomain: args.dnsDomain ?? "cluster.local",
      storageClass: args.storageClass,
      hosts: args.hosts ?? [],
    }));
    providers.set(
      this,
      new k8s.Provider(
        name,
        { kubeconfig: this.kubeconfig, clusterIdentifier: clusterName, enablePatchForce: true },
        { parent: this },
      ),
    );
    this.registerOutputs({ facts: this.facts, kubeconfig: this.kubeconfig });
  }

  /** Kubernetes provider for components of upper strata: `{ provider: cluster.provider }`. */
  get provider(): k8s.Provider {
    const provider = providers.get(this);
    if (!provider) {
      throw new Error("ExistingCluster: the Kubernetes provider exists only in the program that made the component");
    }
    return provider;
  }
}
