import type { OvnFacts } from "../backing/ovn-facts";
import type { HostFacts, HostRole } from "../cluster/args";
import type { ConfigFiles } from "../kit/config";
import type { SecurityException } from "../kit/pod";
import type { Probe } from "../kit/probes";
import type { ProcessSize } from "../kit/profile";
import type { ComputeFacts, NetworkFacts } from "./host-facts";

/** For whom an endpoint is. */
export const EndpointInterface = {
  /** Users of the cloud. */
  Public: "public",
  /** The cloud's own services. */
  Internal: "internal",
} as const;
export type EndpointInterface = (typeof EndpointInterface)[keyof typeof EndpointInterface];

/** What a definition knows of the cloud it is for. Plain values, so that a definition is a pure function of them. */
export interface CloudFacts {
  /** Name of the cloud and of its namespace. */
  name: string;
  /** Region. */
  region: string;
  /** DNS domain of the cluster. */
  dnsDomain: string;
  /** OpenStack series of the release. */
  series: string;
  /** Base URL of a service's API, without a path: `https://cloud.example:5000`. The only source of URLs. */
  endpoint(service: string, endpointInterface: EndpointInterface): string;
  /** Base URL of one of a service's `endpointPorts`, without a path: `https://cloud.example:6080`. */
  endpointPort(service: string, name: string, endpointInterface: EndpointInterface): string;
  /** Members of memcached, as `host:port`. */
  memcachedServers: readonly string[];
  /** What a process of a service gets. */
  size(service: string, process: string): ProcessSize;
  /** Path, in every pod, of the certificate of the CA that signed the endpoints' certificates. */
  caFile: string;
  /** A path of an image's catalogue entry. */
  path(image: string, name: string): string;
  /** The networks that carry the virtual machines' traffic, with every default in its place. */
  networks: NetworkFacts;
  /** How virtual machines are run. */
  compute: ComputeFacts;
  /** Names of the hosts that do something, in the order of the cluster's list. Where no host is a gateway, those with a provider interface are. */
  hosts(role: HostRole): readonly string[];
  /**
   * A host by its name.
   * @throws Error if the cluster has none of that name
   */
  host(name: string): HostFacts;
  /** OVN's databases, and what their clients prove themselves with. */
  ovn: OvnFacts;
}

/** What of a definition's configuration is secret, laid open while secret files are written. */
export interface ServiceSecrets {
  /** URL of one of the service's databases, with user and password: `mysql+pymysql://…`. */
  databaseUrl(database: string): string;
  /** URL of the service's virtual host on the message bus, with user and password: `rabbit://…`. Empty without `messaging`. */
  messageBusUrl: string;
  /** Password of the service's user in Keystone. */
  servicePassword: string;
  /** Password of the cloud's administrator; only Keystone's bootstrap needs it. */
  adminPassword: string;
  /**
   * A secret that several services of the cloud share, such as `metadata`, with which Nova knows Neutron's metadata agents:
   * one per cloud and name, the same for every service that asks. Made as soon as one does.
   * @param name a DNS label
   */
  sharedSecret(name: string): string;
}

/** An entry of the service catalogue, and with it a route of the edge. */
export interface CatalogEntry {
  /** Service type, such as `identity`. */
  type: string;
  /** Service name in Keystone. @default the definition's name */
  name?: string;
  /** Conventional port, on the endpoint addresses and in the cluster. */
  port: number;
  /** Path of the endpoint URL, such as `/v3`. @default "" */
  path?: string;
  /** Process that answers. @default "api" */
  process?: string;
}

/** A further route of the edge, for what no catalogue names and users are sent to otherwise, such as the console of a server. */
export interface EndpointPort {
  /** Name, by which `CloudFacts.endpointPort` finds it. */
  name: string;
  /** Port on the endpoint addresses. */
  port: number;
  /** Process that answers, on its own port. */
  process: string;
}

