import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import type { CloudContext } from "../kit/context";
import { scriptJob } from "../kit/job";
import { selectorOf } from "../kit/labels";
import type { MessageBus } from "./rabbitmq";
import { busDefinitions } from "./rabbitmq-config";

const image = "rabbitmq";
const cookie = "/etc/stratiform/cookie";
const scripts = [
  join(__dirname, "scripts", "rabbitmq-user.sh"),
  join(__dirname, "scripts", "rabbitmq-library.sh"),
  join(__dirname, "scripts", "attempts-library.sh"),
] as const;

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
  const { context, bus, service, process, user } = args;
  return [
    scriptJob(
      name,
      { context, service, process, step: "messaging", ...opts },
      {
        image,
        scripts,
        files: pulumi.output(args.password).apply(
          (password): Record<string, string> => ({
            "definitions.json": busDefinitions({ vhost: service, user, password }),
          }),
        ),
        environment: (file) => ({
          BUS_DOMAIN: bus.domain,
          BUS_COOKIE_FILE: `${cookie}/cookie`,
          BUS_DEFINITIONS_FILE: file("definitions.json"),
          RABBITMQ_USE_LONGNAME: "true",
          BUS_CTL: argumentVector(image, context.entry(image), ["rabbitmqctl"]).join(" "),
        }),
        credentials: { secret: bus.cookieSecret, path: cookie },
        size: { cpu: "50m", memory: "96Mi" },
        near: selectorOf(context.cloud, image, "server"),
      },
    ),
  ];
}
