import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { scriptJob } from "../kit/job";
import { selectorOf } from "../kit/labels";
import type { DatabaseServer } from "./galera";

const image = "mariadb";
const admin = "/etc/stratiform/admin";
const scripts = [join(__dirname, "scripts", "database.sh"), join(__dirname, "scripts", "attempts-library.sh")] as const;

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
  const { context, service, process, server, databases, user } = args;
  return [
    scriptJob(
      name,
      { context, service, process, step: "database", ...opts },
      {
        image,
        scripts,
        files: pulumi
          .output(args.password)
          .apply((password): Record<string, string> => ({ "database.sql": databaseSql(databases, user, password) })),
        environment: (file) => ({
          DATABASE_HOST: server.host,
          DATABASE_PORT: String(server.port),
          PASSWORD_FILE: `${admin}/password`,
          SQL_FILE: file("database.sql"),
          MARIADB: argumentVector(image, context.entry(image), ["mariadb"]).join(" "),
        }),
        credentials: { secret: server.adminSecret, path: admin },
        size: { cpu: "10m", memory: "32Mi" },
        near: selectorOf(context.cloud, image, "server"),
      },
    ),
  ];
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