/** A volume that outlives the pods of a process. */
export interface ClaimDefinition {
  /** Name, such as `images`; with the service's and the process' name that of the PersistentVolumeClaim. */
  name: string;
  /** Path name of the catalogue entry where it is mounted. */
  path: string;
  /** Size, in Kubernetes' units. @default the process' `storage` in `sizes` */
  size?: string;
}

/** Which hosts: those of a role, or `network`: all that have a part in the virtual machines' networks (compute and gateway). */
export type NodeHosts = "compute" | "gateway" | "network";

/** A path of the host in a process' file system. */
export interface HostPath {
  /** Path in the pod. */
  path: string;
  /** Path on the host. */
  hostPath: string;
  /** What is there; `DirectoryOrCreate` makes it. @default "DirectoryOrCreate" */
  type?: "Directory" | "DirectoryOrCreate" | "Socket" | "CharDevice";
  /** Whether mounts that come later are seen on the other side: `HostToContainer` in the pod, `Bidirectional` on the host too (privileged pods only). @default neither */
  propagation?: "Bidirectional" | "HostToContainer";
}

/** A shell file in `scripts`, and the variables that it takes. */
export interface NodeScript {
  /** Name of the file. */
  script: string;
  /** Variables, never secrets. @default none */
  inputs?: Record<string, string>;
}

/**
 * The process runs once on every host of a kind, in the privileged namespace `<cloud>-node`. State of the cloud on a host
 * lies under `/var/lib/stratiform/<cloud>` and `/run/stratiform/<cloud>` only (`hostState`, `hostRun`), so that a host can
 * be left clean. Every container has the variables of `fields`, and `CLOUD`.
 */
export interface PerNode {
  /** On which hosts. */
  hosts: NodeHosts;
  /** Its pods are replaced by node maintenance only, never by an update: for whatever virtual machines would notice. @default false */
  onDelete?: boolean;
  /** What it may do beyond "restricted", and why. */
  exception: SecurityException;
  /** The host's network in place of one of its own, and why. Whoever connects to somebody, or listens, needs it: NetworkPolicies of the cloud's namespace know hosts, not pods of other namespaces. @default its own */
  hostNetwork?: { reason: string };
  /** The host's processes are seen, and why. @default only its own */
  hostPid?: { reason: string };
  /** Paths of the host. @default none */
  hostPaths?: readonly HostPath[];
  /** The shell file that is the process, in place of `command`; it ends in an `exec`. @default `command` */
  start?: NodeScript;
  /**
   * Runs to its end before the process, with the same host paths. What it detects it may write as a last configuration
   * file into `/run/stratiform/detected`, which the process reads with a `--config-dir` of that name, given last.
   */
  prepare?: NodeScript & {
    /** Image. @default the process' */
    image?: string;
    /** What it may do beyond "restricted". @default the same as the process */
    exception?: SecurityException;
  };
  /** Further files of `scripts` that lie beside those two, in `/etc/stratiform/scripts`. @default none */
  scripts?: readonly string[];
  /** Secrets of the node namespace in the pod, whole, so that new content is seen: name → path. @default none */
  secrets?: Record<string, string>;
  /** Variables from fields of the pod, such as `NODE_NAME: "spec.nodeName"`, `HOST_IP: "status.hostIP"`. @default none */
  fields?: Record<string, string>;
  /** Shell file in `scripts` that is run on the host when it is released from the cluster, with `order` (two digits) before others; variables: `CLOUD`, `NODE_NAMESPACE`. @default none */
  release?: { script: string; order: number; inputs?: Record<string, string> };
  /**
   * The same, for what is run before the host leaves the cluster or is no compute host any more, while everything on it
   * still runs: if it fails, the host stays as it is, and the last line that it says is the reason. @default none
   */
  leave?: { script: string; order: number; inputs?: Record<string, string> };
}

