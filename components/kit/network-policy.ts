import type { types } from "@pulumi/kubernetes";
import { selectorOf } from "./labels";

type PolicySpec = types.input.networking.v1.NetworkPolicySpec;
type PolicyPeer = types.input.networking.v1.NetworkPolicyPeer;
type PolicyPort = types.input.networking.v1.NetworkPolicyPort;

/** Pods that labels select. */
export interface PeerPods {
  /** Service, such as `keystone` or `mariadb`. */
  service: string;
  /** Process, or step. @default all of the service's */
  process?: string;
  /** Namespace. @default the policy's own */
  namespace?: string;
}

/** Addresses: of hosts, and of pods that use their host's network, which no labels select. */
export interface PeerNetwork {
  /** IPv4 or IPv6 network, such as `10.20.0.0/24`. */
  cidr: string;
}

/** Ports one after another. */
export interface PortRange {
  first: number;
  last: number;
}

/** Somebody at the other end of a connection. */
export type Peer = PeerPods | PeerNetwork;

/** Whom a process or step may hear and call, beside DNS, which all may. */
export interface PolicyPlan {
  /** Name of the cloud. */
  cloud: string;
  /** Service that the policy is for. */
  service: string;
  /** Process or step that it is for. */
  process: string;
  /** Who may connect to `ingressPorts`. @default nobody */
  ingressFrom?: readonly Peer[];
  /** Ports, as the pods listen on them. @default none */
  ingressPorts?: readonly number[];
  /** Anybody may connect to `ingressPorts`, from outside the cluster too. @default false */
  fromAnywhere?: boolean;
  /** Whom it may call, and on which ports, as the pods listen on them: addresses of Services are already replaced where policies are enforced. @default nobody */
  egressTo?: readonly (Peer & { ports: readonly (number | PortRange)[] })[];
  /** It may call anybody on these ports. @default none */
  egressAnywhere?: readonly number[];
}

const dns: types.input.networking.v1.NetworkPolicyEgressRule = {
  to: [
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
      podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
    },
  ],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};

function peer(cloud: string, one: Peer): PolicyPeer {
  if ("cidr" in one) {
    return { ipBlock: { cidr: one.cidr } };
  }
  return {
    ...(one.namespace === undefined
      ? {}
      : { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": one.namespace } } }),
    podSelector: { matchLabels: selectorOf(cloud, one.service, one.process) },
  };
}

function tcpPorts(ports: readonly (number | PortRange)[]): PolicyPort[] {
  return [...new Set(ports)].map((port) =>
    typeof port === "number" ? { protocol: "TCP", port } : { protocol: "TCP", port: port.first, endPort: port.last },
  );
}

/**
 * Policy of a process' or step's pods, in both directions. What it does not name is refused. Pods on their host's network
 * are outside all policies: they are neither held by one nor selected by labels.
 */
export function workloadPolicy(plan: PolicyPlan): PolicySpec {
  const { cloud } = plan;
  const ports = tcpPorts(plan.ingressPorts ?? []);
  const from = plan.ingressFrom ?? [];
  // A rule without peers means everybody, and one without ports means every port: neither may come about by an empty list.
  const open = ports.length > 0 && (plan.fromAnywhere || from.length > 0);
  return {
    podSelector: { matchLabels: selectorOf(cloud, plan.service, plan.process) },
    policyTypes: ["Ingress", "Egress"],
    ingress: open ? [{ ...(plan.fromAnywhere ? {} : { from: from.map((one) => peer(cloud, one)) }), ports }] : [],
    egress: [
      dns,
      ...(plan.egressTo ?? [])
        .filter((one) => one.ports.length > 0)
        .map((one) => ({ to: [peer(cloud, one)], ports: tcpPorts(one.ports) })),
      ...(plan.egressAnywhere?.length ? [{ ports: tcpPorts(plan.egressAnywhere) }] : []),
    ],
  };
}

/**
 * The two directions of a policy as two policies, ingress first. For pods that anybody may connect to: kube-router lets a
 * connection through when any rule of a policy of its pod knows it, whichever direction the rule is for, and a pod would
 * call its equals because everybody may.
 */
export function eachDirection(spec: PolicySpec): [ingress: PolicySpec, egress: PolicySpec] {
  const { podSelector, ingress = [], egress = [] } = spec;
  return [
    { podSelector, policyTypes: ["Ingress"], ingress },
    { podSelector, policyTypes: ["Egress"], egress },
  ];
}

/** Nobody hears or calls anybody in a namespace, unless another policy says so. */
export function denyAll(): PolicySpec {
  return { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
}
