import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { addonImage, type ClusterPlan } from "./plan";

const namespace = "kube-system";
const labels = { "k8s-app": "kube-router" };

/** The CNI configuration that every host gets: a bridge whose addresses come from the node's part of the pod network. */
const cniConfiguration = {
  cniVersion: "0.4.0",
  name: "stratiform",
  plugins: [
    {
      name: "kubernetes",
      type: "bridge",
      bridge: "kube-bridge",
      isDefaultGateway: true,
      hairpinMode: true,
      ipam: { type: "host-local" },
    },
    { type: "portmap", capabilities: { snat: true, portMappings: true } },
  ],
};

/**
 * The pod network: kube-router routes pods between hosts and enforces NetworkPolicies; Services stay with kube-proxy.
 * Nothing here waits for its pods, since nodes become ready only by it: the cluster's last gate does.
 */
export function podNetwork(name: string, plan: ClusterPlan, opts: pulumi.CustomResourceOptions): pulumi.Resource[] {
  const account = new k8s.core.v1.ServiceAccount(
    `${name}-kube-router`,
    { metadata: { name: "kube-router", namespace } },
    opts,
  );
  const role = new k8s.rbac.v1.ClusterRole(
    `${name}-kube-router`,
    {
      metadata: { name: "kube-router" },
      rules: [
        {
          apiGroups: [""],
          resources: ["namespaces", "pods", "services", "nodes", "endpoints"],
          verbs: ["get", "list", "watch"],
        },
        { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
      ],
    },
    opts,
  );
  const binding = new k8s.rbac.v1.ClusterRoleBinding(
    `${name}-kube-router`,
    {
      metadata: { name: "kube-router" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "kube-router" },
      subjects: [{ kind: "ServiceAccount", name: "kube-router", namespace }],
    },
    opts,
  );
  const config = new k8s.core.v1.ConfigMap(
    `${name}-kube-router`,
    {
      metadata: { name: "kube-router", namespace },
      data: { "cni.conflist": JSON.stringify(cniConfiguration, undefined, 2) },
    },
    opts,
  );
  const agent = new k8s.apps.v1.DaemonSet(
    `${name}-kube-router`,
    {
      metadata: { name: "kube-router", namespace, labels, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        template: { metadata: { labels }, spec: agentPod(plan) },
      },
    },
    { ...opts, dependsOn: [account, role, binding, config] },
  );
  return [agent];
}

/** Seconds in which kube-router does not hear its neighbours' calls after its start. */
const deafSeconds = 4;

/**
 * What is for a pod that no host has goes nowhere: without a route for it, as of all other hosts' pods after a power cut, it
 * would leave by the default route, and whoever has such an address out there would answer. The routes of hosts are more
 * exact than this one; like them it has kube-router's mark, by which the release of a host takes them all away.
 */
const nowhere = (podNetwork: string): string => `ip route replace unreachable ${podNetwork} proto 17`;

/**
 * kube-router opens its BGP port a moment before it knows its neighbours. A neighbour that calls in that moment is cut
 * off and rests for 5 s, in which it cuts off whoever calls; two that rest in turn do so for minutes, and their pods do
 * not reach each other. A call that is not heard is repeated by TCP within seconds; one that is refused would be made
 * again only after two to four minutes, which is how kube-router's BGP spaces its calls after the first.
 *
 * The rule stands in the table mangle: kube-router reads the table filter and writes it back whole, and would bring
 * back what was taken away in between. Its comment names it to the release of a host, where the pod ends too early.
 */
const startScript = (plan: ClusterPlan): string =>
  [
    nowhere(plan.podNetwork),
    'rule="INPUT -p tcp --dport 179 --tcp-flags SYN,ACK SYN -m comment --comment kube-router-start -j DROP"',
    "iptables -w -t mangle -C $rule 2>/dev/null || iptables -w -t mangle -I $rule",
    `(sleep ${deafSeconds}; while iptables -w -t mangle -C $rule 2>/dev/null; do iptables -w -t mangle -D $rule; done) &`,
    'exec kube-router "$@"',
  ].join("\n");

// Privileged and on the host's network: it is the host's network.
function agentPod(plan: ClusterPlan): k8s.types.input.core.v1.PodSpec {
  const image = addonImage(plan, "kube-router");
  return {
    serviceAccountName: "kube-router",
    priorityClassName: "system-node-critical",
    hostNetwork: true,
    hostPID: true,
    tolerations: [{ operator: "Exists" }],
    initContainers: [
      {
        name: "cni-configuration",
        image,
        command: [
          "/bin/sh",
          "-c",
          "cp /etc/kube-router/cni.conflist /etc/cni/net.d/.new && mv /etc/cni/net.d/.new /etc/cni/net.d/10-kuberouter.conflist",
        ],
        volumeMounts: [
          { name: "config", mountPath: "/etc/kube-router" },
          { name: "cni", mountPath: "/etc/cni/net.d" },
        ],
      },
    ],
    containers: [agentContainer(plan)],
    volumes: [
      { name: "config", configMap: { name: "kube-router" } },
      { name: "modules", hostPath: { path: "/lib/modules" } },
      { name: "cni", hostPath: { path: "/etc/cni/net.d", type: "DirectoryOrCreate" } },
      { name: "xtables", hostPath: { path: "/run/xtables.lock", type: "FileOrCreate" } },
    ],
  };
}

function agentContainer(plan: ClusterPlan): k8s.types.input.core.v1.Container {
  return {
    name: "kube-router",
    image: addonImage(plan, "kube-router"),
    command: ["/bin/sh", "-c", startScript(plan), "kube-router"],
    args: [
      "--run-router=true",
      "--run-firewall=true",
      "--run-service-proxy=false",
      "--enable-overlay=true",
      "--overlay-type=subnet",
      `--service-cluster-ip-range=${plan.serviceNetwork}`,
      "--cache-sync-timeout=2m",
      // Only then does a host learn which pods new hosts have. Before, it takes them for strangers, whom its own pods call
      // by the host's address, and policies refuse that. kube-router's default is 5 minutes.
      "--routes-sync-period=15s",
    ],
    env: [
      { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      { name: "KUBE_ROUTER_CNI_CONF_FILE", value: "/etc/cni/net.d/10-kuberouter.conflist" },
    ],
    livenessProbe: {
      httpGet: { path: "/healthz", port: 20244, host: "127.0.0.1" },
      initialDelaySeconds: 10,
      periodSeconds: 3,
      timeoutSeconds: 3,
      failureThreshold: 10,
    },
    readinessProbe: {
      httpGet: { path: "/healthz", port: 20244, host: "127.0.0.1" },
      periodSeconds: 3,
      timeoutSeconds: 3,
    },
    resources: { requests: { cpu: "50m", memory: "64Mi" } },
    securityContext: { privileged: true },
    volumeMounts: [
      { name: "modules", mountPath: "/lib/modules", readOnly: true },
      { name: "cni", mountPath: "/etc/cni/net.d" },
      { name: "xtables", mountPath: "/run/xtables.lock" },
    ],
  };
}