/** A long-running program of a service: equal pods, rolled without a gap. */
export interface ProcessDefinition {
  /** Name, such as `api`. */
  name: string;
  /** Image, by its name in catalogue and release. @default the service's */
  image?: string;
  /** Program, by its name in the image's catalogue entry, and arguments. Excludes `wsgi`. */
  command?: readonly string[];
  /** The process is the WSGI application of its name in the image's catalogue entry, run by uwsgi on `port`. @default false */
  wsgi?: boolean;
  /** Further lines of the uwsgi configuration. @default none */
  uwsgi?: readonly string[];
  /** Port it listens on. @default none */
  port?: number;
  /** When it takes requests. Never depends on a backend. @default the port is open, if it has one */
  readiness?: Probe;
  /** When it is to be started anew. Local to the process. @default the port is open, if it has one */
  liveness?: Probe;
  /** When it has started; neither of the others is asked before. @default the same as liveness, else as readiness */
  startup?: Probe;
  /** Seconds that a start may take; then the process is started anew. @default 300 */
  startupSeconds?: number;
  /** Environment variables, never secrets. @default none */
  environment?: Record<string, string>;
  /** Volumes that outlive its pods. It then is one pod, which ends before its successor begins. @default none */
  claims?: readonly ClaimDefinition[];
  /** Configuration files it reads. @default all of the service's */
  configFiles?: readonly string[];
  /** Files of other formats that it alone has, by name, beside the configuration files. @default none */
  files?: Record<string, string>;
  /** Whom it connects to: `mariadb`, `memcached`, `rabbitmq`, `ovn-northbound`, `ovn-southbound` (which put the certificate of `CloudFacts.ovn` into its pods), `edge` (all endpoints), `consoles` (of virtual machines, on their hosts), or `<service>` of another definition. @default none */
  talksTo?: readonly string[];
  /** Key repositories that it reads, by name in the definition's `keyRepositories`. @default none */
  keyRepositories?: readonly string[];
  /** Directories that it writes to, empty at each start: path names of the catalogue entry, or absolute paths. @default /tmp only */
  scratch?: readonly string[];
  /** Seconds a pod has for its end, after it has left the endpoints. @default 30 */
  gracePeriod?: number;
  /** It is rolled together with the process before it. @default false: when that one runs */
  beside?: boolean;
  /** It ends if Keystone refuses the service's user when it starts: the service is entered there before any of its processes runs but those that start alone. @default false */
  loginAtStart?: boolean;
  /** It starts as soon as its service's steps are done: what else its service needs it asks only once it is asked itself. Backing services are there in any case. Excludes `loginAtStart`. @default false: when all that its service needs answers */
  startsAlone?: boolean;
  /** It runs once on every host of a kind. @default it is a number of equal pods anywhere */
  perNode?: PerNode;
}

/**
 * A program (by catalogue name) with arguments; or the same with variables of its own: variable → input of the step; or
 * programs one after another, where those of the step run beside each other.
 */
export type StepCommand =
  | readonly string[]
  | { command: readonly string[]; environment: Readonly<Record<string, string>> }
  | { sequence: readonly (readonly string[])[] };

/** A command that runs to its end. */
export interface StepDefinition {
  /** Name of the step, such as `db-sync`. */
  name: string;
  /** Programs (by catalogue name) with arguments, one after another in one pod. */
  commands: readonly StepCommand[];
  /** Whether the commands run beside each other, as they have nothing to do with each other. All of them come to an end. @default false */
  beside?: boolean;
  /** Files handed to it as `/etc/stratiform/input/<name>`, such as a password. @default none */
  inputs?: (secrets: ServiceSecrets) => Record<string, string>;
  /** Variables that its programs take from inputs, for programs that read a secret in no other way: variable → input. @default none */
  environment?: Record<string, string>;
  /** Whom it connects to. @default mariadb */
  talksTo?: readonly string[];
  /** Key repositories that it reads. @default none */
  keyRepositories?: readonly string[];
  /** CPU it asks for, in Kubernetes' units: more for a step that much else waits for, while other steps run. @default "20m" */
  cpu?: string;
}

/**
 * A job as the cloud's administrator, once the service answers: for what a cloud is to have from the start, such as its
 * external network. It looks before it makes, so it may run again at any time, and does so when its image, its script or
 * its arguments change.
 */
