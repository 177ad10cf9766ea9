import { type CloudAccess, cloudsYaml } from "./clouds-yaml";
import { registers } from "./connections";
import type { CloudFacts, ServiceDefinition } from "./definition";
import { caFile } from "./facts";

/** What a service's entry in Keystone is; read by scripts/register.py. */
export interface Registration {
  /** Name of the cloud, which marks what is made. */
  cloud: string;
  region: string;
  /** User of the service, if it has one. */
  user?: string;
  services: { type: string; name: string; endpoints: { public: string; internal: string } }[];
}

/** What all services together have in Keystone; what is marked and not in it is swept out. */
export interface RegistrationList {
  cloud: string;
  users: string[];
  services: { type: string; name: string }[];
}

/** The service that all others are entered into. */
export const identityService = "keystone";

/** Generation of the services' credentials: a rotation adds users of the next one before it removes these. */
export const credentialGeneration = 1;

/** Name of a service's user, in Keystone and in the database. */
export function serviceUserName(service: string): string {
  return `${service}-g${credentialGeneration}`;
}

/** Whether a service's user must be in Keystone before any of its processes runs. */
export function loginAtStart(definition: ServiceDefinition): boolean {
  return definition.processes.some((process) => process.loginAtStart === true);
}

/** The entry of a service in Keystone, or undefined for one that has none or makes its own. */
export function registration(cloud: CloudFacts, definition: ServiceDefinition): Registration | undefined {
  if (!registers(definition)) {
    return undefined;
  }
  return {
    cloud: cloud.name,
    region: cloud.region,
    ...((definition.serviceUser ?? true) ? { user: serviceUserName(definition.name) } : {}),
    services: (definition.catalog ?? []).map((entry) => ({
      type: entry.type,
      name: entry.name ?? definition.name,
      endpoints: {
        public: `${cloud.endpoint(definition.name, "public")}${entry.path ?? ""}`,
        internal: `${cloud.endpoint(definition.name, "internal")}${entry.path ?? ""}`,
      },
    })),
  };
}

/** What all definitions of a cloud enter into Keystone. */
export function registrationList(cloud: CloudFacts, definitions: readonly ServiceDefinition[]): RegistrationList {
  const entries = definitions.flatMap((definition) => registration(cloud, definition) ?? []);
  return {
    cloud: cloud.name,
    users: entries.flatMap((entry) => (entry.user === undefined ? [] : [entry.user])).sort(),
    services: entries.flatMap((entry) => entry.services.map(({ type, name }) => ({ type, name }))),
  };
}

/** The administrator's access for jobs inside the cluster. */
export function administratorAccess(cloud: CloudFacts, password: string): string {
  const access: CloudAccess = {
    cloud: "admin",
    authUrl: `${cloud.endpoint("keystone", "internal")}/v3`,
    region: cloud.region,
    username: "admin",
    password,
    project: "admin",
    endpointInterface: "internal",
    caFile,
  };
  return cloudsYaml(access);
}
