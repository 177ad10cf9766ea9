import type * as pulumi from "@pulumi/pulumi";
import type { ClusterFacts, HostFacts, PreflightMode } from "../cluster/args";
import type { ImageEntry } from "../kit/catalogue";
import type { ProcessSizeArgs, Profile } from "../kit/profile";
import type { ReleaseArgs } from "../kit/release";
import type { EndpointAddressArgs } from "../platform/args";
import type { CloudComputeArgs, CloudNetworksArgs } from "./network-args";

/** Where the certificate of the API endpoints comes from. */
export interface CloudCertificateArgs {
  /** PEM certificate of a CA that signs the endpoints' certificate. Excludes `certificate`. @default a CA that the stack makes */
  authority?: string;
  /** Private key of `authority`. A secret. @default none */
  authorityPrivateKey?: pulumi.Input<string>;
  /** PEM certificate of the endpoints, with its chain, made elsewhere. @default signed by the authority */
  certificate?: string;
  /** Private key of `certificate`. A secret. @default none */
  privateKey?: pulumi.Input<string>;
}

/** Arguments of `OpenStackCloud`. What decides which resources exist is plain; only the cluster's facts and secrets come as they are made. */
export interface OpenStackCloudArgs {
  /** The cluster: `facts` of a `KubeadmCluster` or an `ExistingCluster`. */
  cluster: pulumi.Input<ClusterFacts>;
  /** Name of the cloud and of its namespace: a DNS label. @default "openstack" */
  cloudName?: string;
  /** How much the cloud has of everything. @default "small" */
  profile?: Profile;
  /** The release: which images. */
  release: ReleaseArgs;
  /** Registry that holds the release's images, with a path prefix if any: `registry.example:5000`. */
  registry: string;
  /** OpenStack services, such as `["keystone"]`. */
  services: string[];
  /** The cluster's hosts, as its facts have them. Plain values: they decide which resources exist. @default none, which is enough for a cloud without virtual machines */
  hosts?: HostFacts[];
  /** The networks that carry the virtual machines' traffic. */
  networks?: CloudNetworksArgs;
  /** How virtual machines are run. */
  compute?: CloudComputeArgs;
  /** Region. @default "RegionOne" */
  region?: string;
  /** Names and addresses of the API endpoints. */
  endpoint: EndpointAddressArgs;
  /** Where the endpoints' certificate comes from. @default a CA that the stack makes */
  certificate?: CloudCertificateArgs;
  /** Password of the user `admin`. A secret. @default generated */
  adminPassword?: pulumi.Input<string>;
  /** Sizes that differ from the profile's, by service and process: `{ keystone: { api: { replicas: 5 } } }`. @default none */
  sizes?: Record<string, Record<string, ProcessSizeArgs>>;
  /** Options that differ from the definitions', by service, file, section and option. @default none */
  // biome-ignore lint/suspicious/noExplicitAny: the documented escape hatch: options have the types that their service gives them
  overrides?: Record<string, Record<string, Record<string, Record<string, any>>>>;
  /** How the images look inside. @default the catalogue of the images built from Debian packages */
  catalogue?: Record<string, ImageEntry>;
  /** When the endpoint addresses are asked whether somebody else has them. @default "preview" */
  preflight?: PreflightMode;
  /** DNS domain of the cluster; it must be the one in the cluster's facts. @default "cluster.local" */
  dnsDomain?: string;
}

/** An API endpoint as users of the cloud see it. */
export interface EndpointFacts {
  /** Service, such as `keystone`. */
  service: string;
  /** Service type in the catalogue, such as `identity`. */
  type: string;
  /** URL for users. */
  publicUrl: string;
  /** URL for the cloud's own services. */
  internalUrl: string;
}

/** What is known of a cloud before there is a cluster: enough for all checks. */
export type CloudPlanArgs = Omit<OpenStackCloudArgs, "cluster">;
