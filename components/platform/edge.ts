import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { hashedConfigMap, hashedSecret } from "../kit/hashed";
import { labelsOf, selectorOf } from "../kit/labels";
import { eachDirection, workloadPolicy } from "../kit/network-policy";
import type { PodPlan } from "../kit/pod";
import { deploymentSpec, disruptionBudget, serviceSpec } from "../kit/workload";
import { Announce, type EndpointAddressArgs } from "./args";
import { edgeAddress } from "./edge-address";
import { type EdgeRoute, edgeConfig } from "./edge-config";
import { haproxyFiles, haproxyPod } from "./haproxy";
import { endpointAddresses } from "./validate-endpoint";

export type { EdgeRoute } from "./edge-config";

const service = "edge";
const process = "haproxy";

const certificateDirectory = "/etc/stratiform/edge-certificate";

/**
 * Connections of one pod. HAProxy needs two file descriptors for each, and 20,000 is what even a runtime that may raise
 * no limits gives.
 */
const connections = 4000;

/** Seconds that running answers, such as uploads, have when a pod goes; HAProxy's own limit (`hard-stop-after`) is the same. */
const drainSeconds = 600;

/** Arguments of `Edge`. */
export interface EdgeArgs {
  /** The cloud that it belongs to. */
  context: CloudContext;
  /** Names and addresses of the endpoints. */
  endpoint: EndpointAddressArgs;
  /** Addresses of the control hosts, one of which holds the endpoint addresses with `keepalived`. */
  controlHosts: pulumi.Input<string[]>;
  /** What it passes on. */
  routes: readonly EdgeRoute[];
  /** Certificate of the endpoints, with those of its issuers, PEM. */
  certificate: pulumi.Input<string>;
  /** Private key of the certificate, PEM. A secret. */
  privateKey: pulumi.Input<string>;
}

/**
 * The API edge: HAProxy in front of all services, on the endpoint addresses, with TLS. A change of a route or of the
 * certificate rolls its pods one after another; each goes only when its running answers have ended.
 */
export class Edge extends pulumi.ComponentResource {
  /** What those who call an endpoint wait for. */
  public readonly resources: pulumi.Resource[];

  constructor(name: string, args: EdgeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:Edge", name, {}, opts);
    const { context, endpoint, routes } = args;
    const size = context.size(service, process);
    const metadata = { name: service, namespace: context.namespace };
    const selector = selectorOf(context.cloud, service, process);
    const [ingress, egress] = eachDirection(edgePolicy(context, routes));
    const policies = [
      new k8s.networking.v1.NetworkPolicy(name, { metadata, spec: ingress }, context.inNamespace(this)),
      new k8s.networking.v1.NetworkPolicy(
        `${name}-egress`,
        { metadata: { ...metadata, name: `${service}-egress` }, spec: egress },
        context.inNamespace(this),
      ),
    ];
    const files = edgeFiles(name, args, this);
    const pods = new k8s.apps.v1.Deployment(
      name,
      {
        metadata,
        spec: deploymentSpec({
          labels: labelsOf(context.cloud, service, process),
          selector,
          replicas: size.replicas,
          pod: edgePod(context, files),
        }),
      },
      context.workload(this, { dependsOn: [...policies, files.config, files.certificate] }),
    );
    if (size.replicas > 1) {
      new k8s.policy.v1.PodDisruptionBudget(
        name,
        { metadata, spec: disruptionBudget(selector) },
        context.inNamespace(this),
      );
    }
    const found = edgeService(name, args, this);
    const announced =
      (endpoint.announce ?? Announce.Keepalived) === Announce.Keepalived
        ? edgeAddress(name, { context, endpoint, controlHosts: args.controlHosts }, this)
        : [];
    this.resources = [pods, found, ...announced];
    this.registerOutputs({});
  }
}

interface EdgeFiles {
  config: k8s.core.v1.ConfigMap;
  certificate: k8s.core.v1.Secret;
}

function edgeFiles(name: string, args: EdgeArgs, parent: pulumi.Resource): EdgeFiles {
  const { context, routes } = args;
  const configuration = edgeConfig(routes, {
    certificateFile: `${certificateDirectory}/edge.pem`,
    threads: context.size(service, process).workers,
    connections,
    stopSeconds: drainSeconds,
  });
  const data = haproxyFiles(configuration);
  const config = hashedConfigMap(name, service, data, context, parent);
  const pem = pulumi
    .all([args.certificate, args.privateKey])
    .apply(([certificate, key]): Record<string, string> => ({ "edge.pem": `${certificate.trim()}\n${key.trim()}\n` }));
  const certificate = hashedSecret(name, service, pem, context, parent);
  return { config, certificate };
}

function edgePod(context: CloudContext, files: EdgeFiles): PodPlan {
  return haproxyPod(context, {
    service,
    process,
    config: files.config.metadata.name,
    volumes: { certificate: { kind: "secret", name: files.certificate.metadata.name } },
    mounts: [{ volume: "certificate", path: certificateDirectory }],
    gracePeriod: drainSeconds,
  });
}

/** Everybody may call the endpoints; the edge may call the processes behind them. */
function edgePolicy(context: CloudContext, routes: readonly EdgeRoute[]): ReturnType<typeof workloadPolicy> {
  return workloadPolicy({
    cloud: context.cloud,
    service,
    process,
    fromAnywhere: true,
    ingressPorts: routes.map((route) => route.port),
    egressTo: routes.map((route) => ({ service: route.service, process: route.process, ports: [route.backendPort] })),
  });
}

/**
 * The endpoint addresses, as a Service: every node passes what is for them on to an edge pod, so that no call from inside
 * the cluster takes a detour, wherever the addresses are held.
 */
function edgeService(name: string, args: EdgeArgs, parent: pulumi.Resource): k8s.core.v1.Service {
  const { context, endpoint, routes } = args;
  const ports = Object.fromEntries(
    [...new Set(routes.map((route) => route.port))].map((port) => [`port-${port}`, port]),
  );
  const spec = serviceSpec({ selector: selectorOf(context.cloud, service, process), ports });
  const announce = endpoint.announce ?? Announce.Keepalived;
  return new k8s.core.v1.Service(
    name,
    {
      metadata: {
        name: service,
        namespace: context.namespace,
        // Pods of its own workload are waited for there.
        ...(announce === Announce.LoadBalancer ? {} : { annotations: { "pulumi.com/skipAwait": "true" } }),
      },
      spec:
        announce === Announce.LoadBalancer
          ? { ...spec, type: "LoadBalancer" }
          : { ...spec, externalIPs: endpointAddresses(endpoint) },
    },
    context.inNamespace(parent),
  );
}
