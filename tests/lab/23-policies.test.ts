import * as assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { site } from "./lab";
import { type Cloud, clientPod, cloudDeployed, space } from "./support/cloud";
import { eventually } from "./support/wait";

/** Tries connections beside each other, for two seconds each, and prints those that are open. */
const program = `
import concurrent.futures, socket, sys
def connect(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        return target
    except OSError:
        return None
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(*filter(None, pool.map(connect, sys.argv[1:])), sep="\\n")
`;

/** How many times in a row connections must be as wanted. */
const steady = 3;

/** Labels of a process, by which policies know its pods. */
function labels(service: string, process: string): Record<string, string> {
  return {
    "app.kubernetes.io/instance": space,
    "app.kubernetes.io/name": service,
    "app.kubernetes.io/component": process,
  };
}

const outside = "cloud-outside";

// Pods on their host's network, and the hosts themselves, are outside all policies: what is shown here holds for all others.
describe("who may connect to whom in the cloud", function () {
  this.timeout(600_000);
  let cloud: Cloud;
  /** What each target is, by `<address>:<port>`. */
  const targets = new Map<string, string>();
  let edge: string;

  /** Pods that connect, and what of the targets is to be open to them. The first two no `talksTo` names. */
  const sources: { name: string; namespace: string; labels?: Record<string, string>; open: readonly string[] }[] = [
    { name: "test-stranger", namespace: space, open: [] },
    { name: "test-stranger", namespace: outside, open: ["edge"] },
    // A pod elsewhere that carries Keystone's labels is not Keystone.
    { name: "test-impostor", namespace: outside, labels: labels("keystone", "api"), open: ["edge"] },
    { name: "test-api", namespace: space, labels: labels("keystone", "api"), open: ["proxy", "memcached"] },
    { name: "test-steps", namespace: space, labels: labels("keystone", "steps"), open: ["proxy", "edge"] },
    { name: "test-edge", namespace: space, labels: labels("edge", "haproxy"), open: ["keystone"] },
    { name: "test-proxy", namespace: space, labels: labels("mariadb", "proxy"), open: ["member", "member state"] },
    {
      name: "test-member",
      namespace: space,
      labels: labels("mariadb", "server"),
      open: ["member", "member state", "member replication"],
    },
  ];

  async function open(source: (typeof sources)[number]): Promise<string[]> {
    const text = await site().kubectl(
      ...["-n", source.namespace, "exec", source.name, "--", "python3", "-c", program],
      ...targets.keys(),
    );
    const found = text.split("\n").flatMap((target) => targets.get(target) ?? []);
    return [...new Set(found)].sort();
  }

  before(async () => {
    cloud = await cloudDeployed(site());
    const add = async (service: string, process: string, ports: Record<number, string>): Promise<void> => {
      const pods = await cloud.pods(service, process);
      assert.ok(pods.length > 0 && pods.every(({ ip }) => ip !== ""), `${service} ${process} has no pods`);
      for (const { ip } of pods) {
        for (const [port, what] of Object.entries(ports)) targets.set(`${ip}:${port}`, what);
      }
    };
    await add("mariadb", "server", { 3306: "member", 4567: "member replication", 4569: "member state" });
    await add("mariadb", "proxy", { 3306: "proxy" });
    await add("memcached", "server", { 11211: "memcached" });
    await add("keystone", "api", { 5000: "keystone" });
    const { hostname, port } = new URL(cloud.outputs.endpoint);
    edge = `${hostname}:${port}`;
    targets.set(edge, "edge");

    const image = await cloud.image("client");
    await site().apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: outside } });
    await site().apply(
      // Never ready, so that no Service passes anything on to one that has a process' labels.
      ...sources.map(({ name, namespace, labels: own }) =>
        clientPod(name, { namespace, image, neverReady: true, ...(own ? { labels: own } : {}) }),
      ),
    );
    for (const { name, namespace } of sources) {
      await eventually(`pod ${namespace}/${name} to run`, 180, async () => {
        const phase = await site().kubectl("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}");
        return phase === "Running";
      });
    }
  });

  after(async () => {
    await site().kubectl("delete", "namespace", outside, "--ignore-not-found", "--wait=false");
    const names = sources.filter(({ namespace }) => namespace === space).map(({ name }) => name);
    await site().kubectl("-n", space, "delete", "pod", ...new Set(names), "--ignore-not-found");
  });

  for (const source of sources) {
    const who = `${source.name.replace("test-", "")} in ${source.namespace}`;
    it(`${who}: ${source.open.join(", ") || "nobody"}`, async () => {
      // A new pod is cut off for a moment, and a connection that takes too long counts as closed: once says nothing.
      let inARow = 0;
      await eventually(
        `connections of ${who} to be so ${steady} times in a row`,
        60,
        async () => {
          const found = await open(source);
          inARow = isDeepStrictEqual(found, [...source.open].sort()) ? inARow + 1 : 0;
          assert.ok(inARow === steady, `${found.join(", ") || "nothing is open"} (${inARow} in a row)`);
          return true;
        },
        500,
      );
    });
  }

  it("each of these is open to somebody, so that what is closed is closed by a policy", () => {
    const somebody = new Set(sources.flatMap((source) => source.open));
    assert.deepEqual([...somebody].sort(), [...new Set(targets.values())].sort());
  });
});
