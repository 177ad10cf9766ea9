import { ovnDatabases, ovnService } from "../backing/ovn-facts";
import { busPort, distributionPorts } from "../backing/rabbitmq-config";
import type { Peer, PeerNetwork, PortRange } from "../kit/network-policy";
import type { ProcessDefinition, ServiceDefinition, StepDefinition } from "./definition";

/** A group of pods, as labels select it. */
export interface Party {
  /** Service, such as `keystone` or `mariadb`. */
  service: string;
  /** Process, or `steps` for the service's jobs. */
  process: string;
}

/** A group of pods and the ports it answers on. */
export interface Target extends Party {
  ports: readonly number[];
}

/** Label value of a service's jobs, in the place of a process. */
export const stepsProcess = "steps";

/** What all definitions of a cloud together connect. */
export interface Connections {
  /** Ports of all API endpoints. */
  edgePorts: readonly number[];
  /** Whom a process, or the steps, of a service connect to. */
  targetsOf(service: string, process: string): (Peer & { ports: readonly (number | PortRange)[] })[];
  /** Who connects to a process of a service, the edge included; with `port`, those who connect to that one. */
  callersOf(service: string, process: string, port?: number): Peer[];
}

/** Backing services and the edge, by the name that `talksTo` uses. */
const backing: Record<string, Target> = {
  mariadb: { service: "mariadb", process: "proxy", ports: [3306] },
  memcached: { service: "memcached", process: "server", ports: [11211] },
  rabbitmq: { service: "rabbitmq", process: "server", ports: [busPort] },
  "ovn-northbound": { service: ovnService, process: "northbound", ports: [ovnDatabases.northbound.port] },
  "ovn-southbound": { service: ovnService, process: "southbound", ports: [ovnDatabases.southbound.port] },
};

/** The name by which all mean the database. */
const databaseName = "mariadb";

/** Whom a step calls: the database, unless it says otherwise. */
function calledBy(step: StepDefinition): readonly string[] {
  return step.talksTo ?? [databaseName];
}

/** The name by which the job that makes a service's user means the message bus: it needs other ports than clients. */
const busAdministration = "rabbitmq administration";

/** Names that `talksTo` may use beside those of services, and `needs` too but for the parts of OVN. */
export const backingNames: readonly string[] = [...Object.keys(backing), ovnService];

/** Whether anything of a cloud uses OVN. */
export function usesOvn(definitions: readonly ServiceDefinition[]): boolean {
  return definitions.some(
    (one) =>
      one.needs?.includes(ovnService) ||
      one.processes.some((process) => process.talksTo?.some((name) => name.startsWith(`${ovnService}-`))),
  );
}

/**
 * Whom the steps of a service that run before its processes wait for: the backing services that they call, and all that
 * the service needs where they call another one.
 */
export function neededBySteps(definition: ServiceDefinition): readonly string[] {
  const expand = definition.steps?.expand ?? [];
  const called = [...(definition.databases?.length ? [databaseName] : []), ...expand.flatMap(calledBy)];
  const needs = definition.needs ?? [];
  return called.every((name) => name in backing)
    ? needs.filter((need) => called.some((name) => name === need || name.startsWith(`${need}-`)))
    : needs;
}

/** The name by which `talksTo` means all API endpoints. */
export const edgeName = "edge";

/** The name by which `talksTo` means the consoles of virtual machines, which QEMU has on their hosts. */
export const consolesName = "consoles";

/** Ports of those consoles: libvirt gives each virtual machine of a host the first that is free. */
export const consolePorts: PortRange = { first: 5900, last: 6899 };

interface Wish extends Party {
  talksTo: readonly string[];
  /** It runs on the hosts' network. */
  onHosts: boolean;
}

/** Whether a process uses its host's network, where no label finds it: it is known by the hosts' addresses. */
function onHosts(process: ProcessDefinition): boolean {
  return process.perNode?.hostNetwork !== undefined;
}

/**
 * Works out who connects to whom, from what every process and step of every definition says it talks to.
 * @param hostNetworks networks of the hosts' addresses, by which processes on the hosts' network are known
 */
