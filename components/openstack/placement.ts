import { http } from "../kit/probes";
import type { ServiceFactory } from "./definition";
import { authToken, authTokenSecret, databaseSecret, databaseSection, proxySection } from "./sections";

const file = "placement.conf";
/** Its own name for the section of the database. */
const database = "placement_database";

/** Placement: what hosts have of everything, and what is taken of it. */
export const placement: ServiceFactory = (cloud) => ({
  name: "placement",
  needs: ["mariadb", "memcached", "keystone"],
  catalog: [{ type: "placement", port: 8778 }],
  databases: ["placement"],
  config: {
    [file]: {
      DEFAULT: { use_stderr: true },
      api: { auth_strategy: "keystone" },
      ...authToken(cloud, "placement"),
      ...databaseSection(database),
      ...proxySection(),
    },
  },
  secretConfig: (secrets) => ({
    [file]: { ...authTokenSecret(secrets), ...databaseSecret(secrets, "placement", database) },
  }),
  steps: {
    config: { [file]: { DEFAULT: { use_stderr: true } } },
    secretConfig: (secrets) => ({ [file]: databaseSecret(secrets, "placement", database) }),
    // Its schema is only ever added to, so that the release before goes on working with it.
    expand: [{ name: "db-sync", commands: [["placement-manage", "db", "sync"]] }],
  },
  processes: [
    {
      name: "api",
      wsgi: true,
      port: 8778,
      // Its list of versions, which needs neither a token nor the database.
      readiness: http("/"),
      talksTo: ["mariadb", "memcached", "edge"],
      startsAlone: true,
    },
  ],
});
