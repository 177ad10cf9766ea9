import type { ConfigSections } from "../kit/config";
import { http } from "../kit/probes";
import type { CloudFacts, ServiceFactory } from "./definition";
import { databaseSecret, databaseSection } from "./sections";

const file = "keystone.conf";

/** Seconds that a token is valid: long enough for an upload or a stack that takes hours. */
const tokenSeconds = 14400;
/** Largest request body in bytes (OpenStack Security Guide, Check-Identity-05). */
const largestBody = 114688;

/** Keystone: users, projects, tokens and the service catalogue. */
export const keystone: ServiceFactory = (cloud) => ({
  name: "keystone",
  needs: ["mariadb", "memcached"],
  catalog: [{ type: "identity", port: 5000, path: "/v3" }],
  // A second token harms nobody.
  repeatable: [{ method: "POST", path: "/v3/auth/tokens" }],
  databases: ["keystone"],
  serviceUser: false,
  keyRepositories: [
    { name: "fernet-keys", path: "fernetKeys", keys: 2 },
    { name: "credential-keys", path: "credentialKeys", keys: 2 },
  ],
  config: {
    [file]: {
      DEFAULT: { use_stderr: true, insecure_debug: false },
      cache: {
        enabled: true,
        backend: "oslo_cache.memcache_pool",
        memcache_servers: cloud.memcachedServers,
        // A member that is away is left out for 10 s, and costs a request at most half a second.
        memcache_dead_retry: 10,
        memcache_socket_timeout: 0.5,
      },
      ...databaseSection(),
      // The edge ends TLS and says in headers how it was asked.
      oslo_middleware: { enable_proxy_headers_parsing: true, max_request_body_size: largestBody },
      token: { provider: "fernet", expiration: tokenSeconds },
      ...keyRepositories(cloud),
    },
  },
  secretConfig: (secrets) => ({ [file]: databaseSecret(secrets, "keystone") }),
  steps: {
    config: { [file]: { DEFAULT: { use_stderr: true }, ...keyRepositories(cloud) } },
    secretConfig: (secrets) => ({ [file]: databaseSecret(secrets, "keystone") }),
    expand: [
      {
        name: "expand",
        commands: [
          ["keystone-manage", "db_sync", "--expand"],
          [
            "keystone-manage",
            "bootstrap",
            ...["--bootstrap-region-id", cloud.region],
            ...["--bootstrap-public-url", `${cloud.endpoint("keystone", "public")}/v3`],
            ...["--bootstrap-internal-url", `${cloud.endpoint("keystone", "internal")}/v3`],
            ...["--bootstrap-admin-url", `${cloud.endpoint("keystone", "internal")}/v3`],
          ],
        ],
        inputs: (secrets) => ({ "admin-password": secrets.adminPassword }),
        environment: { OS_BOOTSTRAP_PASSWORD: "admin-password" },
        keyRepositories: ["fernet-keys", "credential-keys"],
        // All others wait for Keystone, while their own schemas are made beside this.
        cpu: "100m",
      },
    ],
    after: [{ name: "contract", commands: [["keystone-manage", "db_sync", "--contract"]] }],
  },
  processes: [
    {
      name: "api",
      wsgi: true,
      port: 5000,
      readiness: http("/healthcheck"),
      talksTo: ["mariadb", "memcached"],
      keyRepositories: ["fernet-keys", "credential-keys"],
    },
  ],
});

function keyRepositories(cloud: CloudFacts): ConfigSections {
  return {
    credential: { key_repository: cloud.path("keystone", "credentialKeys") },
    // Receipts of half-finished logins are made with the same keys as tokens.
    fernet_receipts: { key_repository: cloud.path("keystone", "fernetKeys") },
    fernet_tokens: { key_repository: cloud.path("keystone", "fernetKeys") },
  };
}
