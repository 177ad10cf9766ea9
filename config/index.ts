import * as pulumi from "@pulumi/pulumi";
import type { KubeadmClusterArgs } from "../components/cluster/args";
import { validateCluster } from "../components/cluster/validate";
import { proposal } from "../components/kit/proposal";
import { type CloudConfig, cloudConfig } from "./cloud";
import { shapeProblems, unknownKeys } from "./problems";
import { parseJson, type RawConfig, rawConfig } from "./raw";
import { type ClusterConfig, clusterSchema, topLevelKeys } from "./schema";
import {
  insideProblems,
  isSet,
  missingProblem,
  namespace,
  plainTextProblems,
  privateKeyProblems,
  secrets,
} from "./secrets";

export type { CloudConfig } from "./cloud";
export { type RawConfig, rawConfig } from "./raw";

/** The stack configuration as the program uses it. */
export interface StackConfig {
  /** Name of the cluster and of its component. */
  name: string;
  /** Arguments of the cluster. */
  cluster: KubeadmClusterArgs;
  /** Arguments of the cloud on it. @default none: the program makes the cluster only */
  cloud?: CloudConfig;
}

const cluster = `${namespace}cluster`;

/** What to do about keys of `stratiform:cluster` that have their place elsewhere. */
const hints: Record<string, string> = {
  ".ssh.privateKey": `secrets are top-level keys of their own: remove it and run ${secrets.sshPrivateKey.set}`,
  ".ssh.privateKeyPassphrase": `secrets are top-level keys of their own: remove it and run ${secrets.sshPrivateKeyPassphrase.set}`,
  ".clusterName": "did you mean `name`?",
};

function topLevelProblems(raw: RawConfig): string[] {
  return Object.keys(raw.values)
    .filter((key) => key.startsWith(namespace))
    .map((key) => key.slice(namespace.length))
    .filter((key) => !topLevelKeys.some((known) => known === key))
    .map((key) => `${namespace}${key}: unknown key; ${proposal(key, topLevelKeys)}`);
}

function secretProblems(raw: RawConfig): string[] {
  return [
    ...(isSet(raw, secrets.sshPrivateKey)
      ? privateKeyProblems(raw, secrets.sshPrivateKey, "OpenSSH or PEM")
      : [missingProblem(secrets.sshPrivateKey)]),
    ...plainTextProblems(raw, secrets.sshPrivateKeyPassphrase),
    ...insideProblems(raw, cluster, `the SSH key belongs in ${secrets.sshPrivateKey.key}`),
  ];
}

function clusterArgs(raw: RawConfig, config: ClusterConfig): KubeadmClusterArgs {
  const { name, ssh, ...rest } = config;
  const secretPassphrase = raw.values[secrets.sshPrivateKeyPassphrase.key];
  return {
    ...rest,
    clusterName: name ?? raw.stack,
    ssh: {
      ...ssh,
      privateKey: pulumi.secret(raw.values[secrets.sshPrivateKey.key] ?? ""),
      ...(secretPassphrase ? { privateKeyPassphrase: pulumi.secret(secretPassphrase) } : {}),
    },
  };
}

/** Gateway hosts without a provider interface of their own have the one that the cloud's external network names: it is looked for on them. */
function withProviderInterface(raw: RawConfig, args: KubeadmClusterArgs): KubeadmClusterArgs {
  const value = parseJson(raw.values[`${namespace}cloud`] ?? "{}") as ExternalInterface | null;
  const provider = value?.networks?.external?.interface;
  if (typeof provider !== "string") {
    return args;
  }
  const hosts = args.hosts.map((host) =>
    host.roles.includes("gateway") && host.interfaces?.provider === undefined
      ? { ...host, interfaces: { ...host.interfaces, provider } }
      : host,
  );
  return { ...args, hosts };
}

/** As far as it is read before the cloud's configuration is checked. */
interface ExternalInterface {
  networks?: { external?: { interface?: unknown } };
}

/** The component speaks of `clusterName`; in a stack file the same thing is `name`. */
function inStackFile(problem: string): string {
  return problem.replace(/^clusterName\b/, "name");
}

/** The cluster's arguments, with what is wrong with them; none if they are not even of the right shape. */
function clusterConfig(raw: RawConfig): { problems: string[]; args?: KubeadmClusterArgs } {
  const text = raw.values[cluster];
  if (text === undefined || text === "{}") {
    return {
      problems: [`${cluster}: is missing; describe the hosts there, as Pulumi.dev.yaml of the repository shows`],
    };
  }
  if (raw.secretKeys.includes(cluster)) {
    // Further messages could quote the secret.
    return { problems: [] };
  }
  const value = parseJson(text);
  const problems = unknownKeys(clusterSchema, value, hints).map((problem) => `${cluster}${problem}`);
  const parsed = clusterSchema.safeParse(value);
  if (!parsed.success) {
    return { problems: [...problems, ...shapeProblems(parsed.error, value).map((problem) => `${cluster}${problem}`)] };
  }
  const args = withProviderInterface(raw, clusterArgs(raw, parsed.data));
  return {
    problems: [...problems, ...validateCluster(args).map((problem) => `${cluster}.${inStackFile(problem)}`)],
    args,
  };
}

/**
 * Turns a stack's configuration into arguments.
 *
 * @throws pulumi.RunError that lists every problem, with file, path, what is wrong and what to do. Pulumi prints it
 *   without a stack trace.
 */
export function stackConfig(raw: RawConfig = rawConfig()): StackConfig {
  const { problems: clusterProblems, args } = clusterConfig(raw);
  const { problems: cloudProblems, cloud } = cloudConfig(raw, args);
  const problems = [...topLevelProblems(raw), ...secretProblems(raw), ...clusterProblems, ...cloudProblems];
  if (problems.length > 0 || args === undefined) {
    throw configError(raw, problems);
  }
  return { name: args.clusterName ?? raw.stack, cluster: args, ...(cloud === undefined ? {} : { cloud }) };
}

function configError(raw: RawConfig, problems: string[]): pulumi.RunError {
  const unique = [...new Set(problems)].map((problem) => `${raw.file}: ${problem}`);
  const first = unique[0];
  return new pulumi.RunError(
    unique.length === 1 && first !== undefined
      ? first
      : `the configuration has ${unique.length} problems:\n${unique.map((problem) => `  ${problem}`).join("\n")}`,
  );
}
