import { ovnTlsDirectory } from "../backing/ovn-facts";
import { exec } from "../kit/probes";
import type { CloudFacts, HostPath, ProcessDefinition, ServiceFactory } from "./definition";
import { hostRun, hostState } from "./host-facts";
import { nodeHosts } from "./node-hosts";

const image = "ovn";
/** Where processes of the host tell each other what was detected. */
const factsDirectory = "/run/stratiform/host-network";

/**
 * Open vSwitch and OVN's controller on every host that has a part in the virtual machines' networks. What a host is like
 * (datapath, interfaces, its tunnel address) is found out there, by a process of its own that may be replaced at any time.
 */
export const openvswitch: ServiceFactory = (cloud) => ({
  name: "openvswitch",
  image,
  serviceUser: false,
  config: {},
  processes: [settings(cloud), database(cloud), forwarder(cloud), controller(cloud)],
});

function paths(cloud: CloudFacts): Record<"run" | "state" | "ovn" | "facts", HostPath> {
  return {
    run: { path: cloud.path(image, "openvswitch"), hostPath: hostRun(cloud.name, "openvswitch") },
    state: { path: cloud.path(image, "openvswitchState"), hostPath: hostState(cloud.name, "openvswitch") },
    ovn: { path: cloud.path(image, "run"), hostPath: hostRun(cloud.name, "ovn") },
    facts: { path: factsDirectory, hostPath: hostRun(cloud.name, "host-network") },
  };
}

/** Names and something of each, as `name=value name=value`. */
function perHost(names: readonly string[], value: (name: string) => string | undefined): string {
  return names.flatMap((name) => (value(name) === undefined ? [] : [`${name}=${value(name)}`])).join(" ");
}

/** Makes of a host what Open vSwitch needs, tells it its settings, and keeps both so. */
function settings(cloud: CloudFacts): ProcessDefinition {
  const { networks } = cloud;
  const hosts = nodeHosts(cloud, "network");
  const gateways = networks.external === undefined ? [] : cloud.hosts("gateway");
  const { run, state, facts } = paths(cloud);
  const reason = "loads the kernel's module, makes tunnel devices, and sets addresses on the host";
  return {
    name: "host-network",
    readiness: exec("test", "-e", `${factsDirectory}/configured`),
    gracePeriod: 5,
    perNode: {
      hosts: "network",
      exception: { reason, root: true, privileged: true },
      hostNetwork: { reason },
      hostPid: { reason: "runs the host's own modprobe" },
      hostPaths: [run, state, facts],
      fields: { NODE_NAME: "spec.nodeName", HOST_IP: "status.hostIP" },
      start: {
        script: "host-network.sh",
        inputs: {
          DATAPATH: networks.datapath,
          TUNNEL_TYPE: networks.tunnel.type,
          TUNNEL_CIDR: networks.tunnel.cidr,
          TUNNEL_MTU: String(networks.tunnel.mtu),
          OVN_REMOTE: cloud.ovn.southbound,
          PHYSICAL_NETWORK: networks.physicalNetwork,
          PEERS: hosts.map((name) => cloud.host(name).address).join(" "),
          TUNNEL_INTERFACES: perHost(hosts, (name) => cloud.host(name).tunnelInterface),
          PROVIDER_INTERFACES: perHost(
            gateways,
            (name) => cloud.host(name).providerInterface ?? networks.external?.interface,
          ),
        },
      },
      release: { script: "release-openvswitch.sh", order: 20 },
    },
  };
}

function database(cloud: CloudFacts): ProcessDefinition {
  const { run, state } = paths(cloud);
  const control = `${run.path}/ovsdb-server.ctl`;
  return {
    name: "ovsdb-server",
    readiness: exec("ovs-appctl", "--timeout=4", "-t", control, "version"),
    perNode: {
      hosts: "network",
      onDelete: true,
      exception: { reason: "its files belong to root, as on any host with Open vSwitch", root: true },
      hostNetwork: { reason: "must not wait for the pod network, which it outlives" },
      hostPaths: [run, state],
      start: { script: "ovsdb-start.sh", inputs: { SCHEMA: cloud.path(image, "openvswitchSchema") } },
    },
  };
}

function forwarder(cloud: CloudFacts): ProcessDefinition {
  const { run, state, facts } = paths(cloud);
  const reason = "makes the host's bridges, and moves the packets of virtual machines";
  return {
    name: "ovs-vswitchd",
    readiness: exec("ovs-appctl", "--timeout=4", "-t", `${run.path}/ovs-vswitchd.ctl`, "version"),
    perNode: {
      hosts: "network",
      onDelete: true,
      exception: { reason, root: true, capabilities: ["NET_ADMIN", "NET_RAW"] },
      hostNetwork: { reason },
      hostPaths: [run, state, facts, { path: "/dev/net/tun", hostPath: "/dev/net/tun", type: "CharDevice" }],
      start: { script: "vswitchd-start.sh" },
    },
  };
}

function controller(cloud: CloudFacts): ProcessDefinition {
  const { run, state, ovn } = paths(cloud);
  const control = `${ovn.path}/ovn-controller.ctl`;
  return {
    name: "ovn-controller",
    command: [
      "ovn-controller",
      `unix:${run.path}/db.sock`,
      `--private-key=${ovnTlsDirectory}/tls.key`,
      `--certificate=${ovnTlsDirectory}/tls.crt`,
      `--ca-cert=${ovnTlsDirectory}/ca.crt`,
      `--unixctl=${control}`,
      ...["-vconsole:info", "-vsyslog:off", "-vfile:off"],
    ],
    readiness: exec("ovn-appctl", "--timeout=4", "-t", control, "version"),
    talksTo: ["ovn-southbound"],
    perNode: {
      hosts: "network",
      onDelete: true,
      exception: { reason: "talks to the host's Open vSwitch, whose sockets belong to root", root: true },
      hostNetwork: { reason: "its host's networks must be right before and without the pod network" },
      hostPaths: [run, state, ovn],
    },
  };
}
