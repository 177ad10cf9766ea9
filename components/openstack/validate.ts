import type * as pulumi from "@pulumi/pulumi";
import { ovnService } from "../backing/ovn-facts";
import { debianCatalogue } from "../kit/debian-catalogue";
import { disjoint } from "../kit/oslo";
import { Profile } from "../kit/profile";
import { listed, proposal } from "../kit/proposal";
import { checkRelease } from "../kit/release-check";
import { checkSizes } from "../kit/sizes";
import { authorityProblems, certificateProblems } from "../platform/certificate-check";
import { validateEndpointNames } from "../platform/validate-endpoint";
import type { CloudPlanArgs } from "./args";
import { backingNames, consolesName, edgeName, usesOvn } from "./connections";
import type { ServiceDefinition, ServiceFactory } from "./definition";
import { defaults, define, endpointHost, outlineOf } from "./facts";
import { blankSecrets } from "./service-files";
import { impliedServices, knownServices } from "./services";
import { cloudNetworkProblems, roleProblems } from "./validate-networks";
import { optionProblems } from "./validate-options";

/** What is wrong with a cloud's arguments, and what will be wrong one day. */
export interface CloudProblems {
  /** Each with its path, what is wrong and what to do. */
  errors: string[];
  /** Options that are on their way out, with their successors. */
  warnings: string[];
}

/** Images that a cloud needs whatever its services. */
const baseImages = ["mariadb", "memcached", "haproxy", "keepalived", "client"];
/** Who needs those, in a message. */
const everyCloud = "every cloud";

/** Sets that decide by majority. */
const quorumSets = [
  { service: "mariadb", process: "server" },
  { service: ovnService, process: "northbound" },
  { service: ovnService, process: "southbound" },
  { service: "rabbitmq", process: "server" },
];

/** Processes of the backing services and the edge, which `sizes` may name. */
const backingProcesses: Record<string, string[]> = {
  mariadb: ["server", "proxy"],
  memcached: ["server"],
  ovn: ["northbound", "southbound", "northd"],
  rabbitmq: ["server"],
  edge: ["haproxy"],
};

/** The factories of a cloud: those named in `services`, those that these cannot do without, then a third party's own. */
export function factoriesOf(args: CloudPlanArgs, own: readonly ServiceFactory[]): ServiceFactory[] {
  const implied = args.services.flatMap((name) => impliedServices[name] ?? []);
  const names = new Set([...args.services, ...implied]);
  return [...[...names].flatMap((name) => knownServices[name] ?? []), ...own];
}

/**
 * Everything that can be said against a cloud's arguments before anything is made.
 * @param own definitions of a third party
 */
export function validateCloud(args: CloudPlanArgs, own: readonly ServiceFactory[] = []): CloudProblems {
  const early = [
    ...serviceProblems(args),
    ...profileProblems(args),
    ...nameProblems(args),
    ...cloudNetworkProblems(args),
  ];
  if (early.length > 0) {
    return { errors: early, warnings: [] };
  }
  const catalogue = args.catalogue ?? debianCatalogue;
  const missing = dependencyProblems(outlineOf(args, catalogue, factoriesOf(args, own)));
  if (missing.length > 0) {
    return { errors: missing, warnings: [] };
  }
  const { definitions } = define(args, catalogue, factoriesOf(args, own));
  const known = Object.fromEntries(definitions.map((one) => [one.name, one.processes.map((process) => process.name)]));
  const options = optionProblems(args, definitions);
  return {
    errors: [
      ...roleProblems(args, definitions),
      ...checkRelease(args.release, neededImages(definitions)).map((problem) => `release${problem}`),
      ...checkSizes(
        args.profile ?? defaults.profile,
        args.sizes ?? {},
        { ...backingProcesses, ...known },
        quorumSets,
      ).map((problem) => `sizes${problem}`),
      ...claimProblems(args, definitions),
      ...validateEndpointNames(args.endpoint).map((problem) => `endpoint${problem}`),
      ...givenCertificateProblems(args),
      ...definitions.flatMap((definition) => definitionProblems(definition, definitions)),
      ...options.errors,
    ],
    warnings: options.warnings,
  };
}

