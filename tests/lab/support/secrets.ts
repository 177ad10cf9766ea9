import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";

/** A secret by a piece of it that stands for it alone. */
export interface Secret {
  /** What it is. */
  name: string;
  /** A piece of its text. */
  piece: string;
}

/** The key of a PEM text: a line of its middle, as it stands in the text and in any JSON of it. */
export function pemSecret(name: string, pem: string): Secret {
  const lines = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  // The first line of a key begins like that of every key of its kind.
  const piece = lines.length > 1 ? lines[Math.floor(lines.length / 2)] : lines[0]?.slice(40);
  if (!piece || piece.length < 16) {
    throw new Error(`${name} is no PEM text`);
  }
  return { name, piece };
}

/** The client key in a kubeconfig, as it stands there and in any JSON of it. */
export function kubeconfigSecrets(kubeconfig: string): Secret[] {
  const { users } = parse(kubeconfig) as { users: { user: { "client-key-data": string } }[] };
  const data = users[0]?.user["client-key-data"] ?? "";
  return [
    { name: "kubeconfig", piece: data.slice(60, 120) },
    pemSecret("the administrator's key", Buffer.from(data, "base64").toString("utf8")),
  ];
}

/** All files below a directory that hold one of the secrets, as `<file>: <secret>`. */
export function filesWithSecrets(directory: string, secrets: readonly Secret[], skip: RegExp): string[] {
  return fs.readdirSync(directory, { withFileTypes: true, recursive: true }).flatMap((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || skip.test(file)) {
      return [];
    }
    const text = fs.readFileSync(file, "latin1");
    return secrets.filter(({ piece }) => text.includes(piece)).map(({ name }) => `${file}: ${name}`);
  });
}
