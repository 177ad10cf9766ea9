import { exec } from "../kit/probes";
import { consolePorts } from "./connections";
import type { CloudFacts, HostPath, ServiceFactory } from "./definition";
import { hostRun, hostState } from "./host-facts";

/** Secret of the node namespace with the compute hosts' certificate; see `host-certificates.ts`. */
export const libvirtTlsSecret = "libvirt-tls";

/** TCP port of libvirt with TLS, for hosts that migrate guests to each other. */
const tlsPort = 16514;

const start = "libvirt-start.sh";
/** QEMU in place of itself: leaves the pod, and has a root of its own. */
const guest = ["qemu.sh", "qemu-root.sh"];

/**
 * libvirt on every compute host. Guests leave its pod when they start and have their files on the host, so neither the
 * pod's end nor another image touches them; libvirt finds them again.
 */
export const libvirt: ServiceFactory = (cloud) => {
  const reason = "starts virtual machines, which outlive its pod, as processes of the host";
  return {
    name: "libvirt",
    serviceUser: false,
    config: {},
    files: { "libvirtd.conf": daemonFile, "qemu.conf": guestFile },
    processes: [
      {
        name: "libvirtd",
        readiness: exec("virsh", "--quiet", "--connect", "qemu:///system", "uri"),
        perNode: {
          hosts: "compute",
          onDelete: true,
          exception: { reason, root: true, privileged: true, writableRoot: true },
          hostNetwork: { reason: "guests' interfaces are the host's, and hosts migrate guests to each other" },
          hostPid: { reason: "guests are processes of the host, and would end with a namespace of the pod's own" },
          hostPaths: hostPaths(cloud),
          secrets: { [libvirtTlsSecret]: "/etc/stratiform/libvirt" },
          fields: { NODE_NAME: "spec.nodeName", HOST_IP: "status.hostIP" },
          start: { script: start, inputs: { VIRTUALIZATION: cloud.compute.virtualization } },
          scripts: guest,
          release: { script: "release-libvirt.sh", order: 10 },
        },
      },
    ],
  };
};

function hostPaths(cloud: CloudFacts): HostPath[] {
  const own = (path: string, name: string): HostPath => ({ path, hostPath: hostState(cloud.name, name) });
  const same = (path: string): HostPath => ({ path, hostPath: path, type: "Directory" });
  return [
    { path: cloud.path("libvirt", "run"), hostPath: hostRun(cloud.name, "libvirt") },
    own(cloud.path("libvirt", "state"), "libvirt"),
    own(`${cloud.path("libvirt", "config")}/qemu`, "libvirt-domains"),
    own(cloud.path("libvirt", "log"), "libvirt-log"),
    own(cloud.path("libvirt", "certificates"), "pki"),
    own("/var/lib/qemu-root", "qemu-root"),
    // Volumes that are mounted there later are for guests too.
    { ...own(cloud.path("libvirt", "nova"), "nova"), propagation: "HostToContainer" },
    // Guests' consoles, and what moves them into units of the host.
    ...["/sys/fs/cgroup", "/dev/pts", "/run/systemd", "/run/dbus"].map(same),
  ];
}

/** libvirtd.conf, without what each host has of its own: on the network it hears only who has a certificate. */
const daemonFile = [
  "listen_tls = 1",
  "listen_tcp = 0",
  `tls_port = "${tlsPort}"`,
  "tls_no_verify_certificate = 0",
  'auth_tls = "none"',
  // Its sockets belong to root.
  'auth_unix_ro = "none"',
  'auth_unix_rw = "none"',
  'unix_sock_ro_perms = "0700"',
  'unix_sock_rw_perms = "0700"',
  'unix_sock_dir = "/run/libvirt"',
  'log_outputs = "2:stderr"',
  "",
].join("\n");

/** qemu.conf. */
const guestFile = [
  'user = "root"',
  'group = "root"',
  'security_driver = "none"',
  // No virtlogd, which would end with the pod.
  'stdio_handler = "file"',
  // Guests are put into units of the host by what stands in QEMU's place; libvirt keeps off cgroups.
  "cgroup_controllers = [ ]",
  "namespaces = [ ]",
  "remember_owner = 0",
  "dynamic_ownership = 1",
  'default_tls_x509_cert_dir = "/etc/pki/qemu"',
  "default_tls_x509_verify = 1",
  // Consoles too take only whom their own authority has signed: the proxy.
  "vnc_tls = 1",
  'vnc_tls_x509_cert_dir = "/etc/pki/libvirt-vnc"',
  "vnc_tls_x509_verify = 1",
  `remote_display_port_min = ${consolePorts.first}`,
  `remote_display_port_max = ${consolePorts.last}`,
  "",
].join("\n");