function serviceProblems(args: CloudPlanArgs): string[] {
  const known = Object.keys(knownServices);
  const seen = new Set<string>();
  const problems = args.services.flatMap((name, index) => {
    if (seen.has(name)) {
      return [`services[${index}]: ${name} stands there twice; remove one`];
    }
    seen.add(name);
    return known.includes(name) ? [] : [`services[${index}]: unknown service ${name}; ${proposal(name, known)}`];
  });
  if (args.services.length === 0) {
    problems.push("services: is empty; name at least keystone");
  }
  return problems;
}

/** Services that others need or call and that are not enabled, each once, with who wants it. */
export function missingServices(definitions: readonly ServiceDefinition[]): string[] {
  const present = [...backingNames, ...definitions.map((one) => one.name)];
  const wanted = new Map<string, Set<string>>();
  for (const definition of definitions) {
    for (const name of [...(definition.needs ?? []), ...(definition.calls ?? [])]) {
      if (!present.includes(name)) {
        wanted.set(name, (wanted.get(name) ?? new Set()).add(definition.name));
      }
    }
  }
  return [...wanted].map(([name, by]) => {
    const who = [...by].sort();
    return `services: lacks ${name}, which ${listed(who)} ${who.length > 1 ? "need" : "needs"}; add it`;
  });
}

/** The same, and Keystone, without which there is no cloud even where nothing that is named asks for it. */
function dependencyProblems(definitions: readonly ServiceDefinition[]): string[] {
  const missing = missingServices(definitions);
  const lacks = "services: lacks keystone,";
  const asked = definitions.some((one) => one.name === "keystone") || missing.some((one) => one.startsWith(lacks));
  return asked ? missing : [`${lacks} which every cloud needs; add it`, ...missing];
}

/** Images that a cloud of these services needs, each with who needs it. */
function neededImages(definitions: readonly ServiceDefinition[]): Map<string, string[]> {
  const needed = new Map(baseImages.map((image) => [image, [everyCloud]]));
  for (const one of definitions) {
    const images = [
      one.image ?? one.name,
      ...one.processes.flatMap(({ image, perNode }) =>
        [image, perNode?.prepare?.image].filter((name) => name !== undefined),
      ),
      ...(one.needs?.includes("rabbitmq") ? ["rabbitmq"] : []),
      ...(usesOvn([one]) ? [ovnService] : []),
    ];
    for (const image of new Set(images)) {
      needed.set(image, [...(needed.get(image) ?? []), one.name]);
    }
  }
  return needed;
}

/** Sizes that give several pods to a process with a volume. */
function claimProblems(args: CloudPlanArgs, definitions: readonly ServiceDefinition[]): string[] {
  return definitions.flatMap((definition) =>
    definition.processes.flatMap((process) => {
      const replicas = args.sizes?.[definition.name]?.[process.name]?.replicas ?? 1;
      return process.claims?.length && replicas > 1
        ? [
            `sizes.${definition.name}.${process.name}.replicas: ${replicas} pods cannot share its volume, which belongs to one at a time; remove it`,
          ]
        : [];
    }),
  );
}

function profileProblems(args: CloudPlanArgs): string[] {
  const known: string[] = Object.values(Profile);
  const profile = args.profile ?? defaults.profile;
  return known.includes(profile) ? [] : [`profile: unknown profile ${profile}; ${proposal(profile, known)}`];
}

/** Longest name of a cloud: its namespaces and users are named after it. */
const longestName = 40;

