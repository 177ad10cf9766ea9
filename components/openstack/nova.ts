import type { ConfigSections } from "../kit/config";
import { http } from "../kit/probes";
import type { CloudFacts, ServiceFactory, ServiceSecrets } from "./definition";
import { apiPath, computeFile, computeProcess, computeSections, hostOptions, startProgram } from "./nova-compute";
import { consoleEndpoint, consoleProcess, consoleSections } from "./nova-console";
import { scriptText } from "./script-text";
import {
  authToken,
  authTokenSecret,
  cacheSection,
  databaseSecret,
  databaseSection,
  messagingSecret,
  messagingSections,
  proxySection,
  serviceCredentials,
  serviceCredentialsSecret,
  serviceUserSection,
} from "./sections";
import { inputDirectory } from "./steps";

const file = "nova.conf";

/** The one cell of the cloud, beside the one for servers that no host took. */
const cell = "cell1";

/** Enters the cells in Nova's database, in one program where nova-manage takes three, of seconds each. */
const cellsScript = "nova-cells.py";

/**
 * Where cells are, for Nova's own database: it fills these in from the configuration of whoever reads them, and so holds
 * no password.
 */
const cellTemplates = {
  database: "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}",
  unplaced: "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0?{query}",
  messageBus: "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}",
};

/** Whom a process of the control plane connects to. */
const control = ["mariadb", "rabbitmq", "memcached", "edge"];

/** Seconds between two looks for compute hosts that have come. */
const discoveryInterval = 5;
/**
 * Seconds that the first look waits at most, Nova's "periodic_fuzzy_delay". By itself it waits up to 60, by chance, so
 * that many schedulers do not look at once; until then no server can be put on the first compute hosts.
 */
const discoveryDelay = discoveryInterval;

/** Seconds that running calls of a conductor or scheduler have for their end: as long as oslo.messaging waits for an answer. */
const callSeconds = 60;

/** Nova: servers, and the hosts that run them. */
export const nova: ServiceFactory = (cloud) => ({
  name: "nova",
  needs: ["mariadb", "memcached", "rabbitmq", "keystone", "placement", "openvswitch", "libvirt"],
  // They and Nova call each other, or are asked for only when a server is made.
  calls: ["glance", "neutron"],
  catalog: [{ type: "compute", port: 8774, path: apiPath }],
  endpointPorts: [consoleEndpoint],
  databases: ["nova_api", "nova", "nova_cell0"],
  messaging: true,
  config: { [file]: controlSections(cloud), [computeFile]: computeSections(cloud) },
  secretConfig: (secrets) => ({
    [file]: {
      ...databaseSecret(secrets, "nova"),
      ...databaseSecret(secrets, "nova_api", "api_database"),
      ...messagingSecret(secrets),
      ...authTokenSecret(secrets),
      ...callerSecrets(secrets),
      neutron: {
        password: secrets.servicePassword,
        metadata_proxy_shared_secret: secrets.sharedSecret("metadata"),
      },
    },
    [computeFile]: { ...messagingSecret(secrets), ...callerSecrets(secrets, "neutron") },
  }),
  optionsLike: { [computeFile]: file },
  ownedOptions: {
    [`${file}.conductor.workers`]: "sizes.nova.conductor.workers",
    [`${file}.scheduler.workers`]: "sizes.nova.scheduler.workers",
    [`${computeFile}.libvirt.virt_type`]: "compute.virtualization",
    ...Object.fromEntries(
      hostOptions.map((option) => [`${computeFile}.${option}`, "the host's name or address in the cluster"]),
    ),
  },
  steps: {
    config: { [file]: { DEFAULT: { use_stderr: true } } },
    secretConfig: (secrets) => ({
      [file]: {
        ...databaseSecret(secrets, "nova"),
        ...databaseSecret(secrets, "nova_api", "api_database"),
        ...messagingSecret(secrets),
      },
    }),
    expand: [
      {
        name: "schema",
        // Three databases, and each takes half a minute and longer. The cells are in the first, which is done first.
        beside: true,
        // It has three programs, and hosts wait for all of them.
        cpu: "120m",
        commands: [
          {
            sequence: [
              ["nova-manage", "api_db", "sync"],
              ["python3", `${inputDirectory}/${cellsScript}`, cell, ...Object.values(cellTemplates)],
            ],
          },
          ["nova-manage", "db", "sync", "--local_cell"],
          {
            command: ["nova-manage", "db", "sync", "--local_cell"],
            // oslo.config asks variables before files.
            environment: { OS_DATABASE__CONNECTION: "unplaced" },
          },
        ],
        inputs: (secrets) => ({
          unplaced: secrets.databaseUrl("nova_cell0"),
          [cellsScript]: scriptText(cellsScript),
        }),
      },
    ],
    after: [{ name: "data", cpu: "60m", commands: [["nova-manage", "db", "online_data_migrations"]] }],
  },
  processes: [
    // First: the others of the new release ask it.
    { ...worker(cloud, "conductor"), talksTo: control, loginAtStart: true },
    {
      ...worker(cloud, "scheduler"),
      talksTo: control,
      beside: true,
      loginAtStart: true,
    },
    { ...consoleProcess(cloud, file), environment: named("novncproxy"), beside: true },
    {
      name: "metadata",
      wsgi: true,
      port: 8775,
      readiness: http("/"),
      configFiles: [file],
      environment: named("metadata"),
      scratch: ["state"],
      talksTo: control,
      beside: true,
    },
    {
      name: "api",
      wsgi: true,
      port: 8774,
      readiness: http("/"),
      configFiles: [file],
      environment: named("api"),
      scratch: ["state"],
      talksTo: control,
      beside: true,
    },
    { ...computeProcess(cloud), beside: true },
  ],
});

