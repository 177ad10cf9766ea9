import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { busUserJob } from "../backing/message-bus-user";
import { selectorOf } from "../kit/labels";
import { workloadPolicy } from "../kit/network-policy";
import { disruptionBudget, serviceSpec } from "../kit/workload";
import { stepsProcess } from "./connections";
import type { ProcessDefinition } from "./definition";
import { loginAtStart, serviceUserName } from "./registration";
import { registrationJob } from "./registration-job";
import type { OpenStackServiceArgs, ServiceBuild } from "./service-build";
import { laidPerNode } from "./service-per-node";
import { laidProcess, replicasOf } from "./service-process";
import { serviceSecrets } from "./service-secrets";
import { laidContraction, laidExpansion } from "./service-steps";
import { setupJobs } from "./setup-job";

/**
 * One OpenStack service on a cluster, laid from its definition: database and user, configuration, step jobs, processes
 * with Services, disruption budgets and NetworkPolicies, entry in Keystone.
 */
export class OpenStackService extends pulumi.ComponentResource {
  /** What services that need this one wait for: it answers and stands in the catalogue. */
  public readonly answers: pulumi.Resource[];
  /** Its steps before any process, with its databases. */
  public readonly expanded: pulumi.Resource[];
  /** All of it, with the steps that follow when it answers. */
  public readonly done: pulumi.Resource[];
  readonly #build: ServiceBuild;

  constructor(name: string, args: OpenStackServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:OpenStackService", name, {}, opts);
    const build: ServiceBuild = { ...args, name, parent: this, secrets: serviceSecrets(name, args, this) };
    this.#build = build;
    const policies = layPolicies(build);
    const expanded = laidExpansion(build, [...args.beforeSteps, ...policies]);
    this.expanded = expanded;
    const registered = registrationJob(build, [...args.identity, ...policies]);
    const bus = layBusUser(build, [...args.backing, ...policies]);
    const prepared = [...expanded, ...bus, ...args.backing, ...policies];
    const needed = [...(loginAtStart(args.definition) ? registered : []), ...args.after];
    const running = layProcesses(build, prepared, needed);
    const contracted = laidContraction(build, [...expanded, ...running.anywhere]);
    this.answers = [...running.anywhere, ...running.onHosts, ...registered];
    this.done = [...this.answers, ...contracted];
    this.registerOutputs({});
  }

  /**
   * Has the administrator do what the definition asks for. After all services are laid, since it may wait for some that
   * the service does not need.
   * @param answersOf what there is to wait for until a service answers
   */
  public setUp(answersOf: (service: string) => pulumi.Resource[]): pulumi.Resource[] {
    return setupJobs(this.#build, this.answers, answersOf);
  }
}

/**
 * The processes in their order; those that may roll together do.
 * @param prepared what each of them waits for
 * @param needed what those wait for that do not start alone
 */
function layProcesses(
  build: ServiceBuild,
  prepared: pulumi.Resource[],
  needed: pulumi.Resource[],
): { anywhere: pulumi.Resource[]; onHosts: pulumi.Resource[] } {
  const anywhere: pulumi.Resource[] = [];
  const onHosts: pulumi.Resource[] = [];
  let previous: pulumi.Resource[] = [];
  let together: pulumi.Resource[] = [];
  for (const process of build.definition.processes) {
    if (process.beside !== true && together.length > 0) {
      previous = together;
      together = [];
    }
    const made = layProcess(build, process, [...prepared, ...(process.startsAlone ? [] : needed), ...previous]);
    if (process.perNode !== undefined) {
      // Those on the hosts find each other in any order: no other process waits for them.
      onHosts.push(...made);
    } else {
      anywhere.push(...made);
      together.push(...made);
    }
  }
  return { anywhere, onHosts };
}

/** Its user on the message bus, and the virtual host that it alone uses. */
function layBusUser(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  const { context, definition, messageBus, secrets, parent, name } = build;
  if (secrets.messagingPassword === undefined || messageBus === undefined) {
    return [];
  }
  return busUserJob(
    `${name}-messaging`,
    {
      context,
      bus: messageBus,
      service: definition.name,
      process: stepsProcess,
      user: serviceUserName(definition.name),
      password: secrets.messagingPassword,
    },
    { parent, dependsOn },
  );
}

/** Who may connect to whom: one policy for each process, and one for all steps. */
function layPolicies(build: ServiceBuild): pulumi.Resource[] {
  const { context, definition, connections, parent, name } = build;
  const policy = (process: string, port: number | undefined): k8s.networking.v1.NetworkPolicy[] => {
    const targets = connections.targetsOf(definition.name, process);
    if (port === undefined && targets.length === 0) {
      return [];
    }
    const spec = workloadPolicy({
      cloud: context.cloud,
      service: definition.name,
      process,
      ingressFrom: connections.callersOf(definition.name, process),
      ingressPorts: port === undefined ? [] : [port],
      egressTo: targets,
    });
    const metadata = { name: `${definition.name}-${process}`, namespace: context.namespace };
    return [new k8s.networking.v1.NetworkPolicy(`${name}-${process}`, { metadata, spec }, context.inNamespace(parent))];
  };
  return [
    // Those on the hosts' network are outside all policies.
    ...definition.processes
      .filter((process) => process.perNode === undefined)
      .flatMap((process) => policy(process.name, process.port)),
    ...policy(stepsProcess, undefined),
  ];
}

/** One process: its workload, the name it is found by, and how many of it may be away at once. */
function layProcess(build: ServiceBuild, process: ProcessDefinition, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  const { context, definition, parent, name } = build;
  if (process.perNode !== undefined) {
    return [laidPerNode(build, process, process.perNode, dependsOn)];
  }
  const metadata = { name: `${definition.name}-${process.name}`, namespace: context.namespace };
  const selector = selectorOf(context.cloud, definition.name, process.name);
  const workload = laidProcess(build, process, dependsOn);
  const service =
    process.port === undefined
      ? []
      : [
          new k8s.core.v1.Service(
            `${name}-${process.name}`,
            {
              // Its pods come and go: waiting for them is the workload's matter.
              metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
              spec: serviceSpec({ selector, ports: { api: process.port }, headless: true }),
            },
            context.inNamespace(parent),
          ),
        ];
  if (replicasOf(build, process) > 1) {
    new k8s.policy.v1.PodDisruptionBudget(
      `${name}-${process.name}`,
      { metadata, spec: disruptionBudget(selector) },
      context.inNamespace(parent),
    );
  }
  return [workload, ...service];
}