function nameProblems(args: CloudPlanArgs): string[] {
  const problems: string[] = [];
  const name = args.cloudName ?? defaults.cloudName;
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name) || name.length > longestName) {
    problems.push(
      `cloudName: "${name}" cannot name a namespace; use at most ${longestName} small letters, digits and "-", a letter first`,
    );
  }
  if (!/^[A-Za-z0-9][-A-Za-z0-9_.]*$/.test(args.region ?? defaults.region)) {
    problems.push(`region: "${args.region}" cannot name a region; use letters, digits, "-", "_" and "."`);
  }
  if (!/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._/-]+)?$/i.test(args.registry)) {
    problems.push(
      `registry: "${args.registry}" is no registry; write host, host:port or host:port/path, without "https://"`,
    );
  }
  return problems;
}

function givenCertificateProblems(args: CloudPlanArgs): string[] {
  const given = args.certificate;
  if (given === undefined) {
    return [];
  }
  const problems: string[] = [];
  if (given.certificate !== undefined && given.authority !== undefined) {
    problems.push("certificate: has both certificate and authority; give one of them");
  }
  if (given.certificate !== undefined) {
    const hosts = [...new Set([endpointHost(args, "public"), endpointHost(args, "internal")])];
    problems.push(
      ...certificateProblems(given.certificate, hosts, plainKey(given.privateKey)).map(
        (problem) => `certificate.certificate: ${problem}`,
      ),
    );
    if (given.privateKey === undefined) {
      problems.push("certificate.privateKey: is missing; give the key of the certificate");
    }
  }
  if (given.authority !== undefined) {
    problems.push(
      ...authorityProblems(given.authority, plainKey(given.authorityPrivateKey)).map(
        (problem) => `certificate.authority: ${problem}`,
      ),
    );
    if (given.authorityPrivateKey === undefined) {
      problems.push("certificate.authorityPrivateKey: is missing; give the key of the CA");
    }
  }
  return problems;
}

/** A key as text; one that is an output is not known yet, and checked by the provider that uses it. */
function plainKey(key: pulumi.Input<string> | undefined): string | undefined {
  return typeof key === "string" ? key : undefined;
}

/** What a definition says of itself that cannot be. These are a programmer's mistakes, and refused like a user's. */
export function definitionProblems(definition: ServiceDefinition, all: readonly ServiceDefinition[]): string[] {
  const names = [...backingNames, ...all.map((one) => one.name)];
  const where = `definition ${definition.name}`;
  const unknown = [
    ...(definition.needs ?? []).filter((name) => !names.includes(name)).map((name) => `needs ${name}`),
    ...definition.processes.flatMap((process) =>
      (process.talksTo ?? [])
        .filter((name) => ![edgeName, consolesName, ...names].includes(name))
        .map((name) => `process ${process.name} talks to ${name}`),
    ),
    ...(definition.setup ?? []).flatMap((setup) =>
      (setup.needs ?? []).filter((name) => !names.includes(name)).map((name) => `job ${setup.name} needs ${name}`),
    ),
  ];
  const twice = disjoint(definition.config, definition.secretConfig?.(blankSecrets) ?? {});
  return [
    ...unknown.map((what) => `${where}: ${what}, which the cloud does not have; enable it`),
    ...definition.processes
      .filter(
        ({ perNode, port, talksTo }) => perNode && !perNode.hostNetwork && (port !== undefined || talksTo?.length),
      )
      .map(
        (process) =>
          `${where}: process ${process.name} runs on hosts, and listens or talks to somebody, without the host's network; give it perNode.hostNetwork`,
      ),
    ...definition.processes
      .filter(({ loginAtStart, startsAlone }) => loginAtStart && startsAlone)
      .map(
        (process) =>
          `${where}: process ${process.name} logs in at its start, so it cannot start alone: remove startsAlone or loginAtStart`,
      ),
    ...(definition.messaging === true && !definition.needs?.includes("rabbitmq")
      ? [`${where}: has messaging, but does not need rabbitmq; add it to its needs`]
      : []),
    ...twice.map((option) => `${where}: ${option} stands in its plain and in its secret configuration; keep one`),
    ...(all.filter((one) => one.name === definition.name).length > 1 ? [`${where}: there are two of this name`] : []),
  ];
}
