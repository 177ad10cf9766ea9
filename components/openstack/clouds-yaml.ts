import { stringify } from "yaml";

/** What a client needs to reach a cloud. */
export interface CloudAccess {
  /** Name of the cloud in the file. */
  cloud: string;
  /** URL of Keystone, with its version. */
  authUrl: string;
  region: string;
  username: string;
  password: string;
  project: string;
  /** Whose endpoints the client uses. */
  endpointInterface: "public" | "internal";
  /** Path of the CA certificate, as the client finds it. */
  caFile: string;
}

/** The text of a `clouds.yaml`, which all OpenStack clients read. */
export function cloudsYaml(access: CloudAccess): string {
  return stringify({
    clouds: {
      [access.cloud]: {
        auth: {
          auth_url: access.authUrl,
          username: access.username,
          password: access.password,
          project_name: access.project,
          user_domain_name: "Default",
          project_domain_name: "Default",
        },
        region_name: access.region,
        interface: access.endpointInterface,
        identity_api_version: 3,
        cacert: access.caFile,
      },
    },
  });
}
