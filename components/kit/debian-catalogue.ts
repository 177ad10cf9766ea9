import type { ImageCatalogue } from "./catalogue";

const shell = { sh: ["/bin/sh"] };

/** Programs of every image that is laid on `python`. */
const python = { ...shell, openstack: ["/usr/bin/openstack"], python3: ["/usr/bin/python3"] };

/** Programs by their own names, all of one directory. */
function programs(directory: string, ...names: string[]): Record<string, string[]> {
  return Object.fromEntries(names.map((name) => [name, [`${directory}/${name}`]]));
}

/** The programs of an OpenStack service with an API, and its own. */
function service(...names: string[]): Record<string, string[]> {
  return { ...python, ...programs("/usr/bin", "uwsgi", ...names) };
}

/** The images that `images/recipes.ts` makes from Debian's packages. */
export const debianCatalogue: ImageCatalogue = {
  mariadb: {
    uid: 42434,
    gid: 42434,
    programs: {
      ...shell,
      mariadbd: ["/usr/sbin/mariadbd"],
      mariadb: ["/usr/bin/mariadb"],
      "mariadb-admin": ["/usr/bin/mariadb-admin"],
      "mariadb-backup": ["/usr/bin/mariadb-backup"],
      "mariadb-dump": ["/usr/bin/mariadb-dump"],
      "mariadb-install-db": ["/usr/bin/mariadb-install-db"],
      socat: ["/usr/bin/socat"],
    },
    paths: {
      data: "/var/lib/mysql",
      run: "/run/mysqld",
      // A fresh data directory, owned by the user, for a member with an empty volume to copy.
      template: "/usr/share/stratiform/mysql",
      galera: "/usr/lib/galera/libgalera_smm.so",
    },
  },
  memcached: { uid: 42457, gid: 42457, programs: { ...shell, memcached: ["/usr/bin/memcached"] }, paths: {} },
  haproxy: {
    uid: 42454,
    gid: 42454,
    programs: { ...shell, haproxy: ["/usr/sbin/haproxy"], socat: ["/usr/bin/socat"] },
    paths: { config: "/etc/haproxy", run: "/run/haproxy" },
  },
  keepalived: {
    // It sets addresses of the host.
    uid: 0,
    gid: 0,
    programs: { ...shell, keepalived: ["/usr/sbin/keepalived"], ip: ["/usr/sbin/ip"] },
    paths: { config: "/etc/keepalived", run: "/run" },
  },
  keystone: {
    uid: 42425,
    gid: 42425,
    programs: service("keystone-manage", "keystone-status"),
    paths: {
      config: "/etc/keystone",
      fernetKeys: "/etc/keystone/fernet-keys",
      credentialKeys: "/etc/keystone/credential-keys",
    },
    wsgi: { api: "module=keystone.wsgi.api:application" },
  },
  placement: {
    uid: 42482,
    gid: 42482,
    programs: service("placement-manage", "placement-status"),
    paths: { config: "/etc/placement", state: "/var/lib/placement" },
    wsgi: { api: "module=placement.wsgi.api:application" },
  },
  glance: {
    uid: 42415,
    gid: 42415,
    programs: service("glance-manage", "glance-status", "qemu-img"),
    paths: {
      config: "/etc/glance",
      state: "/var/lib/glance",
      images: "/var/lib/glance/images",
      staging: "/var/lib/glance/staging",
      tasks: "/var/lib/glance/tasks",
    },
    // This release has no module glance.wsgi.
    wsgi: { api: "wsgi-file=/usr/bin/glance-wsgi-api" },
  },
  neutron: {
    uid: 42435,
    gid: 42435,
    programs: {
      ...service(
        ...["neutron-db-manage", "neutron-status", "neutron-ovn-db-sync-util"],
        ...["neutron-ovn-maintenance-worker", "neutron-ovn-metadata-agent"],
        ...["neutron-periodic-workers", "neutron-rpc-server", "privsep-helper"],
      ),
      ...programs("/usr/sbin", "haproxy", "ip"),
    },
    paths: {
      config: "/etc/neutron",
      state: "/var/lib/neutron",
      run: "/run",
      // Where Open vSwitch of the host is reached.
      openvswitch: "/run/openvswitch",
    },
    wsgi: { api: "module=neutron.wsgi.api:application" },
  },
  nova: {
    uid: 42436,
    gid: 42436,
    programs: service(
      ...["nova-conductor", "nova-manage", "nova-novncproxy", "nova-policy", "nova-scheduler", "nova-status"],
    ),
    paths: { config: "/etc/nova", state: "/var/lib/nova", run: "/run", novnc: "/usr/share/novnc" },
    wsgi: {
      api: "module=nova.wsgi.osapi_compute:application",
      metadata: "module=nova.wsgi.metadata:application",
    },
  },
  "nova-compute": {
    uid: 42436,
    gid: 42436,
    programs: { ...python, ...programs("/usr/bin", "nova-compute", "privsep-helper", "qemu-img") },
    paths: {
      config: "/etc/nova",
      state: "/var/lib/nova",
      instances: "/var/lib/nova/instances",
      run: "/run",
      libvirt: "/run/libvirt",
      openvswitch: "/run/openvswitch",
    },
  },
  tempest: {
    uid: 42400,
    gid: 42400,
    programs: {
      ...python,
      ...programs("/usr/bin", "tempest", "stestr", "subunit2junitxml", "ping", "ssh", "ssh-keygen"),
    },
    paths: {},
  },
  client: {
    uid: 42400,
    gid: 42400,
    programs: { ...python, ...programs("/usr/bin", "ping", "ssh", "ssh-keygen") },
    paths: {},
  },
  rabbitmq: {
    uid: 42439,
    gid: 42439,
    programs: {
      ...shell,
      // Those of /usr/sbin want to be root, and change the user themselves.
      ...programs(
        "/usr/lib/rabbitmq/bin",
        ...["rabbitmq-diagnostics", "rabbitmq-plugins", "rabbitmq-queues", "rabbitmq-server", "rabbitmq-streams"],
        ...["rabbitmq-upgrade", "rabbitmqctl"],
      ),
      ...programs("/usr/bin", "epmd", "erl"),
    },
    paths: { config: "/etc/rabbitmq", state: "/var/lib/rabbitmq", log: "/var/log/rabbitmq" },
  },
  ovn: {
    uid: 42476,
    gid: 42476,
    programs: {
      ...shell,
      ...programs("/usr/bin", "ovn-appctl", "ovn-controller", "ovn-nbctl", "ovn-northd", "ovn-sbctl"),
      ...programs("/usr/bin", "ovs-appctl", "ovs-dpctl", "ovs-ofctl", "ovs-vsctl", "ovsdb-client", "ovsdb-tool"),
      ...programs("/usr/sbin", "ethtool", "ip", "ovs-vswitchd", "ovsdb-server", "sysctl"),
    },
    paths: {
      // OVN's own databases and sockets.
      state: "/var/lib/ovn",
      run: "/run/ovn",
      northboundSchema: "/usr/share/ovn/ovn-nb.ovsschema",
      southboundSchema: "/usr/share/ovn/ovn-sb.ovsschema",
      // Those of the host's Open vSwitch.
      openvswitchState: "/etc/openvswitch",
      openvswitch: "/run/openvswitch",
      openvswitchSchema: "/usr/share/openvswitch/vswitch.ovsschema",
    },
  },
  libvirt: {
    // It starts guests on the host.
    uid: 0,
    gid: 0,
    programs: {
      ...shell,
      ...programs("/usr/bin", "qemu-img", "qemu-system-x86_64", "systemd-run", "tini", "virsh"),
      ...programs("/usr/sbin", "ip", "libvirtd"),
    },
    paths: {
      config: "/etc/libvirt",
      state: "/var/lib/libvirt",
      run: "/run/libvirt",
      cache: "/var/cache/libvirt",
      log: "/var/log/libvirt",
      // Certificates and keys of TLS, where libvirt looks for them itself.
      certificates: "/etc/pki",
      nova: "/var/lib/nova",
    },
  },
};
