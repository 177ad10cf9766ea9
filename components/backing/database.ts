import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector, type ImageEntry } from "../kit/catalogue";
import { jobAttempts } from "../kit/job";
import type { DatabaseServer } from "./galera";

const program = "database.py";
const statements = "database.json";

/** Where the administrator's password lies. */
const admin = "/etc/stratiform/database-admin";

/** Arguments of `databaseStep`. */
export interface DatabaseStepArgs {
  /** The server. */
  server: DatabaseServer;
  /** Names of the databases. */
  databases: readonly string[];
  /** User that may use just these. */
  user: string;
  /** Its password. A secret. */
  password: pulumi.Input<string>;
  /** Image that it runs in: one of the service's own, whose hosts need no other for it. */
  image: string;
  /** Its entry in the catalogue: it has python3, with PyMySQL, by which services reach their databases. */
  entry: ImageEntry;
  /** Path of a file there. */
  path: (key: string) => string;
}

/** What makes a service's databases: a program, the files that it reads, and the administrator's password. */
export interface DatabaseStep {
  /** Files by key, for a Secret of whoever runs it. */
  files: pulumi.Output<Record<string, string>>;
  /** Their keys. */
  keys: readonly string[];
  /** Argument vector. */
  command: string[];
  /** Environment variables. */
  environment: Record<string, string>;
  /** Secret with the administrator's password, and where it is mounted. */
  credentials: { secret: pulumi.Input<string>; path: string };
  /** What it asks for. */
  size: { cpu: string; memory: string };
}

/**
 * What makes a service's databases and the user that may use just these. It has no pod of its own where a step of the
 * service follows, whose pod it begins: each pod costs a busy host seconds.
 * @throws Error if a name cannot be one of a database or user, or the image's entry has no python3
 */
export function databaseStep(args: DatabaseStepArgs): DatabaseStep {
  const { server, databases, user, path } = args;
  return {
    files: pulumi.output(args.password).apply(
      (password): Record<string, string> => ({
        [program]: readFileSync(join(__dirname, "scripts", program), "utf8"),
        [statements]: JSON.stringify(databaseStatements(databases, user, password)),
      }),
    ),
    keys: [program, statements],
    command: argumentVector(args.image, args.entry, ["python3", path(program)]),
    environment: {
      DATABASE_HOST: server.host,
      DATABASE_PORT: String(server.port),
      PASSWORD_FILE: `${admin}/password`,
      STATEMENTS_FILE: path(statements),
      JOB_ATTEMPTS: String(jobAttempts),
    },
    credentials: { secret: server.adminSecret, path: admin },
    size: { cpu: "20m", memory: "64Mi" },
  };
}

/**
 * SQL that makes databases and a user that may use just these; it can be run again, and sets the password each time.
 * @throws Error if a name cannot be one of a database or user
 */
export function databaseStatements(databases: readonly string[], user: string, password: string): string[] {
  const wrong = [...databases, user].find((name) => !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name));
  if (wrong !== undefined) {
    throw new Error(`"${wrong}" cannot be the name of a database or a user; use letters, digits, _ and -`);
  }
  const account = `${text(user)}@'%'`;
  return [
    // OpenStack's tables are defined in utf8mb3, and refer to each other.
    ...databases.map(
      (one) => `CREATE DATABASE IF NOT EXISTS \`${one}\` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci`,
    ),
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY ${text(password)}`,
    `ALTER USER ${account} IDENTIFIED BY ${text(password)}`,
    // In a grant _ stands for any character.
    ...databases.map((one) => `GRANT ALL PRIVILEGES ON \`${one.replace(/_/g, "\\_")}\`.* TO ${account}`),
  ];
}

/** A text of SQL. */
function text(value: string): string {
  return `'${value.replace(/\\/g, "\\\\").replace(/'/g, "''")}'`;
}
