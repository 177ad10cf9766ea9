import * as assert from "node:assert/strict";
import type { Site } from "./site";
import { eventually } from "./wait";

/** Seconds after which a connection counts as refused. Within a host it takes milliseconds. */
const connectLimit = 2;

/** A connection of a pod: whence, whither, whether it is to be allowed. */
export interface Connection {
  /** Pod that connects, as `<namespace>/<name>`. */
  from: string;
  /** `<address>:<port>`, or a name for the cluster's DNS. */
  to: string;
  /** What is meant by it, for the failure's message. */
  what: string;
  /** Whether it is to be allowed. */
  allowed: boolean;
}

/** Which connections are open now. All of one pod are tried beside each other. */
async function open(site: Site, connections: readonly Connection[]): Promise<Set<Connection>> {
  const found = new Set<Connection>();
  const pods = new Set(connections.map(({ from }) => from));
  await Promise.all(
    [...pods].map(async (from) => {
      const own = connections.filter((connection) => connection.from === from);
      const probes = own.map(({ to }, index) => `(${probe(to)} >/dev/null 2>&1 && echo open-${index}) &`);
      const [space = "", name = ""] = from.split("/");
      const text = await site.exec(name, `${probes.join("\n")}\nwait`, space);
      own.forEach((connection, index) => {
        if (text.split("\n").includes(`open-${index}`)) found.add(connection);
      });
    }),
  );
  return found;
}

function probe(to: string): string {
  const [address, port] = to.split(":");
  return port
    ? `busybox timeout ${connectLimit} busybox wget -q -O- http://${address}:${port}/`
    : `busybox timeout ${connectLimit} busybox nslookup ${address}`;
}

/** Waits until exactly the allowed connections are open. Returns how many were checked. */
export async function assertConnections(
  site: Site,
  title: string,
  connections: readonly Connection[],
): Promise<number> {
  await eventually(
    title,
    60,
    async () => {
      const found = await open(site, connections);
      const wrong = connections.filter((connection) => found.has(connection) !== connection.allowed);
      assert.deepEqual(
        wrong.map(({ from, to, what, allowed }) => `${what} (${from} → ${to}): ${allowed ? "closed" : "open"}`),
        [],
      );
      return true;
    },
    500,
  );
  return connections.length;
}
