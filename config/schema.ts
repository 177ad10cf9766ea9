import { z } from "zod";
import { HostRole, PreflightMode, TaintEffect } from "../components/cluster/args";

const texts = z.record(z.string(), z.string());

const taint = z.object({ key: z.string(), value: z.string().optional(), effect: z.enum(TaintEffect) });

const host = z.object({
  name: z.string(),
  address: z.string(),
  roles: z.array(z.enum(HostRole)),
  interfaces: z.object({ provider: z.string().optional(), tunnel: z.string().optional() }).optional(),
  labels: texts.optional(),
  taints: z.array(taint).optional(),
  hostKey: z.string().optional(),
  port: z.number().optional(),
});

/** SSH settings. The private key is not here: secrets are top-level keys of their own. */
const ssh = z.object({
  user: z.string().optional(),
  port: z.number().optional(),
  insecure: z.boolean().optional(),
});

const endpoint = z.object({
  name: z.string().optional(),
  virtualIp: z.string().optional(),
  virtualIpInterface: z.string().optional(),
  external: z.string().optional(),
  port: z.number().optional(),
});

const artifacts = z.object({
  kubernetesUrl: z.string().optional(),
  cniUrl: z.string().optional(),
  caCertificate: z.string().optional(),
  digests: texts.optional(),
});

const imageMirror = z.object({
  registry: z.string(),
  caCertificate: z.string().optional(),
  tags: texts.optional(),
  digests: texts.optional(),
});

/**
 * Shape of `stratiform:cluster`: `KubeadmClusterArgs`, with `name` for `clusterName` and `ssh` without the key. Unknown
 * keys are looked for apart (`unknownKeys`), so that they are reported beside all other problems.
 */
export const clusterSchema = z.object({
  name: z.string().optional(),
  hosts: z.array(host),
  ssh: ssh.optional(),
  kubernetesVersion: z.string().optional(),
  endpoint: endpoint.optional(),
  networks: z.object({ pods: z.string().optional(), services: z.string().optional() }).optional(),
  artifacts: artifacts.optional(),
  imageMirror: imageMirror.optional(),
  degraded: z.boolean().optional(),
  preflight: z.enum(PreflightMode).optional(),
});

/** `stratiform:cluster` as it stands in a stack file. */
export type ClusterConfig = z.infer<typeof clusterSchema>;

/** Keys of the stack configuration, without "stratiform:". */
export const topLevelKeys = [
  "cluster",
  "cloud",
  "sshPrivateKey",
  "sshPrivateKeyPassphrase",
  "endpointPrivateKey",
  "authorityPrivateKey",
  "adminPassword",
] as const;
