import type { ConfigSections } from "../kit/config";
import { exec } from "../kit/probes";
import type { CloudFacts, ProcessDefinition } from "./definition";
import { detectedDirectory, hostRun, hostState } from "./host-facts";
import { scriptsDirectory } from "./node-scripts";
import { consoleUrl } from "./nova-console";
import { messagingSections, serviceCredentials, serviceUserSection } from "./sections";

/** nova-compute's own configuration: nothing in it leads to a database. */
export const computeFile = "nova-compute.conf";

const image = "nova-compute";

/** Seconds that Nova waits for Neutron to say that a server's port is there. */
const plugSeconds = 120;
/** Memory in MiB that a host keeps for itself. */
const reservedMemory = 256;
/** Seconds that running calls have for their end. */
const callSeconds = 60;

/** Contexts in which Nova and its libraries do what only root may; each starts a helper of its own. */
const privileged = ["nova_sys_admin", "vif_plug_ovs_privileged", "privsep_osbrick"];

/** Path of Nova's API. */
export const apiPath = "/v2.1";

/** Is there once Nova can put servers on the host. */
const knownFile = "/tmp/known";
/**
 * Seconds until then. Many: it takes the rest of Nova, which may be away for longer than this process, and which need not
 * wait until Kubernetes tries a process again that it has ended in vain.
 */
const knownSeconds = 1800;

/** Moves servers away from the host, takes it out of Nova and Neutron, and knows when Nova knows it. */
const hostProgram = "compute-host.py";

/** Starts a program of Nova, which then waits for Placement. */
export const startProgram = "nova-start.py";

/** Options that are each host's own: section and option, and the field of the pod that says it. */
const ofHost = {
  "DEFAULT.host": "spec.nodeName",
  "DEFAULT.my_ip": "status.hostIP",
  "vnc.server_listen": "status.hostIP",
  "vnc.server_proxyclient_address": "status.hostIP",
  "libvirt.live_migration_inbound_addr": "status.hostIP",
};

/** Their names. */
export const hostOptions: readonly string[] = Object.keys(ofHost);

/** The process on every compute host that makes servers out of libvirt's guests, ports and disks. */
export function computeProcess(cloud: CloudFacts): ProcessDefinition {
  const config = `${cloud.path(image, "config")}/${computeFile}`;
  return {
    name: "compute",
    image,
    readiness: exec("test", "-e", knownFile),
    startupSeconds: knownSeconds,
    configFiles: [computeFile],
    talksTo: ["rabbitmq", "edge"],
    gracePeriod: callSeconds,
    perNode: {
      hosts: "compute",
      exception: {
        reason: "it makes servers' disks and ports on the host; these are the capabilities of its privileged helpers",
        root: true,
        capabilities: ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "NET_ADMIN", "SYS_ADMIN"],
      },
      hostNetwork: { reason: "servers' ports are devices of the host" },
      hostPaths: [
        { path: cloud.path(image, "libvirt"), hostPath: hostRun(cloud.name, "libvirt") },
        { path: cloud.path(image, "openvswitch"), hostPath: hostRun(cloud.name, "openvswitch") },
        // With what says which host it is, to Nova: it must not be lost.
        { path: cloud.path(image, "state"), hostPath: hostState(cloud.name, "nova") },
        // Consoles of guests: without these their logs are empty.
        { path: "/dev/pts", hostPath: "/dev/pts", type: "Directory" },
      ],
      prepare: {
        script: "nova-compute.sh",
        inputs: {
          VIRTUALIZATION: cloud.compute.virtualization,
          DETECTED: detectedDirectory,
          INSTANCES: cloud.path(image, "instances"),
        },
      },
      scripts: [hostProgram, startProgram],
      start: {
        script: "nova-compute-start.sh",
        inputs: {
          CONFIG: config,
          DETECTED: detectedDirectory,
          START: `${scriptsDirectory}/${startProgram}`,
          PROGRAM: `${scriptsDirectory}/${hostProgram}`,
          KNOWN: knownFile,
          NOVA_URL: `${cloud.endpoint("nova", "internal")}${apiPath}`,
        },
      },
      release: { script: "release-nova.sh", order: 5, inputs: { PROGRAM: `${scriptsDirectory}/${hostProgram}` } },
      leave: { script: "leave-nova.sh", order: 10, inputs: { PROGRAM: `${scriptsDirectory}/${hostProgram}` } },
      // oslo.config takes options from variables of such names, before it looks into files.
      fields: Object.fromEntries(
        Object.entries(ofHost).map(([option, field]) => [`OS_${option.replace(".", "__").toUpperCase()}`, field]),
      ),
    },
  };
}

/** What every compute host has in common. The host itself adds what it finds out. */
export function computeSections(cloud: CloudFacts): ConfigSections {
  const state = cloud.path(image, "state");
  const helper = `privsep-helper --config-file ${cloud.path(image, "config")}/${computeFile}`;
  return {
    ...messagingSections(`${state}/lock`),
    ...serviceUserSection(cloud, "nova"),
    DEFAULT: {
      use_stderr: true,
      state_path: state,
      instances_path: cloud.path(image, "instances"),
      compute_driver: "libvirt.LibvirtDriver",
      force_raw_images: true,
      vif_plugging_timeout: plugSeconds,
      vif_plugging_is_fatal: true,
      // A host that was switched off takes up its servers where they were.
      resume_guests_state_on_host_boot: true,
      reserved_host_memory_mb: reservedMemory,
    },
    placement: serviceCredentials(cloud, "nova"),
    neutron: serviceCredentials(cloud, "nova"),
    glance: { region_name: cloud.region, valid_interfaces: ["internal"], cafile: cloud.caFile },
    libvirt: {
      connection_uri: "qemu:///system",
      hw_machine_type: ["x86_64=pc"],
      images_type: "qcow2",
      // Nothing is written into a server's disk.
      inject_partition: -2,
      swtpm_enabled: false,
      // Between hosts both the commands and the memory go by TLS, with a certificate on either side.
      live_migration_scheme: "tls",
      live_migration_with_native_tls: true,
      live_migration_permit_auto_converge: true,
    },
    vnc: { enabled: true, novncproxy_base_url: consoleUrl(cloud) },
    os_vif_ovs: { ovsdb_connection: `unix:${cloud.path(image, "openvswitch")}/db.sock` },
    os_brick: { lock_path: `${state}/lock` },
    // The hosts' processors are compared by libvirt itself when a server moves.
    workarounds: { skip_cpu_compare_on_dest: true },
    ...Object.fromEntries(privileged.map((section) => [section, { helper_command: helper }])),
  };
}
