import type { ConfigSections } from "../kit/config";
import { http, tcp } from "../kit/probes";
import type { CloudFacts, ServiceFactory } from "./definition";
import { authToken, authTokenSecret, databaseSecret, databaseSection, proxySection } from "./sections";

const file = "glance-api.conf";

/** Seconds without a byte after which the connection of an upload or a download is given up. */
const socketSeconds = 60;
/** Seconds that uploads and downloads under way have when a pod is told to stop. */
const transferSeconds = 120;

/** Glance: images of disks, kept as files on a volume. */
export const glance: ServiceFactory = (cloud) => ({
  name: "glance",
  needs: ["mariadb", "memcached", "keystone"],
  catalog: [{ type: "image", port: 9292 }],
  databases: ["glance"],
  config: {
    [file]: {
      DEFAULT: {
        use_stderr: true,
        enabled_backends: { file: "file" },
        // Of the ways to import the one that fetches nothing from elsewhere: policies would not let it.
        enabled_import_methods: "[glance-direct]",
      },
      glance_store: { default_backend: "file" },
      ...stores(cloud),
      // Nobody hears notifications: it has no message bus.
      oslo_messaging_notifications: { driver: { multi: ["noop"] } },
      paste_deploy: { flavor: "keystone" },
      ...authToken(cloud, "glance"),
      ...databaseSection(),
      ...proxySection(),
    },
  },
  secretConfig: (secrets) => ({ [file]: { ...authTokenSecret(secrets), ...databaseSecret(secrets, "glance") } }),
  // Its API reads files by name, and directories by the name of the project.
  configDirectories: { [file]: "glance.conf.d" },
  steps: {
    config: { [file]: { DEFAULT: { use_stderr: true } } },
    secretConfig: (secrets) => ({ [file]: databaseSecret(secrets, "glance") }),
    expand: [
      {
        name: "expand",
        commands: [
          ["glance-manage", "db", "expand"],
          ["glance-manage", "db", "migrate"],
        ],
      },
    ],
    after: [{ name: "contract", commands: [["glance-manage", "db", "contract"]] }],
  },
  processes: [
    {
      name: "api",
      wsgi: true,
      uwsgi: [
        // Uploads come in chunks: their length is not known before.
        "http-auto-chunked = true",
        "http-chunked-input = true",
        "http-raw-body = true",
        "wsgi-manage-chunked-input = true",
        `socket-timeout = ${socketSeconds}`,
        // What is under way when it is told to stop comes to its end.
        `worker-reload-mercy = ${transferSeconds - 10}`,
      ],
      port: 9292,
      startup: http("/healthcheck"),
      // Each upload has a worker to itself, for minutes: with all at work nobody would answer a question over HTTP.
      readiness: tcp(),
      talksTo: ["mariadb", "memcached", "edge"],
      startsAlone: true,
      claims: [{ name: "images", path: "state" }],
      gracePeriod: transferSeconds,
    },
  ],
});

/** Where images lie, and what is on its way: on the same volume, since it may be as large. */
function stores(cloud: CloudFacts): ConfigSections {
  const directory = (name: string) => ({ filesystem_store_datadir: cloud.path("glance", name) });
  return {
    file: directory("images"),
    os_glance_staging_store: directory("staging"),
    os_glance_tasks_store: directory("tasks"),
  };
}
