import * as fs from "node:fs";
import * as path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { labelsOf } from "../kit/labels";
import { hashedName } from "../kit/names";
import { jobSpec } from "../kit/workload";
import type { DatabaseServer } from "./galera";

const image = "mariadb";
const inputs = "/etc/stratiform/input";
const admin = "/etc/stratiform/admin";
/** Every 2 s; then the job is tried anew, with a pause. */
const attempts = 60;

/** Arguments of `databaseJob`. */
export interface DatabaseJobArgs {
  /** The cloud. */
  context: CloudContext;
  /** The server. */
  server: DatabaseServer;
  /** Service whose databases they are, such as `keystone`. */
  service: string;
  /** Label of the service's jobs, in the place of a process. */
  process: string;
  /** Names of the databases. */
  databases: readonly string[];
  /** User that may use just these. */
  user: string;
  /** Its password. A secret. */
  password: pulumi.Input<string>;
}

/**
 * Makes a service's databases and the user that may use just these. The job's name carries all that it is given, so that
 * it runs again exactly when that changes.
 * @returns what those who use the databases wait for
 * @throws Error if a name cannot be one of a database or user
 */
export function databaseJob(
  name: string,
  args: DatabaseJobArgs,
  opts: { parent: pulumi.Resource; dependsOn: pulumi.Resource[] },
): pulumi.Resource[] {
  const { context, server, service } = args;
  const files = pulumi.output(args.password).apply((password) => ({
    "database.sh": fs.readFileSync(path.join(__dirname, "scripts", "database.sh"), "utf8"),
    "database.sql": databaseSql(args.databases, args.user, password),
  }));
  const reference = context.image(image);
  const objectName = pulumi.unsecret(
    pulumi
      .all([context.hashKey, files])
      .apply(([key, content]) => hashedName(`${service}-database`, key, reference, content)),
  );
  const metadata = { name: objectName, namespace: context.namespace };
  const secret = new k8s.core.v1.Secret(
    name,
    { metadata, stringData: pulumi.secret(files), immutable: true },
    context.inNamespace(opts.parent),
  );
  const entry = context.entry(image);
  const sh = entry.programs["sh"] ?? ["/bin/sh"];
  const job = new k8s.batch.v1.Job(
    name,
    {
      metadata: { ...metadata, annotations: { "pulumi.com/replaceUnready": "true" } },
      spec: jobSpec(labelsOf(context.cloud, service, args.process), {
        uid: entry.uid,
        gid: entry.gid,
        containers: [
          {
            name: "database",
            image: reference,
            command: [...sh, `${inputs}/database.sh`],
            env: {
              DATABASE_HOST: server.host,
              DATABASE_PORT: String(server.port),
              PASSWORD_FILE: `${admin}/password`,
              SQL_FILE: `${inputs}/database.sql`,
              MARIADB: (entry.programs["mariadb"] ?? ["mariadb"]).join(" "),
              ATTEMPTS: String(attempts),
            },
            mounts: [
              { volume: "input", path: inputs },
              { volume: "admin", path: admin },
            ],
            size: { cpu: "10m", memory: "32Mi" },
          },
        ],
        volumes: {
          input: { kind: "secret", name: secret.metadata.name },
          admin: { kind: "secret", name: server.adminSecret },
        },
      }),
    },
    context.inNamespace(opts.parent, { dependsOn: [...opts.dependsOn, secret] }),
  );
  return [job];
}

/**
 * What makes databases and a user that may use just these; it can be run again, and sets the password each time.
 * @throws Error if a name cannot be one of a database or user
 */
export function databaseSql(databases: readonly string[], user: string, password: string): string {
  const wrong = [...databases, user].find((name) => !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name));
  if (wrong !== undefined) {
    throw new Error(`"${wrong}" cannot be the name of a database or a user; use letters, digits, _ and -`);
  }
  const account = `${text(user)}@'%'`;
  return [
    // OpenStack's tables are defined in utf8mb3, and refer to each other.
    ...databases.map(
      (one) => `CREATE DATABASE IF NOT EXISTS \`${one}\` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;`,
    ),
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY ${text(password)};`,
    `ALTER USER ${account} IDENTIFIED BY ${text(password)};`,
    // In a grant _ stands for any character.
    ...databases.map((one) => `GRANT ALL PRIVILEGES ON \`${one.replace(/_/g, "\\_")}\`.* TO ${account};`),
    "",
  ].join("\n");
}

/** A text of SQL. */
function text(value: string): string {
  return `'${value.replace(/\\/g, "\\\\").replace(/'/g, "''")}'`;
}
