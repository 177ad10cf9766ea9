import type * as pulumi from "@pulumi/pulumi";
import type { DatabaseServer } from "../backing/galera";
import type { MessageBus } from "../backing/rabbitmq";
import type { ConfigFiles } from "../kit/config";
import type { CloudContext } from "../kit/context";
import type { Connections } from "./connections";
import type { CloudFacts, ServiceDefinition } from "./definition";
import type { SecretParts } from "./service-secrets";

/** Arguments of `OpenStackService`. */
export interface OpenStackServiceArgs {
  /** The cloud that the service belongs to. */
  context: CloudContext;
  /** What definitions know of that cloud. */
  facts: CloudFacts;
  /** The service. */
  definition: ServiceDefinition;
  /** Where its databases are. */
  database: DatabaseServer;
  /** Where its virtual host on the message bus is. @default the cloud has no message bus */
  messageBus?: MessageBus | undefined;
  /** Storage class of its volumes. */
  storageClass: pulumi.Input<string>;
  /** Who connects to whom. */
  connections: Connections;
  /** Password of the cloud's administrator. */
  adminPassword: pulumi.Output<string>;
  /** A secret that services of the cloud share, by name; made when it is first asked for. */
  sharedSecret: (name: string) => pulumi.Output<string>;
  /** Options that the user sets otherwise. @default none */
  overrides?: ConfigFiles;
  /** What must be there before: what the service needs. */
  after: pulumi.Resource[];
  /** What of it is no service but a backing one. */
  backing: pulumi.Resource[];
  /** What of it the steps before any process call. */
  beforeSteps: pulumi.Resource[];
  /** What jobs that enter the service into Keystone go through: the edge, and Keystone, where the service is another one. */
  identity: pulumi.Resource[];
}

/** What the parts of one service share while they are laid. */
export interface ServiceBuild extends OpenStackServiceArgs {
  /** Beginning of all its resources' names in the Pulumi program. */
  name: string;
  /** Its passwords and keys. */
  secrets: SecretParts;
  /** Its component. */
  parent: pulumi.Resource;
}
