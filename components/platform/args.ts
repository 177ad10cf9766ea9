/** Who brings the endpoint addresses to the cluster. */
export const Announce = {
  /** A host of the cluster holds them (VRRP); they lie in the network of the control hosts. */
  Keepalived: "keepalived",
  /** The cluster's own load balancer: a Service of type LoadBalancer. */
  LoadBalancer: "loadBalancer",
  /** Somebody else routes them to the cluster's nodes. */
  None: "none",
} as const;
export type Announce = (typeof Announce)[keyof typeof Announce];

/** Names and addresses of the API endpoints: of their own, never a host's. */
export interface EndpointAddressArgs {
  /** Host name or address for users of the cloud. */
  public: string;
  /** Host name or address for the cloud's own services. @default `public` */
  internal?: string;
  /** Address of `public`, where that is a name. @default `public` */
  publicAddress?: string;
  /** Address of `internal`, where that is a name. @default `internal` */
  internalAddress?: string;
  /** Who brings the addresses to the cluster. @default "keepalived" */
  announce?: Announce;
  /** Hosts' interface that carries the addresses, with `keepalived`. @default the one that carries the host's own address */
  interface?: string;
}
