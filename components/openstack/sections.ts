import type { ConfigSections, OptionValue } from "../kit/config";
import type { CloudFacts, ServiceSecrets } from "./definition";
import { serviceUserName } from "./registration";

/** Options of one section. */
type Options = Record<string, OptionValue>;

/** The options by which a service proves itself to Keystone as its own user: session and password, as keystoneauth reads them. */
function proof(cloud: CloudFacts, service: string): Options {
  return {
    auth_type: "password",
    auth_url: cloud.endpoint("keystone", "internal"),
    username: serviceUserName(service),
    project_name: "service",
    user_domain_name: "Default",
    project_domain_name: "Default",
    cafile: cloud.caFile,
  };
}

/**
 * Options of a section by which a service calls another one as its own user, such as `[placement]` of Nova:
 * `{ placement: serviceCredentials(cloud, "nova") }`. The password is in `serviceCredentialsSecret`.
 * @param service the one that calls
 */
export function serviceCredentials(cloud: CloudFacts, service: string): Options {
  return { ...proof(cloud, service), region_name: cloud.region, valid_interfaces: ["internal"] };
}

/** The same for the sections of Neutron, which name the kind of endpoint by an option of their own. */
export function serviceCredentialsOfNeutron(cloud: CloudFacts): Options {
  return { ...proof(cloud, "neutron"), region_name: cloud.region, endpoint_type: "internal" };
}

/** The section by which a service says that it is one, when it hands on a user's token that may expire meanwhile. */
export function serviceUserSection(cloud: CloudFacts, service: string): ConfigSections {
  return { service_user: { ...proof(cloud, service), send_service_user_token: true } };
}

/**
 * The secret part of such sections.
 * @param sections their names, such as `placement`, `service_user`
 */
export function serviceCredentialsSecret(secrets: ServiceSecrets, ...sections: string[]): ConfigSections {
  return Object.fromEntries(sections.map((section) => [section, { password: secrets.servicePassword }]));
}

/**
 * How a service uses the message bus: queues that outlive the loss of a member, and one stream for each topic in the
 * place of a queue for each listener where everybody is to hear. Notifications are nobody's.
 * @param lockPath directory in which the processes of a pod agree on the names of their queues, which then say whose they
 * are and stay the same when a process begins anew. @default names at random
 */
export function messagingSections(lockPath?: string): ConfigSections {
  return {
    oslo_messaging_rabbit: {
      amqp_durable_queues: true,
      rabbit_quorum_queue: true,
      // Queues of answers too, and with them fan-out.
      rabbit_transient_quorum_queue: true,
      rabbit_stream_fanout: true,
      // A stream is read only with a limit of messages that wait for their reader.
      rabbit_qos_prefetch_count: 10,
      // Answers go to nobody when their reader has ended: its queue goes after half an hour. oslo.messaging's own default.
      rabbit_transient_queues_ttl: 1800,
      ...(lockPath === undefined ? {} : { use_queue_manager: true }),
    },
    oslo_messaging_notifications: { driver: { multi: ["noop"] } },
    ...(lockPath === undefined ? {} : { oslo_concurrency: { lock_path: lockPath } }),
  };
}

/** The secret part of it: where the bus is, with the service's own user and virtual host. */
export function messagingSecret(secrets: ServiceSecrets): ConfigSections {
  return { DEFAULT: { transport_url: secrets.messageBusUrl } };
}

/**
 * How a service keeps its connections to the database.
 * @param section its name. @default "database"
 */
export function databaseSection(section = "database"): ConfigSections {
  return {
    [section]: {
      max_pool_size: 5,
      max_overflow: 20,
      // Connections are given up before anything between service and database forgets them.
      connection_recycle_time: 280,
      // A start waits for the database, asking every 2 s. By itself it asks every 10 s, ten times, and then ends.
      max_retries: -1,
      retry_interval: 2,
    },
  };
}

/** The secret part of it: where the database is. */
export function databaseSecret(secrets: ServiceSecrets, database: string, section = "database"): ConfigSections {
  return { [section]: { connection: secrets.databaseUrl(database) } };
}

/** What a service would otherwise look up again and again, in memcached. */
export function cacheSection(cloud: CloudFacts): ConfigSections {
  return {
    cache: {
      enabled: true,
      backend: "oslo_cache.memcache_pool",
      memcache_servers: cloud.memcachedServers,
      // A member that is away is left out for 10 s, and costs a request at most half a second.
      memcache_dead_retry: 10,
      memcache_socket_timeout: 0.5,
    },
  };
}

/** The edge ends TLS and says in headers how it was asked. */
export function proxySection(): ConfigSections {
  return { oslo_middleware: { enable_proxy_headers_parsing: true } };
}

export { authToken, authTokenSecret } from "./keystone-client";