/**
 * Nova lists its processes by host, and would list each pod's name for ever. Those of a kind are one to it: any of them
 * may do what is sent to their name.
 */
function named(process: string): Record<string, string> {
  return { OS_DEFAULT__HOST: `nova-${process}` };
}

function worker(cloud: CloudFacts, process: string) {
  const directory = cloud.path("nova", "config");
  const config = `${directory}/${file}`;
  return {
    name: process,
    // Named, as what is named in a directory goes before what is named in a file only then.
    command: [
      ...["python3", `${directory}/${startProgram}`, process],
      ...["--config-file", config, "--config-dir", `${config}.d`],
    ],
    configFiles: [file],
    files: { [startProgram]: scriptText(startProgram) },
    environment: named(process),
    scratch: ["state"],
    gracePeriod: callSeconds,
  };
}

function callerSecrets(secrets: ServiceSecrets, ...more: string[]): ConfigSections {
  return serviceCredentialsSecret(secrets, "placement", "service_user", ...more);
}

/** All but nova-compute reads this. */
function controlSections(cloud: CloudFacts): ConfigSections {
  const state = cloud.path("nova", "state");
  return {
    ...databaseSection(),
    ...databaseSection("api_database"),
    ...messagingSections(`${state}/lock`),
    ...cacheSection(cloud),
    ...proxySection(),
    ...authToken(cloud, "nova"),
    ...serviceUserSection(cloud, "nova"),
    DEFAULT: { use_stderr: true, state_path: state, periodic_fuzzy_delay: discoveryDelay },
    conductor: { workers: cloud.size("nova", "conductor").workers },
    scheduler: {
      workers: cloud.size("nova", "scheduler").workers,
      discover_hosts_in_cells_interval: discoveryInterval,
    },
    upgrade_levels: { compute: "auto" },
    placement: serviceCredentials(cloud, "nova"),
    neutron: { ...serviceCredentials(cloud, "nova"), service_metadata_proxy: true },
    // With the token of whoever asked.
    glance: asUser(cloud),
    keystone: asUser(cloud),
    ...consoleSections(cloud),
  };
}

function asUser(cloud: CloudFacts): ConfigSections[string] {
  return { region_name: cloud.region, valid_interfaces: ["internal"], cafile: cloud.caFile };
}