export function connections(
  definitions: readonly ServiceDefinition[],
  hostNetworks: readonly string[] = [],
): Connections {
  const edgePorts = [...new Set(definitions.flatMap((one) => edgeEntries(one).map((entry) => entry.port)))].sort(
    (left, right) => left - right,
  );
  const wishes = definitions.flatMap(wishesOf);
  const resolve = (name: string): Target[] => resolveTarget(name, definitions, edgePorts);
  const hosts = hostNetworks.map((cidr): PeerNetwork => ({ cidr }));
  return {
    edgePorts,
    targetsOf: (service, process) => {
      const names = wishes
        .filter((wish) => wish.service === service && wish.process === process)
        .flatMap((wish) => [...new Set(wish.talksTo)]);
      return [
        ...names
          .flatMap(resolve)
          .flatMap((target): (Peer & { ports: readonly number[] })[] =>
            isOnHosts(definitions, target) ? hosts.map((host) => ({ ...host, ports: target.ports })) : [target],
          ),
        ...(names.includes(consolesName) ? hosts.map((host) => ({ ...host, ports: [consolePorts] })) : []),
      ];
    },
    callersOf: (service, process, port) => {
      const asked = (target: Target): boolean =>
        target.service === service && target.process === process && (port === undefined || target.ports.includes(port));
      const callers = wishes.filter((wish) => wish.talksTo.flatMap(resolve).some(asked));
      return [
        ...(definitions.some(
          (one) => one.name === service && edgeEntries(one).some((entry) => entry.process === process),
        )
          ? [{ service: edgeName, process: "haproxy" }]
          : []),
        ...callers
          .filter((wish) => !wish.onHosts)
          .map((wish): Party => ({ service: wish.service, process: wish.process })),
        ...(callers.some((wish) => wish.onHosts) ? hosts : []),
      ];
    },
  };
}

function isOnHosts(definitions: readonly ServiceDefinition[], target: Party): boolean {
  return definitions
    .filter((one) => one.name === target.service)
    .some((one) => one.processes.some((process) => process.name === target.process && onHosts(process)));
}

/** What a service has at the edge: its entries of the catalogue, and its further ports. */
export function edgeEntries(definition: ServiceDefinition): { port: number; process: string }[] {
  return [
    ...(definition.catalog ?? []).map(({ port, process }) => ({ port, process: process ?? "api" })),
    ...(definition.endpointPorts ?? []).map(({ port, process }) => ({ port, process })),
  ];
}

function wishesOf(definition: ServiceDefinition): Wish[] {
  const steps = [...(definition.steps?.expand ?? []), ...(definition.steps?.after ?? [])];
  const talksTo = new Set([
    ...(definition.databases?.length ? [databaseName] : []),
    ...(definition.messaging === true ? [busAdministration] : []),
    // Keystone's steps also take out what no definition names any more.
    ...(registers(definition) || isIdentity(definition) || definition.setup?.length ? [edgeName] : []),
    ...steps.flatMap(calledBy),
  ]);
  return [
    ...definition.processes.map((process) => ({
      service: definition.name,
      process: process.name,
      talksTo: process.talksTo ?? [],
      onHosts: onHosts(process),
    })),
    ...(talksTo.size > 0
      ? [{ service: definition.name, process: stepsProcess, talksTo: [...talksTo], onHosts: false }]
      : []),
  ];
}

function isIdentity(definition: ServiceDefinition): boolean {
  return (definition.catalog ?? []).some((entry) => entry.type === "identity");
}

/** Whether a service is entered into Keystone by a step of its own; Keystone enters itself. */
export function registers(definition: ServiceDefinition): boolean {
  return (definition.serviceUser ?? true) || (definition.catalog ?? []).some((entry) => entry.type !== "identity");
}

function resolveTarget(
  name: string,
  definitions: readonly ServiceDefinition[],
  edgePorts: readonly number[],
): Target[] {
  const own = backing[name];
  if (own !== undefined) {
    return [own];
  }
  if (name === busAdministration) {
    return [{ service: "rabbitmq", process: "server", ports: distributionPorts }];
  }
  if (name === edgeName) {
    return [{ service: edgeName, process: "haproxy", ports: edgePorts }];
  }
  const definition = definitions.find((one) => one.name === name);
  return (definition?.processes ?? []).flatMap((process) =>
    process.port === undefined ? [] : [{ service: name, process: process.name, ports: [process.port] }],
  );
}
