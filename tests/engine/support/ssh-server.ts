import type { AddressInfo } from "node:net";
import { type Connection, Server, utils } from "ssh2";
import { newSshKey } from "../../ssh-keys";

/** A command that a client has run. */
export interface Received {
  /** The command line. */
  command: string;
  /** All of standard input. */
  stdin: string;
}

/** An SSH server in this process that writes down what clients run. */
export interface SshServer {
  /** Its port on 127.0.0.1. */
  port: number;
  /** Its host key as it stands in a known_hosts file: type and key. */
  hostKey: string;
  /** Private key that is let in. */
  clientKey: string;
  /** What was run, in this order. */
  received: Received[];
  /** Ends connections and server. */
  close(): Promise<void>;
}

/** Starts an SSH server on a free port of 127.0.0.1. Every command reads its standard input to the end, and succeeds. */
export async function startSshServer(): Promise<SshServer> {
  const host = newSshKey();
  const client = newSshKey();
  const allowed = utils.parseKey(client.public);
  if (allowed instanceof Error) throw allowed;
  const received: Received[] = [];
  const connections = new Set<Connection>();
  const server = new Server({ hostKeys: [host.private] }, (connection) => {
    connections.add(connection);
    connection.on("error", () => undefined).on("close", () => connections.delete(connection));
    connection.on("authentication", (context) => {
      if (context.method === "publickey" && context.key.data.equals(allowed.getPublicSSH())) context.accept();
      else context.reject(["publickey"]);
    });
    connection.on("ready", () => connection.on("session", (accept) => answerSession(accept(), received)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: host.public,
    clientKey: client.private,
    received,
    close: () => {
      for (const connection of connections) connection.end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answerSession(session: import("ssh2").Session, received: Received[]): void {
  session.on("env", (accept) => accept?.());
  session.on("exec", (accept, _reject, info) => {
    const stream = accept();
    let stdin = "";
    stream.setEncoding("utf8").on("data", (text: string) => {
      stdin += text;
    });
    stream.on("end", () => {
      received.push({ command: info.command, stdin });
      stream.write(`done: ${info.command}\n`);
      stream.exit(0);
      stream.end();
    });
  });
}
