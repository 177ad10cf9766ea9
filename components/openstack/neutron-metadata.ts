import type { ConfigSections } from "../kit/config";
import { exec } from "../kit/probes";
import type { CloudFacts, ProcessDefinition, ServiceSecrets } from "./definition";
import { hostRun } from "./host-facts";
import { scriptText } from "./script-text";

const service = "neutron";

/** The one file that the agent reads. */
export const metadataAgentFile = "neutron_ovn_metadata_agent.ini";

/** The agent, with a start that waits. */
const program = "ovn-metadata-agent.py";

/**
 * Longest pause in seconds before OVN's databases are asked again. Neutron's own, 180, is doubled up to from 1: whoever
 * came up before them saw minutes too late that they were there.
 */
const retrySeconds = 5;

/** How Neutron reaches the database of hosts and bindings. */
export function southbound({ ovn }: CloudFacts): ConfigSections[string] {
  return {
    ovsdb_retry_max_interval: retrySeconds,
    ovn_sb_connection: ovn.southbound,
    ovn_sb_private_key: ovn.privateKey,
    ovn_sb_certificate: ovn.certificate,
    ovn_sb_ca_cert: ovn.caCertificate,
  };
}

/** All that the agent reads: of the server's configuration, which has credentials, nothing lies on compute hosts. */
export function metadataAgentConfig(cloud: CloudFacts): ConfigSections {
  return {
    DEFAULT: {
      use_stderr: true,
      state_path: cloud.path(service, "state"),
      nova_metadata_host: `nova-metadata.${cloud.name}.svc.${cloud.dnsDomain}`,
      nova_metadata_port: 8775,
    },
    // It is root already.
    agent: { root_helper: "" },
    oslo_concurrency: { lock_path: `${cloud.path(service, "state")}/lock` },
    ovn: southbound(cloud),
    ovs: { ovsdb_connection: `unix:${cloud.path(service, "openvswitch")}/db.sock` },
  };
}

/** The secret part of it: how Nova knows the agent's questions from those of a virtual machine. */
export function metadataAgentSecret(secrets: ServiceSecrets): ConfigSections {
  return { DEFAULT: { metadata_proxy_shared_secret: secrets.sharedSecret("metadata") } };
}

/**
 * Seconds that the agent has for its end. It does not end when it is told to, and until it has ended nobody answers the
 * host's virtual machines; what they ask is answered in less.
 */
const endSeconds = 5;

/** The agent that answers virtual machines at 169.254.169.254, on every host that has some. */
export function metadataAgent(cloud: CloudFacts): ProcessDefinition {
  const directory = cloud.path(service, "config");
  const openvswitch = cloud.path(service, "openvswitch");
  return {
    name: "ovn-metadata-agent",
    command: [
      ...["python3", `${directory}/${program}`],
      ...["--config-file", `${directory}/${metadataAgentFile}`, "--config-dir", `${directory}/${metadataAgentFile}.d`],
    ],
    configFiles: [metadataAgentFile],
    files: { [program]: scriptText(program) },
    // It listens when it knows its host and OVN; from then on the socket is there.
    readiness: exec("/bin/sh", "-c", `test -S ${cloud.path(service, "state")}/metadata_proxy`),
    gracePeriod: endSeconds,
    talksTo: ["ovn-southbound", "nova"],
    scratch: ["run", "state"],
    beside: true,
    perNode: {
      hosts: "compute",
      exception: {
        reason: "makes a network namespace with a proxy for each network of the host, and sets kernel options in it",
        root: true,
        privileged: true,
      },
      hostNetwork: { reason: "plugs its namespaces into the host's bridge" },
      hostPaths: [{ path: openvswitch, hostPath: hostRun(cloud.name, "openvswitch") }],
    },
  };
}
