import { haproxyBase } from "../platform/haproxy";

/** Port of a database member, and of the proxy in front of all. */
export const databasePort = 3306;

/** Port on which a member says how it is: see scripts/galera-library.sh. */
export const statePort = 4569;

/** Ports that members use among themselves: data, state transfer, replication, incremental transfer, state. */
export const memberPorts: readonly number[] = [databasePort, 4444, 4567, 4568, statePort];

const mebibyte = 1024 ** 2;

/** What a member's configuration depends on. */
export interface MemberSettings {
  /** Name of the cloud: members of another cluster are refused. */
  cloud: string;
  /** Directory of the data. */
  data: string;
  /** Directory, in memory, of socket and process number. */
  run: string;
  /** Directory for large temporary files. */
  scratch: string;
  /** The Galera library. */
  galera: string;
  /** Memory of a member in bytes. */
  memory: number;
  /** A transaction is on the disk when it is acknowledged, instead of up to a second later. */
  durable: boolean;
}

/** Configuration of a member (my.cnf). What differs between members is given on the command line: see scripts/galera-start.sh. */
export function memberConfiguration(settings: MemberSettings): string {
  const pool = Math.max(64, Math.floor(settings.memory / 2 / mebibyte));
  const providerOptions = [
    // What a member that was away can be given without a copy of everything.
    `gcache.size=${settings.durable ? 256 : 32}M`,
    // Who begins after everybody stopped is decided by the start script, from what all members say.
    "pc.recovery=false",
  ];
  return [
    "[client]",
    `socket=${settings.run}/mysqld.sock`,
    "",
    "[mysqld]",
    `datadir=${settings.data}`,
    `socket=${settings.run}/mysqld.sock`,
    `pid-file=${settings.run}/mysqld.pid`,
    `tmpdir=${settings.scratch}`,
    "bind-address=0.0.0.0",
    "skip-name-resolve",
    "ignore-db-dirs=lost+found",
    "max_connections=1000",
    // Keeps the number of files below what a container may open.
    "table_open_cache=1000",
    // OpenStack's tables are defined in it.
    "character-set-server=utf8mb3",
    "collation-server=utf8mb3_general_ci",
    `innodb_buffer_pool_size=${pool}M`,
    `innodb_flush_log_at_trx_commit=${settings.durable ? 1 : 2}`,
    // As Galera needs it.
    "innodb_autoinc_lock_mode=2",
    "binlog_format=ROW",
    // On by itself since MariaDB 11.6.2. OpenStack's services are written for reads that may be older than the row they change,
    // and would fail with "Record has changed since last read" (seen: a server that ends in ERROR as it is deleted).
    "innodb_snapshot_isolation=OFF",
    // Glance's schema has triggers for the time of an upgrade. Rows are replicated, not statements, so what a trigger does is too.
    "log_bin_trust_function_creators=ON",
    "default_storage_engine=InnoDB",
    "",
    "wsrep_on=ON",
    `wsrep_provider=${settings.galera}`,
    `wsrep_provider_options="${providerOptions.join(";")}"`,
    `wsrep_cluster_name=${settings.cloud}`,
    "wsrep_sst_method=mariabackup",
    "wsrep_slave_threads=4",
    "",
  ].join("\n");
}

/** Seconds for which a member that has come back must have been well before it gets the connections again. */
const returnSeconds = 10;

/** Seconds that running transactions have to come to their end when a proxy is stopped. */
export const proxyStopSeconds = 25;

/**
 * Configuration of the proxy in front of the members: all connections go to the first member that takes writes, so that
 * two never write the same rows at once. Every proxy chooses alike, since the order is fixed. That is why the first
 * member gets the connections back when it has returned; it must have been well for a while before, so that one that
 * comes and goes does not move everybody each time.
 * @param members host names in order
 */
export function proxyConfiguration(members: readonly string[], settings: { threads: number }): string {
  return [
    ...haproxyBase({
      threads: settings.threads,
      connections: 4000,
      stopSeconds: proxyStopSeconds,
      logLevel: "notice",
      // A member that is away keeps its last address. A server whose name comes back would count as well before it was asked,
      // and would be given all connections at once.
      holdSeconds: 86400,
    }),
    "defaults",
    "  mode tcp",
    "  log global",
    "  option redispatch 1",
    "  option clitcpka",
    // A member whose host is gone is noticed by TCP, after 11 s, or after 5 s where something was sent to it.
    // "on-marked-down shutdown-sessions" would do it at once, but HAProxy 3.0 (3.0.11, Debian 13) then forgets the client of a
    // connection that is just being made: it has no server any more and is never ended, and nor is the start of its service.
    "  option srvtcpka",
    "  srvtcpka-idle 5s",
    "  srvtcpka-intvl 2s",
    "  srvtcpka-cnt 3",
    "  retries 3",
    "  timeout connect 3s",
    "  timeout check 3s",
    "  timeout queue 10s",
    // Services close connections that they do not need themselves.
    "  timeout client 1h",
    "  timeout server 1h",
    "",
    "listen mariadb",
    `  bind *:${databasePort}`,
    "  option tcp-check",
    `  tcp-check connect port ${statePort}`,
    '  tcp-check expect string "primary ready"',
    "  default-server check inter 1s fastinter 500ms downinter 1s fall 2 tcp-ut 5s resolvers dns resolve-prefer ipv4 init-addr none",
    ...members.map((host, member) => {
      const name = host.split(".")[0];
      const rank =
        member === 0
          ? `rise ${members.length > 1 ? returnSeconds : 1} on-marked-up shutdown-backup-sessions`
          : "rise 1 backup";
      return `  server ${name} ${host}:${databasePort} ${rank}`;
    }),
    "",
  ].join("\n");
}
