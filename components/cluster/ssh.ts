import { Client, type ClientChannel } from "ssh2";

/** How one host is reached, all values known. */
export interface SshTarget {
  /** Address. */
  address: string;
  /** Port. */
  port: number;
  /** User. */
  user: string;
  /** Private key. */
  privateKey: string;
  /** Passphrase of the private key. */
  privateKeyPassphrase?: string | undefined;
  /** The host's public key as `<type> <base64>`; undefined accepts any. */
  hostKey?: string | undefined;
}

/** A program's end on a host. */
export interface SshResult {
  /** Exit status; undefined if it was ended by a signal. */
  status: number | undefined;
  /** Standard output. */
  stdout: string;
  /** Standard error. */
  stderr: string;
}

/**
 * Runs a command on a host with the given standard input.
 * Rejects with an error whose message says what an operator can do; never later than `limitSeconds`.
 */
export function runOverSsh(
  target: SshTarget,
  command: string,
  stdin: string,
  limitSeconds: number,
): Promise<SshResult> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let presented: string | undefined;
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      client.removeAllListeners("error");
      client.on("error", () => undefined);
      client.end();
      end();
    };
    const timer = setTimeout(
      () => finish(() => reject(new Error(`gave no answer within ${limitSeconds} s`))),
      limitSeconds * 1000,
    );
    client.on("error", (error: Error & { level?: string; code?: string }) => {
      finish(() => reject(new Error(explain(error, target, presented))));
    });
    client.on("ready", () => {
      client.exec(command, (error, channel) => {
        if (error) {
          finish(() => reject(error));
          return;
        }
        collect(channel, stdin, (result) => finish(() => resolve(result)));
      });
    });
    const [keyType, keyData] = target.hostKey?.trim().split(/\s+/) ?? [];
    try {
      client.connect({
        host: target.address,
        port: target.port,
        username: target.user,
        privateKey: target.privateKey,
        ...(target.privateKeyPassphrase ? { passphrase: target.privateKeyPassphrase } : {}),
        readyTimeout: Math.min(20, limitSeconds) * 1000,
        ...(keyType ? { algorithms: { serverHostKey: [keyType as never] } } : {}),
        hostVerifier: (key: Buffer) => {
          presented = key.toString("base64");
          return keyData === undefined || presented === keyData;
        },
      });
    } catch (error) {
      finish(() => reject(new Error(explain(error as Error, target, presented))));
    }
  });
}

function collect(channel: ClientChannel, stdin: string, done: (result: SshResult) => void): void {
  let stdout = "";
  let stderr = "";
  let status: number | undefined;
  channel.on("data", (data: Buffer) => {
    stdout += data.toString("utf8");
  });
  channel.stderr.on("data", (data: Buffer) => {
    stderr += data.toString("utf8");
  });
  channel.on("exit", (code: number | null) => {
    status = code ?? undefined;
  });
  channel.on("close", () => done({ status, stdout, stderr }));
  channel.end(stdin);
}

function explain(
  error: Error & { level?: string; code?: string },
  target: SshTarget,
  presented: string | undefined,
): string {
  const where = `${target.address}:${target.port}`;
  if (presented !== undefined && target.hostKey && presented !== target.hostKey.trim().split(/\s+/)[1]) {
    return `the host key at ${where} is not the one in the stack file (\`hostKey\`); if the machine was reinstalled, put its new key there, else somebody stands between`;
  }
  if (/no matching host key/i.test(error.message)) {
    return `the host at ${where} offers no key of the type in the stack file (\`hostKey: ${target.hostKey?.split(" ")[0]}\`); compare with /etc/ssh/ssh_host_*_key.pub on the host`;
  }
  if (error.level === "client-authentication") {
    return `user ${target.user} at ${where} refuses the SSH key; add its public key to the user's authorized_keys, or set stratiform:sshPrivateKey`;
  }
  if (/passphrase|Encrypted private/i.test(error.message)) {
    return "the SSH private key is encrypted; set its passphrase with: pulumi config set --secret stratiform:sshPrivateKeyPassphrase";
  }
  if (/parse|privateKey/i.test(error.message)) {
    return `the SSH private key cannot be read (${error.message}); set it with: pulumi config set --secret stratiform:sshPrivateKey < key-file`;
  }
  if (error.code === "ECONNREFUSED") {
    return `nothing listens at ${where}; is sshd running, and the port right?`;
  }
  if (
    error.code === "EHOSTUNREACH" ||
    error.code === "ENETUNREACH" ||
    error.code === "ETIMEDOUT" ||
    error.level === "client-timeout"
  ) {
    return `cannot be reached at ${where} (${error.code ?? "no answer"}); check the address, the network and the machine`;
  }
  return `SSH to ${where} failed: ${error.message}`;
}
