import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { DatabaseServer } from "../backing/galera";
import type { MessageBus } from "../backing/rabbitmq";
import { busUrl } from "../backing/rabbitmq-config";
import type { CloudContext } from "../kit/context";
import { passwordShape } from "../kit/password";
import type { KeyRepository, ServiceDefinition, ServiceSecrets } from "./definition";
import { serviceUserName } from "./registration";
import { blankSecrets } from "./service-files";

/** Bytes of one key: what Fernet takes. */
const keyBytes = 32;

/** What of a service is secret. */
export interface SecretParts {
  /** Password of its database user, if it has databases. */
  databasePassword?: pulumi.Output<string>;
  /** Password of its user on the message bus, if it has one. */
  messagingPassword?: pulumi.Output<string>;
  /** All secrets laid open for the files that need them. A secret itself. */
  laidOpen: pulumi.Output<ServiceSecrets>;
  /** Secrets with its key repositories, by repository. */
  keySecrets: Map<string, k8s.core.v1.Secret>;
}

/** Makes the passwords and keys of a service, each for one purpose. */
export function serviceSecrets(
  name: string,
  args: {
    context: CloudContext;
    definition: ServiceDefinition;
    database: DatabaseServer;
    messageBus?: MessageBus | undefined;
    adminPassword: pulumi.Output<string>;
    sharedSecret: (name: string) => pulumi.Output<string>;
  },
  parent: pulumi.Resource,
): SecretParts {
  const { context, definition, database, messageBus, adminPassword } = args;
  const password = (purpose: string): pulumi.Output<string> =>
    new random.RandomPassword(`${name}-${purpose}`, passwordShape, { parent }).result;
  const databasePassword = definition.databases?.length ? password("database") : undefined;
  const messagingPassword = definition.messaging === true ? password("messaging") : undefined;
  const servicePassword = (definition.serviceUser ?? true) ? password("user") : undefined;
  const shared = pulumi.all(
    Object.fromEntries(sharedSecretNames(definition).map((secret) => [secret, args.sharedSecret(secret)])),
  );
  const user = serviceUserName(definition.name);
  const laidOpen = pulumi.secret(
    pulumi.all([databasePassword ?? "", messagingPassword ?? "", servicePassword ?? "", adminPassword, shared]).apply(
      ([databaseWord, messagingWord, serviceWord, adminWord, sharedWords]): ServiceSecrets => ({
        databaseUrl: (schema) =>
          `mysql+pymysql://${user}:${databaseWord}@${database.host}:${database.port}/${schema}?charset=utf8`,
        messageBusUrl:
          messagingPassword === undefined || messageBus === undefined
            ? ""
            : busUrl(messageBus.host, { vhost: definition.name, user, password: messagingWord }),
        servicePassword: serviceWord,
        adminPassword: adminWord,
        sharedSecret: (secret) => {
          const word = sharedWords[secret];
          if (word === undefined) {
            throw new Error(
              `definition ${definition.name}: asks for the shared secret ${secret} only sometimes; ask each time`,
            );
          }
          return word;
        },
      }),
    ),
  );
  const repositories = (definition.keyRepositories ?? []).map((repository): [string, k8s.core.v1.Secret] => [
    repository.name,
    keySecret(`${name}-${repository.name}`, context, definition.name, repository, parent),
  ]);
  return {
    ...(databasePassword === undefined ? {} : { databasePassword }),
    ...(messagingPassword === undefined ? {} : { messagingPassword }),
    laidOpen,
    keySecrets: new Map(repositories),
  };
}

/** Names of the shared secrets that a definition asks for, found by having it write its files with secrets that are none. */
export function sharedSecretNames(definition: ServiceDefinition): string[] {
  const names = new Set<string>();
  const secrets: ServiceSecrets = {
    ...blankSecrets,
    sharedSecret: (name) => {
      names.add(name);
      return blankSecrets.sharedSecret(name);
    },
  };
  const { steps } = definition;
  definition.secretConfig?.(secrets);
  steps?.secretConfig?.(secrets);
  for (const step of [...(steps?.expand ?? []), ...(steps?.after ?? [])]) {
    step.inputs?.(secrets);
  }
  return [...names].sort();
}

/**
 * The secrets that services of a cloud share: each is made when it is first asked for, and the same for whoever asks next.
 * @param name beginning of their names in the Pulumi program
 */
export function sharedSecrets(name: string, parent: pulumi.Resource): (secret: string) => pulumi.Output<string> {
  const made = new Map<string, pulumi.Output<string>>();
  return (secret) => {
    const word =
      made.get(secret) ?? new random.RandomPassword(`${name}-shared-${secret}`, passwordShape, { parent }).result;
    made.set(secret, word);
    return word;
  };
}

/**
 * The first keys of a repository. From then on they belong to whoever rotates them: an `up` changes nothing, and pods
 * see new keys without a restart, since the whole Secret is mounted.
 */
function keySecret(
  name: string,
  context: CloudContext,
  service: string,
  repository: KeyRepository,
  parent: pulumi.Resource,
): k8s.core.v1.Secret {
  const bytes = new random.RandomBytes(
    name,
    { length: repository.keys * keyBytes },
    { parent, protect: context.protect },
  );
  return new k8s.core.v1.Secret(
    name,
    {
      metadata: { name: `${service}-${repository.name}`, namespace: context.namespace },
      stringData: pulumi.secret(bytes.base64.apply((text) => numberedKeys(text, repository.keys))),
    },
    context.inNamespace(parent, { protect: context.protect, ignoreChanges: ["data", "stringData"] }),
  );
}

/** Keys as Fernet writes them (URL-safe base64), by number, from random bytes in base64. */
export function numberedKeys(base64: string, count: number): Record<string, string> {
  const bytes = Buffer.from(base64, "base64");
  const keys: Record<string, string> = {};
  for (let number = 0; number < count; number++) {
    const key = bytes.subarray(number * keyBytes, (number + 1) * keyBytes).toString("base64");
    keys[String(number)] = key.split("+").join("-").split("/").join("_");
  }
  return keys;
}