export interface SetupDefinition {
  /** Name of the job, such as `networks`. */
  name: string;
  /**
   * A Python program in `components/openstack/scripts`, such as `networks.py`, run with openstacksdk in the client image.
   * It gets its connection and its arguments from `administrator.py`, beside it. Where the cloud's configuration asks for
   * what cannot be, it ends with 78 (EX_CONFIG) and says what to do; any other failure is tried anew.
   */
  script: string;
  /** What it is told: plain data, no secrets. */
  arguments: Record<string, unknown>;
  /** Further services that must answer before. @default only the service itself */
  needs?: readonly string[];
}

/** Keys in numbered files that the service itself rotates, such as Keystone's fernet keys. */
export interface KeyRepository {
  /** Name, and with the service's name that of the Secret. */
  name: string;
  /** Path name in the catalogue entry where it is mounted. */
  path: string;
  /** Number of keys at the start. */
  keys: number;
}

/** One OpenStack service, as data: everything that is laid on the cluster for it follows from this. */
export interface ServiceDefinition {
  /** Name, such as `keystone`. A DNS label. */
  name: string;
  /** Image, by its name in catalogue and release. @default the name */
  image?: string;
  /** Services and backing services that must be there before: `mariadb`, `memcached`, `rabbitmq`, `ovn`, or `<service>`. Acyclic. @default none */
  needs?: readonly string[];
  /** Services whose endpoints it asks for though they need not be there before; two services may call each other. @default none */
  calls?: readonly string[];
  /** Its entries of the service catalogue. @default none */
  catalog?: readonly CatalogEntry[];
  /** Further ports on the endpoint addresses. @default none */
  endpointPorts?: readonly EndpointPort[];
  /** Its databases. Its image then has `python3`, with PyMySQL, in its catalogue entry. @default none */
  databases?: readonly string[];
  /** Whether it has a user and a virtual host of its own on the message bus; it then needs `rabbitmq`. @default false */
  messaging?: boolean;
  /** Whether it has a user of its own in Keystone, with the roles `admin` and `service` on the project `service`. @default true, but not for Keystone itself */
  serviceUser?: boolean;
  /** The part of its configuration that everybody may read. */
  config: ConfigFiles;
  /** The secret part. Has no option in common with the plain one. @default none */
  secretConfig?: (secrets: ServiceSecrets) => ConfigFiles;
  /** Files of other formats, by name, beside the configuration files. @default none */
  files?: Record<string, string>;
  /** Requests that the edge may repeat on another pod beside GET and HEAD, since a second one does no harm. @default none */
  repeatable?: readonly { method: string; path: string }[];
  /** Directories, below the configuration directory, that a file's programs read after it, where that is not `<file>.d`: `{ "glance-api.conf": "glance.conf.d" }`. What is secret lies there. @default none */
  configDirectories?: Record<string, string>;
  /** Files that know the options of another one, by which they are checked: `{ "nova-compute.conf": "nova.conf" }`. @default none */
  optionsLike?: Record<string, string>;
  /** Options that a user's override may not set: `<file>.<section>.<option>` → the input that does. @default those of `secretConfig` */
  ownedOptions?: Record<string, string>;
  /** Keys that it rotates itself. @default none */
  keyRepositories?: readonly KeyRepository[];
  /** Steps. Each runs again exactly when its image or its own input changes. */
  steps?: {
    /** Configuration of all steps: only what they need, so that an ordinary option runs none of them again. */
    config?: ConfigFiles;
    /** Secret part of it. */
    secretConfig?: (secrets: ServiceSecrets) => ConfigFiles;
    /** Before any process of the release runs. */
    expand?: readonly StepDefinition[];
    /** When every process runs the release, but for those on hosts, which may follow host by host. */
    after?: readonly StepDefinition[];
  };
  /** Jobs as the administrator, once the service answers; beside each other. @default none */
  setup?: readonly SetupDefinition[];
  /** Its processes, in the order in which they are rolled. */
  processes: readonly ProcessDefinition[];
}

/** A definition, as a file of its own exports it: from the cloud's facts to the service. */
export type ServiceFactory = (cloud: CloudFacts) => ServiceDefinition;
