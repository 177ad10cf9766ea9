import type { ConfigSections } from "../kit/config";
import { http } from "../kit/probes";
import type { CloudFacts, ProcessDefinition, ServiceFactory, SetupDefinition } from "./definition";
import {
  metadataAgent,
  metadataAgentConfig,
  metadataAgentFile,
  metadataAgentSecret,
  southbound,
} from "./neutron-metadata";
import { scriptText } from "./script-text";
import {
  authToken,
  authTokenSecret,
  databaseSecret,
  databaseSection,
  messagingSecret,
  messagingSections,
  proxySection,
  serviceCredentialsOfNeutron,
  serviceCredentialsSecret,
} from "./sections";

const service = "neutron";
const file = "neutron.conf";
const ml2File = "ml2_conf.ini";
const apiModule = "neutron-api.py";

/** Bytes of a tunnel's headers behind the outer IP header: UDP 8, Geneve 8, the outer frame's Ethernet 14, and 8 of OVN's own options (OVN's installation guide of Neutron). */
const geneveHeaders = 38;

/** Neutron with ML2/OVN: networks, subnets, ports, routers, floating IPs and security groups, which OVN then makes true. */
export const neutron: ServiceFactory = (cloud) => ({
  name: service,
  needs: ["keystone", "mariadb", "memcached", "openvswitch", "ovn", "rabbitmq"],
  // Nova is told of ports that are ready; Placement of the addresses of routed networks.
  calls: ["nova", "placement"],
  catalog: [{ type: "network", port: 9696 }],
  databases: [service],
  messaging: true,
  config: { [file]: serverConfig(cloud), [ml2File]: ml2Config(cloud), [metadataAgentFile]: metadataAgentConfig(cloud) },
  secretConfig: (secrets) => ({
    [file]: {
      ...messagingSecret(secrets),
      ...databaseSecret(secrets, service),
      ...authTokenSecret(secrets),
      ...serviceCredentialsSecret(secrets, "nova", "placement"),
    },
    [metadataAgentFile]: metadataAgentSecret(secrets),
  }),
  ownedOptions: {
    [`${file}.DEFAULT.api_workers`]: "sizes.neutron.api.workers",
    [`${ml2File}.ml2.path_mtu`]: "networks.tunnel.mtu",
    [`${ml2File}.ovn.dns_servers`]: "networks.dnsServers",
  },
  steps: {
    config: { [file]: { DEFAULT: { use_stderr: true } } },
    secretConfig: (secrets) => ({ [file]: databaseSecret(secrets, service) }),
    // Both branches at once. The one that takes away has ended with Newton, so an upgrade finds nothing in it; but a new
    // database needs it before the first process, since the other branch leaves it half done.
    expand: [{ name: "expand", cpu: "60m", commands: [["neutron-db-manage", "upgrade", "heads"]] }],
  },
  setup: setup(cloud),
  processes: [
    {
      name: "api",
      wsgi: true,
      // OVN's events are shared out among the workers of one start, and those of other pods (Neutron's hash ring).
      uwsgi: ["start-time = %t", `import = ${cloud.path(service, "config")}/${apiModule}`],
      files: { [apiModule]: scriptText(apiModule) },
      port: 9696,
      configFiles: [file, ml2File],
      environment: {
        OS_NEUTRON_CONFIG_DIR: cloud.path(service, "config"),
        OS_NEUTRON_CONFIG_FILES: `${file};${ml2File}`,
      },
      readiness: http("/"),
      talksTo: serverTargets,
      startsAlone: true,
      scratch: ["state"],
    },
    worker(cloud, "periodic-workers"),
    worker(cloud, "ovn-maintenance-worker"),
    metadataAgent(cloud),
  ],
});

const serverTargets = ["edge", "mariadb", "memcached", "ovn-northbound", "ovn-southbound", "rabbitmq"];

/** A process beside the API that reads the same configuration; what is secret comes last. */
function worker(cloud: CloudFacts, name: string): ProcessDefinition {
  const directory = cloud.path(service, "config");
  const files = [file, ml2File].flatMap((one) => ["--config-file", `${directory}/${one}`]);
  return {
    name,
    command: [`neutron-${name}`, ...files, "--config-dir", `${directory}/${file}.d`],
    configFiles: [file, ml2File],
    talksTo: serverTargets,
    startsAlone: true,
    scratch: ["state"],
    beside: true,
  };
}

function serverConfig(cloud: CloudFacts): ConfigSections {
  return {
    DEFAULT: {
      use_stderr: true,
      core_plugin: "ml2",
      service_plugins: ["ovn-router", "trunk", "segments", "port_forwarding", "qos"],
      auth_strategy: "keystone",
      state_path: cloud.path(service, "state"),
      // As many as uwsgi has processes, or the workers wait for each other at the start.
      api_workers: cloud.size(service, "api").workers,
      // Without these a virtual machine waits for its ports until it fails.
      notify_nova_on_port_status_changes: true,
      notify_nova_on_port_data_changes: true,
    },
    ...authToken(cloud, service),
    ...databaseSection(),
    ...messagingSections(),
    ...proxySection(),
    nova: serviceCredentialsOfNeutron(cloud),
    placement: serviceCredentialsOfNeutron(cloud),
    oslo_concurrency: { lock_path: `${cloud.path(service, "state")}/lock` },
  };
}

function ml2Config(cloud: CloudFacts): ConfigSections {
  const { networks, ovn } = cloud;
  return {
    ml2: {
      type_drivers: ["flat", "vlan", "geneve"],
      tenant_network_types: [networks.tunnel.type],
      mechanism_drivers: ["ovn"],
      extension_drivers: ["port_security", "qos"],
      overlay_ip_version: 4,
      path_mtu: networks.tunnel.mtu,
    },
    ml2_type_flat: { flat_networks: [networks.physicalNetwork] },
    ml2_type_geneve: { vni_ranges: ["1:65536"], max_header_size: geneveHeaders },
    ovn: {
      ovn_nb_connection: ovn.northbound,
      ovn_nb_private_key: ovn.privateKey,
      ovn_nb_certificate: ovn.certificate,
      ovn_nb_ca_cert: ovn.caCertificate,
      ...southbound(cloud),
      ovn_metadata_enabled: true,
      ovn_l3_scheduler: "leastloaded",
      enable_distributed_floating_ip: false,
      // In the userspace datapath OVN takes the large packets of virtio for too large ones, and floating IPs crawl.
      ovn_emit_need_to_frag: false,
      ...(networks.dnsServers.length === 0 ? {} : { dns_servers: networks.dnsServers }),
    },
  };
}

/** The external network, if the cloud has one. */
function setup(cloud: CloudFacts): SetupDefinition[] {
  const { external, physicalNetwork } = cloud.networks;
  if (external === undefined) {
    return [];
  }
  const [start = "", end = ""] = external.range.split("-").map((address) => address.trim());
  return [
    {
      name: "networks",
      script: "networks.py",
      arguments: {
        cloud: cloud.name,
        network: { name: "external", physicalNetwork },
        subnet: { name: "external", cidr: external.cidr, gateway: external.gateway, start, end },
      },
    },
  ];
}
