import { fixedUid } from "./users";

/** How one image is made from Debian packages. */
export interface ImageRecipe {
  /** Name in catalogue and release; also that of the layer. */
  name: string;
  /** Image that it is laid on. @default none: it is a root file system */
  parent?: string;
  /** Packages, without those that they recommend. @default none: the parent's file system with settings of its own */
  packages?: readonly string[];
  /** Shell script under images/scripts that is run in the image after the packages are installed. @default none */
  setup?: string;
  /** Numeric user (and group of the same number) whose programs run in it. 0 only where the service needs root. @default 0 */
  uid?: number;
  /** Environment on top of the parent's. @default none */
  environment?: Readonly<Record<string, string>>;
  /** Debian package whose version is the image's. @default the image is a layer of others and is not published */
  versionOf?: string;
}

/** Debian release of the images. */
export const imageDebianRelease = "trixie";

/** OpenStack series that this Debian release carries. */
export const imageSeries = "2025.1";

/** Path of the images in a registry. */
export const imagePath = "stratiform";

/**
 * Day of Debian's packages that the images must at least have. A build takes the newest packages; what is built is not
 * built again until a recipe changes or this day does: set it to today to take in Debian's corrections.
 */
export const packageDay = "2026-11-24";

/** What reaches a virtual machine from outside. */
const reaching = ["iputils-ping", "openssh-client"];

