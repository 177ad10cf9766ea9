import { z } from "zod";
import { Profile } from "../components/kit/profile";
import { Datapath, Virtualization } from "../components/openstack/network-args";
import { Announce } from "../components/platform/args";

const endpoint = z.object({
  public: z.string(),
  internal: z.string().optional(),
  publicAddress: z.string().optional(),
  internalAddress: z.string().optional(),
  announce: z.enum(Announce).optional(),
  interface: z.string().optional(),
});

const size = z.object({
  replicas: z.number().optional(),
  workers: z.number().optional(),
  cpu: z.string().optional(),
  memory: z.string().optional(),
  memoryLimit: z.string().optional(),
  storage: z.string().optional(),
});

const networks = z.object({
  external: z
    .object({ interface: z.string().optional(), cidr: z.string(), gateway: z.string(), range: z.string() })
    .optional(),
  tunnel: z
    .object({ type: z.enum(["geneve"]).optional(), mtu: z.number().optional(), cidr: z.string().optional() })
    .optional(),
  datapath: z.enum(Datapath).optional(),
  hosts: z.array(z.string()).optional(),
  dnsServers: z.array(z.string()).optional(),
});

function isScalar(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

/** Whether a value can be an option's: text, number, true or false, a list or a mapping of such. */
function isOptionValue(value: unknown): boolean {
  if (Array.isArray(value)) {
    return value.every(isScalar);
  }
  return typeof value === "object" && value !== null
    ? Object.entries(value).every(([key, item]) => isScalar(item) || (key === "multi" && isOptionValue(item)))
    : isScalar(value);
}

const option = z
  .unknown()
  .refine(
    isOptionValue,
    "is no value of an option; write a text, a number, true or false, or a list or mapping of them",
  );

/** Something by two names, such as service and process. */
function nested<Item extends z.ZodType>(item: Item) {
  return z.record(z.string(), z.record(z.string(), item));
}

/**
 * Shape of `stratiform:cloud`: `OpenStackCloudArgs` without the cluster, with `name` for `cloudName`, the release by its
 * name, and certificates without their keys. Unknown keys are looked for apart, as with `clusterSchema`.
 */
export const cloudSchema = z.object({
  name: z.string().optional(),
  profile: z.enum(Profile).optional(),
  release: z.string(),
  services: z.array(z.string()),
  region: z.string().optional(),
  registry: z.string().optional(),
  endpoint,
  networks: networks.optional(),
  compute: z.object({ virtualization: z.enum(Virtualization).optional() }).optional(),
  certificate: z.string().optional(),
  authority: z.string().optional(),
  sizes: nested(size).optional(),
  overrides: nested(nested(option)).optional(),
});

/** `stratiform:cloud` as it stands in a stack file. */
export type CloudSection = z.infer<typeof cloudSchema>;
