/** The door for TypeScript programs: services of one's own, as data. Types here are not limited to what Pulumi's schemas can say. */
export type { ImageCatalogue, ImageEntry } from "../kit/catalogue";
export type { ConfigFiles, ConfigSections, MultiValue, OptionValue } from "../kit/config";
export type { CloudContext } from "../kit/context";
export { debianCatalogue } from "../kit/debian-catalogue";
export { renderOslo } from "../kit/oslo";
export { exec, http, type Probe, tcp } from "../kit/probes";
export { type ProcessSize, Profile } from "../kit/profile";
export type { ReleaseArgs, ReleaseImageArgs } from "../kit/release";
export * from "./args";
export { OpenStackCloud } from "./cloud";
export * from "./definition";
export { authToken, authTokenSecret } from "./keystone-client";
export { OpenStackService } from "./service";
export type { OpenStackServiceArgs } from "./service-build";
export { knownServices } from "./services";
export { type CloudProblems, validateCloud } from "./validate";