/** All images. A parent stands before its children; what takes longest comes first. */
export const imageRecipes: readonly ImageRecipe[] = [
  {
    name: "base",
    packages: ["ca-certificates", "iproute2", "netbase", "procps", "tini"],
    setup: "base.sh",
    // The root file system is read-only in every pod; /tmp is writable.
    environment: { LC_ALL: "C.UTF-8", HOME: "/tmp" },
  },
  {
    name: "python",
    parent: "base",
    packages: [
      ...["python3-openstackclient", "uwsgi-core", "uwsgi-plugin-python3"],
      ...["pymysql", "memcache", "keystonemiddleware", "eventlet", "osprofiler", "pastedeploy"].map(python),
      ...["messaging", "db", "policy", "service", "upgradecheck", "reports", "rootwrap", "privsep"].map(oslo),
    ],
    environment: { PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" },
  },
  {
    name: "mariadb",
    parent: "base",
    packages: ["mariadb-server", "mariadb-backup", "galera-4", "rsync", "socat"],
    setup: "mariadb.sh",
    uid: fixedUid("mysql"),
    versionOf: "mariadb-server",
  },
  {
    name: "keystone",
    parent: "python",
    packages: ["keystone"],
    setup: "keystone.sh",
    uid: fixedUid("keystone"),
    versionOf: "python3-keystone",
  },
  {
    name: "nova",
    parent: "python",
    packages: ["nova-api", "nova-conductor", "nova-scheduler", "nova-consoleproxy"],
    setup: "nova.sh",
    uid: fixedUid("nova"),
    versionOf: "python3-nova",
  },
  {
    name: "neutron",
    parent: "python",
    packages: [
      ...["api", "ovn-maintenance-worker", "ovn-metadata-agent", "periodic-workers", "rpc-server"].map(neutron),
      // For the metadata agent: its proxy, its rule for checksums, and names of database servers.
      ...["haproxy", "iptables", "openvswitch-common", "python3-unbound"],
    ],
    setup: "neutron.sh",
    uid: fixedUid("neutron"),
    versionOf: "python3-neutron",
  },
  {
    name: "tempest",
    parent: "python",
    packages: ["tempest", "python3-junitxml", ...reaching],
    setup: "ping.sh",
    uid: fixedUid("stratiform"),
    versionOf: "python3-tempest",
  },
  {
    name: "glance",
    parent: "python",
    packages: ["glance-api"],
    setup: "glance.sh",
    uid: fixedUid("glance"),
    versionOf: "python3-glance",
  },
  {
    name: "placement",
    parent: "python",
    packages: ["placement-api"],
    setup: "placement.sh",
    uid: fixedUid("placement"),
    versionOf: "python3-placement",
  },
  {
    name: "nova-compute",
    parent: "nova",
    // Not Debian's nova-compute: that brings libvirt and QEMU, which run in a pod of their own.
    packages: ["conntrack", "iptables", "python3-libvirt", "qemu-utils"],
    setup: "nova-compute.sh",
    uid: fixedUid("nova"),
    versionOf: "python3-nova",
  },
  {
    name: "client",
    parent: "python",
    packages: reaching,
    setup: "ping.sh",
    uid: fixedUid("stratiform"),
    versionOf: "python3-openstackclient",
  },
  {
    name: "libvirt",
    parent: "base",
    packages: [
      ...["libvirt-clients", "libvirt-daemon-driver-qemu", "libvirt-daemon-system"],
      ...["ipxe-qemu", "ovmf", "qemu-block-extra", "qemu-system-x86", "qemu-utils", "seabios", "swtpm"],
      // systemd-run puts guests into units of the host, so that they outlive the pod.
      "systemd",
    ],
    setup: "libvirt.sh",
    versionOf: "libvirt-daemon",
  },
  {
    name: "rabbitmq",
    parent: "base",
    packages: ["rabbitmq-server"],
    setup: "rabbitmq.sh",
    uid: fixedUid("rabbitmq"),
    versionOf: "rabbitmq-server",
  },
  {
    name: "ovn",
    parent: "base",
    packages: ["ethtool", "openvswitch-switch", "ovn-central", "ovn-host"],
    setup: "ovn.sh",
    uid: fixedUid("openvswitch"),
    versionOf: "ovn-common",
  },
  {
    name: "haproxy",
    parent: "base",
    packages: ["haproxy", "socat"],
    uid: fixedUid("haproxy"),
    versionOf: "haproxy",
  },
  { name: "keepalived", parent: "base", packages: ["keepalived"], versionOf: "keepalived" },
  {
    name: "memcached",
    parent: "base",
    packages: ["memcached"],
    uid: fixedUid("memcache"),
    versionOf: "memcached",
  },
];

function python(name: string): string {
  return `python3-${name}`;
}

function neutron(name: string): string {
  return `neutron-${name}`;
}

function oslo(name: string): string {
  return `python3-oslo.${name}`;
}

/**
 * The recipe of an image.
 * @throws Error if there is none of that name
 */
export function recipeOf(name: string): ImageRecipe {
  const recipe = imageRecipes.find((one) => one.name === name);
  if (recipe === undefined) {
    throw new Error(`there is no image ${name}; there are ${imageRecipes.map((one) => one.name).join(", ")}`);
  }
  return recipe;
}

/** An image's recipe and those of the images below it, lowest first. */
export function recipeChain(name: string): ImageRecipe[] {
  const recipe = recipeOf(name);
  return [...(recipe.parent === undefined ? [] : recipeChain(recipe.parent)), recipe];
}

/** Everything that is wrong with a set of recipes; empty if nothing is. */
export function recipeProblems(recipes: readonly ImageRecipe[]): string[] {
  return recipes.flatMap((recipe, index) => {
    const before = recipes.slice(0, index);
    return [
      ...(before.some((one) => one.name === recipe.name) ? [`image ${recipe.name} is there twice`] : []),
      ...(recipe.parent !== undefined && !before.some((one) => one.name === recipe.parent)
        ? [`image ${recipe.name}: its parent ${recipe.parent} does not stand before it`]
        : []),
      ...(/^[a-z0-9][a-z0-9-]*$/.test(recipe.name) ? [] : [`image name ${recipe.name} cannot stand in a registry`]),
      ...(recipe.parent === undefined && (recipe.packages ?? []).length === 0
        ? [`image ${recipe.name} has neither a parent nor packages`]
        : []),
    ];
  });
}
