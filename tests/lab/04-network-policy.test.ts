import * as assert from "node:assert/strict";
import { deployed, site } from "./lab";
import { type KubernetesObject, namespace, networkPolicy, pod, webServer } from "./support/objects";
import { assertConnections, type Connection } from "./support/reach";

const space = "guarded";
const other = "outside";

/** Pods: a server that is guarded, clients beside it and in another namespace, on the same host and on another. */
const server = `${space}/server`;
const friend = `${space}/friend`;
const stranger = `${space}/stranger`;
const farFriend = `${other}/far-friend`;
const farStranger = `${other}/far-stranger`;
const clients = [friend, stranger, farFriend, farStranger];

describe("network policies", function () {
  this.timeout(600_000);
  const addresses = new Map<string, string>();
  let denied = 0;

  const to = (name: string, port = 8080): string => `${addresses.get(name)}:${port}`;
  const into = (from: string, what: string, allowed: boolean, port = 8080): Connection => ({
    from,
    to: to(server, port),
    what,
    allowed,
  });
  /** All clients to the server's port 8080: those that are listed are allowed. */
  const onlyFrom = (what: string, ...allowed: string[]): Connection[] =>
    clients.map((from) => into(from, what, allowed.includes(from)));

  before(async () => {
    await deployed();
    const { busybox: image, workers } = site();
    const [near = "", far = ""] = workers;
    const place = (
      name: string,
      node: string,
      labels: Record<string, string>,
      ports: number[] = [8080],
    ): KubernetesObject =>
      pod(name.split("/")[1] ?? "", {
        image,
        node,
        labels,
        namespace: name.split("/")[0] ?? "",
        script: webServer(...ports),
        ports: [{ name: "web", containerPort: 8080 }],
      });
    await site().apply(
      namespace(space, { team: "inside" }),
      namespace(other, { team: "outside" }),
      place(server, near, { app: "server" }, [8080, 9090]),
      place(friend, near, { role: "friend" }),
      place(stranger, far, { role: "stranger" }),
      place(farFriend, far, { role: "friend" }),
      place(farStranger, near, { role: "stranger" }),
    );
    for (const name of [server, ...clients]) {
      const [own = "", podName = ""] = name.split("/");
      await site().podsReady(own, podName);
      addresses.set(name, await site().kubectl("-n", own, "get", "pod", podName, "-o", "jsonpath={.status.podIP}"));
    }
  });

  beforeEach(async () => {
    // What is denied afterwards is open now.
    await assertConnections(site(), "everything to be open without a policy", [
      ...onlyFrom("no policy", ...clients),
      into(friend, "no policy, second port", true, 9090),
      ...[friend, farFriend].map((name) => ({
        from: server,
        to: to(name),
        what: "no policy, outwards",
        allowed: true,
      })),
      { from: server, to: "kubernetes.default.svc.cluster.local", what: "no policy, DNS", allowed: true },
    ]);
  });

  afterEach(async () => {
    await site().kubectl("-n", space, "delete", "networkpolicy", "--all");
  });

  after(async () => {
    await site().kubectl("delete", "namespace", space, other);
    assert.ok(denied >= 18, `only ${denied} connections were checked`);
  });

  async function check(title: string, spec: Record<string, unknown>, connections: Connection[]): Promise<void> {
    const policy = { podSelector: { matchLabels: { app: "server" } }, ...spec };
    await site().apply(networkPolicy("test", space, policy));
    denied += await assertConnections(site(), title, connections);
  }

  it("deny all that comes in", async () => {
    await check("nothing to come in", { policyTypes: ["Ingress"] }, [
      ...onlyFrom("default deny"),
      // Outwards, and between other pods, nothing changed.
      { from: server, to: to(friend), what: "default deny, outwards", allowed: true },
      { from: stranger, to: to(friend), what: "default deny, others", allowed: true },
    ]);
  });

  it("allow by a pod's label, in the own namespace only", async () => {
    const from = [{ podSelector: { matchLabels: { role: "friend" } } }];
    await check("friends of the namespace alone", { ingress: [{ from }] }, onlyFrom("pod label", friend));
  });

  it("allow by a namespace's label", async () => {
    const from = [{ namespaceSelector: { matchLabels: { team: "outside" } } }];
    await check(
      "the other namespace alone",
      { ingress: [{ from }] },
      onlyFrom("namespace label", farFriend, farStranger),
    );
  });

  it("allow by both labels together", async () => {
    const from = [
      { namespaceSelector: { matchLabels: { team: "outside" } }, podSelector: { matchLabels: { role: "friend" } } },
    ];
    await check("the other namespace's friends alone", { ingress: [{ from }] }, onlyFrom("both labels", farFriend));
  });

  it("allow by a port's name", async () => {
    await check("the named port alone", { ingress: [{ ports: [{ port: "web" }] }] }, [
      ...onlyFrom("named port", ...clients),
      into(friend, "another port", false, 9090),
      into(farFriend, "another port", false, 9090),
    ]);
  });

  it("allow by a block of addresses", async () => {
    const from = [{ ipBlock: { cidr: `${addresses.get(stranger)}/32` } }];
    await check("one address alone", { ingress: [{ from }] }, onlyFrom("address block", stranger));
  });

  it("deny all that goes out", async () => {
    await check("nothing to go out", { policyTypes: ["Egress"] }, [
      { from: server, to: to(friend), what: "egress, same host", allowed: false },
      { from: server, to: to(farFriend), what: "egress, other host", allowed: false },
      { from: server, to: "kubernetes.default.svc.cluster.local", what: "egress, DNS", allowed: false },
      into(friend, "egress, inwards", true),
    ]);
  });

  it("allow names to be looked up, and nothing else to go out", async () => {
    const dns = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } };
    const ports = [
      { port: 53, protocol: "UDP" },
      { port: 53, protocol: "TCP" },
    ];
    await check("DNS alone", { policyTypes: ["Egress"], egress: [{ to: [dns], ports }] }, [
      { from: server, to: "kubernetes.default.svc.cluster.local", what: "DNS alone", allowed: true },
      { from: server, to: to(friend), what: "DNS alone, same host", allowed: false },
      { from: server, to: to(farFriend), what: "DNS alone, other host", allowed: false },
    ]);
  });
});
