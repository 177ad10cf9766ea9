import type { ConfigSections } from "../kit/config";
import type { CloudFacts, ServiceSecrets } from "./definition";
import { serviceUserName } from "./registration";

/** The section `keystone_authtoken` of a service that checks its callers' tokens: the part that everybody may read. */
export function authToken(cloud: CloudFacts, service: string): ConfigSections {
  return {
    keystone_authtoken: {
      www_authenticate_uri: cloud.endpoint("keystone", "public"),
      auth_url: cloud.endpoint("keystone", "internal"),
      auth_type: "password",
      username: serviceUserName(service),
      project_name: "service",
      user_domain_name: "Default",
      project_domain_name: "Default",
      region_name: cloud.region,
      interface: "internal",
      cafile: cloud.caFile,
      memcached_servers: cloud.memcachedServers,
      service_token_roles: "service",
      service_token_roles_required: true,
    },
  };
}

/** The secret part of `keystone_authtoken`. */
export function authTokenSecret(secrets: ServiceSecrets): ConfigSections {
  return { keystone_authtoken: { password: secrets.servicePassword } };
}
