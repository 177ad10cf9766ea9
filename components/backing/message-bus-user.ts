import * as fs from "node:fs";
import * as path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { labelsOf } from "../kit/labels";
import { hashedName } from "../kit/names";
import { jobSpec } from "../kit/workload";
import type { MessageBus } from "./rabbitmq";
import { busDefinitions } from "./rabbitmq-config";

const image = "rabbitmq";
const inputs = "/etc/stratiform/input";
const cookie = "/etc/stratiform/cookie";
const scripts = ["rabbitmq-user.sh", "rabbitmq-library.sh"];
/** Every 2 s; then the job is tried anew, with a pause. */
const attempts = 60;

/** Arguments of `busUserJob`. */
export interface BusUserJobArgs {
  /** The cloud. */
  context: CloudContext;
  /** The message bus. */
  bus: MessageBus;
  /** Service whose user it is, such as `nova`; its virtual host has the same name. */
  service: string;
  /** Label of the service's jobs, in the place of a process. */
  process: string;
  /** The user. */
  user: string;
  /** Its password. A secret; the job itself knows a hash of it. */
  password: pulumi.Input<string>;
}

/**
 * Makes a service's user on the message bus, and the virtual host that it alone uses. The job speaks Erlang's distribution
 * with any member, with the cookie. Its name carries all that it is given, so that it runs again exactly when that changes.
 * @returns what those who use the bus wait for
 * @throws Error if a name cannot be one of a user or virtual host
 */
export function busUserJob(
  name: string,
  args: BusUserJobArgs,
  opts: { parent: pulumi.Resource; dependsOn: pulumi.Resource[] },
): pulumi.Resource[] {
  const { context, bus, service } = args;
  const read = (file: string): string => fs.readFileSync(path.join(__dirname, "scripts", file), "utf8");
  const files = pulumi.output(args.password).apply(
    (password): Record<string, string> => ({
      ...Object.fromEntries(scripts.map((file) => [file, read(file)])),
      "definitions.json": busDefinitions({ vhost: service, user: args.user, password }),
    }),
  );
  const reference = context.image(image);
  const objectName = pulumi.unsecret(
    pulumi
      .all([context.hashKey, files])
      .apply(([key, content]) => hashedName(`${service}-messaging`, key, reference, content)),
  );
  const metadata = { name: objectName, namespace: context.namespace };
  const secret = new k8s.core.v1.Secret(
    name,
    { metadata, stringData: pulumi.secret(files), immutable: true },
    context.inNamespace(opts.parent),
  );
  const entry = context.entry(image);
  const job = new k8s.batch.v1.Job(
    name,
    {
      metadata: { ...metadata, annotations: { "pulumi.com/replaceUnready": "true" } },
      spec: jobSpec(labelsOf(context.cloud, service, args.process), {
        uid: entry.uid,
        gid: entry.gid,
        containers: [
          {
            name: "messaging",
            image: reference,
            command: argumentVector(image, entry, ["sh", `${inputs}/rabbitmq-user.sh`]),
            env: {
              BUS_DOMAIN: bus.domain,
              BUS_COOKIE_FILE: `${cookie}/cookie`,
              BUS_DEFINITIONS_FILE: `${inputs}/definitions.json`,
              RABBITMQ_USE_LONGNAME: "true",
              BUS_CTL: argumentVector(image, entry, ["rabbitmqctl"]).join(" "),
              BUS_ATTEMPTS: String(attempts),
            },
            mounts: [
              { volume: "input", path: inputs },
              { volume: "cookie", path: cookie },
            ],
            size: { cpu: "50m", memory: "96Mi" },
          },
        ],
        volumes: {
          input: { kind: "secret", name: secret.metadata.name },
          cookie: { kind: "secret", name: bus.cookieSecret },
        },
      }),
    },
    context.inNamespace(opts.parent, { dependsOn: [...opts.dependsOn, secret] }),
  );
  return [job];
}
