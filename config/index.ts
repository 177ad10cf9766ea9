import * as pulumi from "@pulumi/pulumi";
import type { KubeadmClusterArgs } from "../components/cluster/args";
import { validateCluster } from "../components/cluster/validate";
import { proposal, shapeProblems, unknownKeys } from "./problems";
import { type ClusterConfig, clusterSchema, topLevelKeys } from "./schema";
import { stackFileName } from "./stack-file";

/** The stack configuration as Pulumi hands it to the program. */
export interface RawConfig {
  /** Stack file, as messages name it. */
  file: string;
  /** Stack, which names a cluster that has no name of its own. */
  stack: string;
  /** Values by `stratiform:<key>`: texts, or JSON for lists and mappings. Other namespaces are left alone. */
  values: Record<string, string>;
  /** Keys that hold a secret anywhere in their value. */
  secretKeys: string[];
}

/** The stack configuration as the program uses it. */
export interface StackConfig {
  /** Name of the cluster and of its component. */
  name: string;
  /** Arguments of the cluster. */
  cluster: KubeadmClusterArgs;
}

const namespace = "stratiform:";
const privateKey = `${namespace}sshPrivateKey`;
const passphrase = `${namespace}sshPrivateKeyPassphrase`;
const cluster = `${namespace}cluster`;

const setPrivateKey = `\`pulumi config set --secret ${privateKey} < ~/.ssh/id_ed25519\``;
const setPassphrase = `\`pulumi config set --secret ${passphrase}\``;

/** What to do about keys of `stratiform:cluster` that have their place elsewhere. */
const hints: Record<string, string> = {
  ".ssh.privateKey": `secrets are top-level keys of their own: remove it and run ${setPrivateKey}`,
  ".ssh.privateKeyPassphrase": `secrets are top-level keys of their own: remove it and run ${setPassphrase}`,
  ".clusterName": "did you mean `name`?",
};

/** Reads this run's configuration from Pulumi. */
export function rawConfig(): RawConfig {
  const stack = pulumi.getStack();
  // Pulumi's own test whether a key is secret is not part of its public interface; this variable is what it reads.
  const secretKeys: unknown = JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] || "[]");
  return {
    file: stackFileName(stack),
    stack,
    values: pulumi.runtime.allConfig(),
    secretKeys: Array.isArray(secretKeys) ? secretKeys.map(String) : [],
  };
}

function topLevelProblems(raw: RawConfig): string[] {
  return Object.keys(raw.values)
    .filter((key) => key.startsWith(namespace))
    .map((key) => key.slice(namespace.length))
    .filter((key) => !topLevelKeys.some((known) => known === key))
    .map((key) => `${namespace}${key}: unknown key; ${proposal(key, topLevelKeys)}`);
}

function secretProblems(raw: RawConfig): string[] {
  const problems: string[] = [];
  if (!raw.values[privateKey]?.trim()) {
    problems.push(`${privateKey}: is missing; set it: ${setPrivateKey}`);
  } else if (!raw.secretKeys.includes(privateKey)) {
    problems.push(
      `${privateKey}: stands there in plain text; run ${setPrivateKey}, and replace the key if the file was shared`,
    );
  } else if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(raw.values[privateKey] ?? "")) {
    problems.push(`${privateKey}: is not a private key in OpenSSH or PEM form; set it: ${setPrivateKey}`);
  }
  if (raw.values[passphrase] && !raw.secretKeys.includes(passphrase)) {
    problems.push(`${passphrase}: stands there in plain text; run ${setPassphrase}`);
  }
  if (raw.secretKeys.includes(cluster)) {
    problems.push(
      `${cluster}: contains a secret, but all in it is plain, as it decides which resources exist; write the value plainly ` +
        `(\`pulumi config set --path '${cluster}.…' <value>\`); the SSH key belongs in ${privateKey}`,
    );
  }
  return problems;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function clusterArgs(raw: RawConfig, config: ClusterConfig): KubeadmClusterArgs {
  const { name, ssh, ...rest } = config;
  const secretPassphrase = raw.values[passphrase];
  return {
    ...rest,
    clusterName: name ?? raw.stack,
    ssh: {
      ...ssh,
      privateKey: pulumi.secret(raw.values[privateKey] ?? ""),
      ...(secretPassphrase ? { privateKeyPassphrase: pulumi.secret(secretPassphrase) } : {}),
    },
  };
}

/** The component speaks of `clusterName`; in a stack file the same thing is `name`. */
function inStackFile(problem: string): string {
  return problem.replace(/^clusterName\b/, "name");
}

/**
 * Turns a stack's configuration into arguments.
 *
 * @throws pulumi.RunError that lists every problem, with file, path, what is wrong and what to do. Pulumi prints it
 *   without a stack trace.
 */
export function stackConfig(raw: RawConfig = rawConfig()): StackConfig {
  const problems = [...topLevelProblems(raw), ...secretProblems(raw)];
  const text = raw.values[cluster];
  if (text === undefined || text === "{}") {
    problems.push(`${cluster}: is missing; describe the hosts there, as Pulumi.dev.yaml of the repository shows`);
    throw configError(raw, problems);
  }
  if (raw.secretKeys.includes(cluster)) {
    // Further messages could quote the secret.
    throw configError(raw, problems);
  }
  const value = parseJson(text);
  problems.push(...unknownKeys(clusterSchema, value, hints).map((problem) => `${cluster}${problem}`));
  const parsed = clusterSchema.safeParse(value);
  if (!parsed.success) {
    problems.push(...shapeProblems(parsed.error, value).map((problem) => `${cluster}${problem}`));
    throw configError(raw, problems);
  }
  const args = clusterArgs(raw, parsed.data);
  problems.push(...validateCluster(args).map((problem) => `${cluster}.${inStackFile(problem)}`));
  if (problems.length > 0) {
    throw configError(raw, problems);
  }
  return { name: args.clusterName ?? raw.stack, cluster: args };
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
