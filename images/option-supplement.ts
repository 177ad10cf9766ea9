/** What of a service's options its images' own code is asked for, and what it cannot say. */
export interface OptionSource {
  /** Image whose code is asked. @default the service's name */
  image?: string;
  /** Debian package whose version is that of the service's code. */
  versionOf: string;
  /** Namespaces of options by file, as the service's own generator of examples names them. */
  files: Readonly<Record<string, readonly string[]>>;
  /**
   * Sections that code makes up at run time, so that no list names them; `*` stands for any text. Options in them are
   * not checked. @default none
   */
  dynamic?: readonly string[];
  /** Sections that are read with the options of another, which the generator lists: section → that one. @default none */
  alike?: Readonly<Record<string, string>>;
  /** Sections that an option names as `name:kind`, each with the options of its kind: `<section>.<option>` → kind → section that the generator lists. @default none */
  named?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Sections with the options by which a service logs in at Keystone, where the generator lists none. @default none */
  login?: readonly string[];
}

/**
 * Options of keystoneauth's plug-in "password". Code asks for them once the configuration has named the plug-in, so the
 * generator does not list them with `[keystone_authtoken]`; it does with the sections of other clients.
 */
export const loginOptions: Readonly<Record<string, { type: string }>> = {
  auth_url: { type: "string" },
  default_domain_id: { type: "string" },
  default_domain_name: { type: "string" },
  domain_id: { type: "string" },
  domain_name: { type: "string" },
  password: { type: "string" },
  project_domain_id: { type: "string" },
  project_domain_name: { type: "string" },
  project_id: { type: "string" },
  project_name: { type: "string" },
  system_scope: { type: "string" },
  trust_id: { type: "string" },
  user_domain_id: { type: "string" },
  user_domain_name: { type: "string" },
  user_id: { type: "string" },
  username: { type: "string" },
};

/** Namespaces of libraries, in what several programs read. */
const common = ["oslo.log", "oslo.policy", "oslo.reports", "osprofiler", "keystonemiddleware.auth_token"];
const middleware = ["oslo.middleware.cors", "oslo.middleware.healthcheck", "oslo.middleware.http_proxy_to_wsgi"];

/** Kinds of Glance's stores, and the sections under which the generator lists their options. */
const stores = {
  cinder: "cinder",
  file: "file",
  http: "glance.store.http.store",
  rbd: "glance.store.rbd.store",
  s3: "glance.store.s3.store",
  swift: "glance.store.swift.store",
  vmware: "glance.store.vmware_datastore.store",
};

/** Services with option lists, by name. What is said here goes by the upstream documentation of the images' series. */
export const optionSources: Readonly<Record<string, OptionSource>> = {
  keystone: {
    versionOf: "python3-keystone",
    files: {
      "keystone.conf": [
        "keystone",
        "oslo.cache",
        "oslo.db",
        "oslo.log",
        "oslo.messaging",
        "oslo.middleware",
        "oslo.policy",
        "osprofiler",
      ],
    },
    // One section for each protocol of federation, named after the protocol, such as [openid] remote_id_attribute.
    dynamic: ["kerberos", "mapped", "openid", "saml2", "x509"],
  },
  placement: {
    versionOf: "python3-placement",
    files: { "placement.conf": ["placement.conf", "oslo.concurrency", ...common, ...middleware] },
    login: ["keystone_authtoken"],
  },
  glance: {
    versionOf: "python3-glance",
    files: {
      "glance-api.conf": [
        ...["glance.api", "glance.store", "glance.multi_store", "castellan.config"],
        ...["oslo.concurrency", "oslo.db", "oslo.limit", "oslo.messaging", ...common, ...middleware],
      ],
    },
    login: ["keystone_authtoken"],
    // Glance makes these two stores itself.
    alike: { os_glance_staging_store: stores.file, os_glance_tasks_store: stores.file },
    named: { "DEFAULT.enabled_backends": stores },
  },
  neutron: {
    versionOf: "python3-neutron",
    files: {
      "ml2_conf.ini": ["neutron.ml2", "neutron.ml2.ovn", "oslo.log"],
      "neutron.conf": [
        ...["neutron", "neutron.agent", "neutron.db", "neutron.experimental", "neutron.extensions"],
        ...["nova.auth", "ironic.auth", "placement.auth", "designate.auth"],
        ...["oslo.cache", "oslo.concurrency", "oslo.db", "oslo.messaging", "oslo.privsep"],
        ...["oslo.service.periodic_task", "oslo.service.service", "oslo.service.sslutils", "oslo.service.wsgi"],
        ...["oslo.versionedobjects", ...common, ...middleware],
      ],
      // It is read beside neutron.conf, so what both know may stand in it.
      "neutron_ovn_metadata_agent.ini": [
        ...["neutron", "neutron.agent", "neutron.base.agent", "neutron.ml2.ovn", "neutron.ovn.metadata.agent"],
        ...["oslo.concurrency", "oslo.log", "oslo.privsep"],
      ],
    },
    login: ["keystone_authtoken"],
    alike: privileged("privsep_conntrack", "privsep_dhcp_release", "privsep_namespace", "privsep_ovs_vsctl"),
  },
  nova: {
    versionOf: "python3-nova",
    files: {
      "nova.conf": [
        ...["nova.conf", "castellan.config", "os_brick", "os_vif", "oslo.cache", "oslo.concurrency", "oslo.limit"],
        ...["oslo.messaging", "oslo.middleware", "oslo.privsep", "oslo.service.periodic_task", "oslo.service.service"],
        ...common,
      ],
    },
    login: ["keystone_authtoken"],
    alike: privileged(
      ...["nova_sys_admin", "privsep_osbrick", "vif_plug_linux_bridge_privileged", "vif_plug_ovs_privileged"],
    ),
    // One section for each kind of virtual GPU and of mediated device that the configuration names.
    dynamic: ["mdev_*", "vgpu_*"],
  },
};

/** Sections of privileged helpers: oslo.privsep lists its own name for one only. */
function privileged(...sections: string[]): Record<string, string> {
  return Object.fromEntries(sections.map((section) => [section, "privsep"]));
}
