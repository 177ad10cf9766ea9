import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { labelsOf, selectorOf } from "../kit/labels";
import { hashedName } from "../kit/names";
import { podTemplate } from "../kit/workload";
import type { EndpointAddressArgs } from "./args";
import { endpointAddresses } from "./validate-endpoint";

const service = "edge";
const process = "address";
const directory = "/etc/stratiform/edge-address";

/** Label that Kubernetes gives control hosts, and taint that keeps other pods off them. */
const controlPlane = "node-role.kubernetes.io/control-plane";

/** What `edgeAddress` needs. */
export interface EdgeAddressArgs {
  context: CloudContext;
  endpoint: EndpointAddressArgs;
  /** Addresses of the control hosts: they agree among themselves who holds the endpoint addresses. */
  controlHosts: pulumi.Input<string[]>;
}

/**
 * One control host at a time holds the endpoint addresses: it answers for them in its network, and its kube-proxy passes
 * on what comes. keepalived runs on the host's network, since the addresses are the host's while it holds them.
 */
export function edgeAddress(name: string, args: EdgeAddressArgs, parent: pulumi.Resource): pulumi.Resource[] {
  const { context, endpoint } = args;
  const data = {
    "start.sh": readFileSync(join(__dirname, "scripts", "edge-address.sh"), "utf8"),
    addresses: `${endpointAddresses(endpoint).join("\n")}\n`,
    interface: endpoint.interface ?? "",
    hosts: pulumi.output(args.controlHosts).apply((hosts) => `${[...hosts].sort().join("\n")}\n`),
  };
  const config = new k8s.core.v1.ConfigMap(
    `${name}-address`,
    {
      metadata: {
        name: pulumi.unsecret(
          pulumi
            .all([context.hashKey, pulumi.output(data)])
            .apply(([key, content]) => hashedName("edge-address", key, content)),
        ),
        namespace: context.nodeNamespace,
      },
      data,
      immutable: true,
    },
    context.inNodeNamespace(parent),
  );
  const { uid, gid, programs } = context.entry("keepalived");
  const reason = "holds the endpoint addresses on an interface of its host, and agrees with the other hosts by VRRP";
  const holders = new k8s.apps.v1.DaemonSet(
    `${name}-address`,
    {
      metadata: { name: "edge-address", namespace: context.nodeNamespace },
      spec: {
        selector: { matchLabels: selectorOf(context.cloud, service, process) },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        template: podTemplate(labelsOf(context.cloud, service, process), {
          uid,
          gid,
          hostNetwork: { reason },
          nodeSelector: { [controlPlane]: "" },
          tolerations: [{ key: controlPlane, operator: "Exists" }],
          containers: [
            {
              name: "keepalived",
              image: context.image("keepalived"),
              command: ["/bin/sh", `${directory}/start.sh`, ...(programs["keepalived"] ?? ["keepalived"])],
              fields: { HOST_ADDRESS: "status.hostIP" },
              mounts: [{ volume: "config", path: directory }],
              readiness: { kind: "exec", command: ["test", "-s", "/run/keepalived.pid"] },
              exception: { reason, root: true, capabilities: ["NET_ADMIN", "NET_RAW"] },
              size: { cpu: "10m", memory: "16Mi" },
            },
          ],
          volumes: { config: { kind: "configMap", name: config.metadata.name } },
          scratch: ["/run"],
          gracePeriod: 5,
        }),
      },
    },
    context.nodeWorkload(parent, { dependsOn: [config] }),
  );
  return [holders];
}
