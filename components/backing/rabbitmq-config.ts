import { createHash } from "node:crypto";
import { quantity } from "../kit/sizes";

/** Port on which clients reach a member. */
export const busPort = 5672;

/** Ports of Erlang's distribution: who is where (epmd), and the node itself. Members use them among themselves, and those who administer. */
export const distributionPorts: readonly number[] = [4369, 25672];

/** The second of them: the node's own. */
export const nodePort = 25672;

/** Ports on which members hand each other copies of streams (the default of Osiris, RabbitMQ's log of streams). */
export const streamPorts = { first: 6000, last: 6500 } as const;

/** Service whose name means all members, whether they are ready or not. */
export const membersService = "rabbitmq-members";

/** Most files a member opens. A limit of a thousand million, as some hosts have, would cost Erlang gigabytes for its tables. */
export const fileLimit = 20000;

/** Share of a member's memory at which publishers have to wait: RabbitMQ's own default for the memory of a host. */
const watermarkShare = 0.6;
/** Share of a member's memory that the write-ahead log of quorum queues may reach before a new one begins; RabbitMQ wants memory for three. */
const logShare = 1 / 8;
const mebibyte = 1024 ** 2;
/** RabbitMQ's own limits of that log. */
const smallestLog = 16 * mebibyte;
const largestLog = 512 * mebibyte;
/** Free disk, in bytes, below which publishers have to wait, where memory is smaller than that: RabbitMQ's own default is 50 MB. */
const smallestFree = 200 * 1000 ** 2;

/** What a member's configuration depends on. */
export interface BusSettings {
  /** Memory of a member in bytes. */
  memory: number;
  /** The definitions that stand in the place of the user `guest`. */
  definitions: string;
}

/** Memory, in bytes, that a member reckons with: what it asks for, or its limit where that is less. */
export function busMemory(size: { memory: string; memoryLimit?: string }): number {
  return Math.min(quantity(size.memory), quantity(size.memoryLimit ?? size.memory));
}

/** Configuration of a member (rabbitmq.conf). Members are all alike. */
export function busConfiguration(settings: BusSettings): string {
  const watermark = Math.floor(settings.memory * watermarkShare);
  const log = Math.min(largestLog, Math.max(smallestLog, Math.floor(settings.memory * logShare)));
  return [
    `listeners.tcp.default = ${busPort}`,
    // Where definitions are loaded no user guest and no virtual host "/" are made.
    `load_definitions = ${settings.definitions}`,
    `vm_memory_high_watermark.absolute = ${watermark}`,
    // As much as may have to go from memory to disk.
    `disk_free_limit.absolute = ${Math.max(smallestFree, watermark)}`,
    `raft.wal_max_size_bytes = ${log}`,
    // A member without a majority takes nothing, rather than something that the others do not have.
    "cluster_partition_handling = pause_minority",
    "queue_leader_locator = balanced",
    "tcp_listen_options.keepalive = true",
    "log.console = true",
    "log.console.level = info",
    // Two lines for each connection otherwise, and probes are connections.
    "log.connection.level = warning",
    "log.file = false",
    "",
  ].join("\n");
}

/** What a member begins with: nothing, so that whoever uses the bus has a user of its own. */
export const emptyDefinitions = `${JSON.stringify({ users: [], vhosts: [], permissions: [] })}\n`;

/** Name, in the distribution and in DNS, of a member, without the part before its ordinal. */
export function memberDomain(namespace: string, dnsDomain: string): string {
  return `${membersService}.${namespace}.svc.${dnsDomain}`;
}

/** A user, and the virtual host that it alone uses. */
export interface BusUser {
  /** Virtual host. */
  vhost: string;
  /** User. */
  user: string;
  /** Its password. */
  password: string;
}

/**
 * Definitions, as RabbitMQ imports them, of a user and its virtual host: they can be imported again, and set the password
 * each time. They hold a hash of the password in its place.
 * @throws Error if a name cannot be one of a user or virtual host
 */
export function busDefinitions(one: BusUser): string {
  const wrong = [one.vhost, one.user].find((name) => !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name));
  if (wrong !== undefined) {
    throw new Error(`"${wrong}" cannot be the name of a user or virtual host; use letters, digits, _ and -`);
  }
  return `${JSON.stringify(
    {
      users: [
        {
          name: one.user,
          password_hash: passwordHash(one.user, one.password),
          hashing_algorithm: "rabbit_password_hashing_sha256",
          tags: [],
        },
      ],
      vhosts: [
        // Queues of clients that say nothing of their kind outlive a member too.
        { name: one.vhost, default_queue_type: "quorum", metadata: { default_queue_type: "quorum" } },
      ],
      permissions: [{ user: one.user, vhost: one.vhost, configure: ".*", write: ".*", read: ".*" }],
    },
    undefined,
    2,
  )}\n`;
}

/** Bytes of the salt in a password's hash. */
const saltBytes = 4;

/**
 * A password as RabbitMQ keeps it: salt, and SHA-256 of salt and password, in base64. The salt follows from user and
 * password, so that equal input gives equal text.
 */
export function passwordHash(user: string, password: string): string {
  const sha256 = (...parts: (string | Buffer)[]): Buffer => {
    const hash = createHash("sha256");
    for (const part of parts) {
      hash.update(part);
    }
    return hash.digest();
  };
  const salt = sha256("salt", "\0", user, "\0", password).subarray(0, saltBytes);
  return Buffer.concat([salt, sha256(salt, password)]).toString("base64");
}

/** URL of a virtual host for clients. The password is letters and digits. */
export function busUrl(host: string, one: BusUser): string {
  return `rabbit://${one.user}:${one.password}@${host}:${busPort}/${one.vhost}`;
}
