import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { labelsOf, selectorOf } from "../kit/labels";
import { type Peer, workloadPolicy } from "../kit/network-policy";
import { quantity } from "../kit/sizes";
import { disruptionBudget, podTemplate, serviceSpec } from "../kit/workload";

const service = "memcached";
const process = "server";
const port = 11211;

/** Share of a pod's memory that values may take; the rest is memcached's own. */
const share = 0.75;

/** Members of memcached, as `host:port`. Clients spread their keys over them, so each has a name of its own. */
export function memcachedServers(cloud: string, dnsDomain: string, replicas: number): string[] {
  return Array.from(
    { length: replicas },
    (_, member) => `${service}-${member}.${service}.${cloud}.svc.${dnsDomain}:${port}`,
  );
}

/** Arguments of `Memcached`. */
export interface MemcachedArgs {
  /** The cloud that it belongs to. */
  context: CloudContext;
  /** Who may connect to it. */
  clients: readonly Peer[];
}

/** memcached: what services would otherwise ask Keystone or the database again and again. Losing it loses nothing. */
export class Memcached extends pulumi.ComponentResource {
  /** Members, as `host:port`. */
  public readonly servers: string[];
  /** What those who need it wait for. */
  public readonly resources: pulumi.Resource[];

  constructor(name: string, args: MemcachedArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:Memcached", name, {}, opts);
    const { context, clients } = args;
    const size = context.size(service, process);
    const metadata = { name: service, namespace: context.namespace };
    const selector = selectorOf(context.cloud, service, process);
    this.servers = memcachedServers(context.cloud, context.dnsDomain, size.replicas);

    const policy = new k8s.networking.v1.NetworkPolicy(
      name,
      {
        metadata,
        spec: workloadPolicy({ cloud: context.cloud, service, process, ingressFrom: clients, ingressPorts: [port] }),
      },
      context.inNamespace(this),
    );
    const found = new k8s.core.v1.Service(
      name,
      {
        metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
        spec: serviceSpec({ selector, ports: { memcached: port }, headless: true, publishNotReady: true }),
      },
      context.inNamespace(this),
    );
    const members = new k8s.apps.v1.StatefulSet(
      name,
      {
        metadata,
        spec: {
          serviceName: service,
          replicas: size.replicas,
          podManagementPolicy: "Parallel",
          selector: { matchLabels: selector },
          template: podTemplate(labelsOf(context.cloud, service, process), {
            ...user(context),
            containers: [
              {
                name: process,
                image: context.image(service),
                command: argumentVector(service, context.entry(service), [service, ...options(size.memory)]),
                port,
                size,
              },
            ],
            hostAliases: context.hostAliases,
            gracePeriod: 5,
            spread: { selector },
          }),
        },
      },
      context.workload(this, { dependsOn: [policy] }),
    );
    if (size.replicas > 1) {
      new k8s.policy.v1.PodDisruptionBudget(
        name,
        { metadata, spec: disruptionBudget(selector) },
        context.inNamespace(this),
      );
    }
    this.resources = [found, members];
    this.registerOutputs({});
  }
}

function user(context: CloudContext): { uid: number; gid: number } {
  const { uid, gid } = context.entry(service);
  return { uid, gid };
}

function options(memory: string): string[] {
  const megabytes = Math.max(16, Math.floor((quantity(memory) * share) / 1024 ** 2));
  return ["-m", String(megabytes), "-p", String(port), "-l", "0.0.0.0", "-c", "4096"];
}
