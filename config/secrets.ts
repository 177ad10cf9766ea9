import type { RawConfig } from "./raw";

/** A top-level key whose value is a secret. */
interface SecretKey {
  /** Key, with its namespace. */
  key: string;
  /** Command that sets it. */
  set: string;
  /** What to do beside that where it stood in plain text. */
  afterwards: string;
}

/** The namespace of all keys. */
export const namespace = "stratiform:";

function secret(name: string, input: string, afterwards: string): SecretKey {
  const key = `${namespace}${name}`;
  return { key, set: `\`pulumi config set --secret ${key}${input}\``, afterwards };
}

const replaceKey = ", and replace the key if the file was shared";
const replacePassword = ", and take another one if the file was shared";

/** The top-level keys that hold secrets, by what they are. */
export const secrets = {
  sshPrivateKey: secret("sshPrivateKey", " < ~/.ssh/id_ed25519", replaceKey),
  sshPrivateKeyPassphrase: secret("sshPrivateKeyPassphrase", "", ""),
  endpointPrivateKey: secret("endpointPrivateKey", " < endpoint.key", replaceKey),
  authorityPrivateKey: secret("authorityPrivateKey", " < authority.key", replaceKey),
  adminPassword: secret("adminPassword", "", replacePassword),
} as const;

/** Whether a secret is set to anything. */
export function isSet(raw: RawConfig, { key }: SecretKey): boolean {
  return (raw.values[key] ?? "").trim() !== "";
}

/** The problem of a secret that is missing. */
export function missingProblem({ key, set }: SecretKey): string {
  return `${key}: is missing; set it: ${set}`;
}

/** The problem of a secret in plain text, if it is one. */
export function plainTextProblems(raw: RawConfig, secret: SecretKey): string[] {
  return isSet(raw, secret) && !raw.secretKeys.includes(secret.key)
    ? [`${secret.key}: stands there in plain text; run ${secret.set}${secret.afterwards}`]
    : [];
}

/** Problems of a private key: that it is in plain text, or no key. Whether it is missing is not looked at. */
export function privateKeyProblems(raw: RawConfig, secret: SecretKey, forms: string): string[] {
  const plain = plainTextProblems(raw, secret);
  if (plain.length > 0 || !isSet(raw, secret)) {
    return plain;
  }
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(raw.values[secret.key] ?? "")
    ? []
    : [`${secret.key}: is not a private key in ${forms} form; set it: ${secret.set}`];
}

/**
 * The problem of a secret inside a value that must be plain. Where there is one, further messages about the value could
 * quote the secret.
 */
export function insideProblems(raw: RawConfig, key: string, home: string): string[] {
  return raw.secretKeys.includes(key)
    ? [
        `${key}: contains a secret, but all in it is plain, as it decides which resources exist; write the value plainly ` +
          `(\`pulumi config set --path '${key}.…' <value>\`); ${home}`,
      ]
    : [];
}
