import * as assert from "node:assert/strict";
import { hostPods, pendingHostNames } from "../../components/openstack/pending-hosts";
import { maintain } from "../../operations/maintain";

/** A cluster of two hosts, of which one has an older libvirt. `kubectl` of it, and what it was asked to change. */
class FakeCluster {
  readonly changes: string[] = [];
  drainCode = 0;
  private number = 0;
  private readonly pods = new Map<string, { set: string; host: string; hash: string; looks: number }>();

  constructor() {
    for (const host of ["node-2", "node-3"]) {
      this.add("libvirt-libvirtd", host, host === "node-2" ? "old" : "new");
      this.add("nova-compute", host, "new");
    }
  }

  /** A host that carries networks and takes no servers, with pods of an older template. */
  addGateway(host: string): void {
    this.add("libvirt-libvirtd", host, "old");
  }

  private add(set: string, host: string, hash: string, looks = 0): void {
    this.number++;
    this.pods.set(`${set}-${this.number}`, { set, host, hash, looks });
  }

  private get items() {
    const sets = ["libvirt-libvirtd", "nova-compute"];
    const owner = (set: string) => ({ ownerReferences: [{ uid: `uid-${set}` }] });
    const revision = (set: string, number: number, hash: string) => ({
      kind: "ControllerRevision",
      revision: number,
      metadata: {
        name: `${set}-${hash}`,
        uid: `${set}-${hash}`,
        labels: { "controller-revision-hash": hash },
        ...owner(set),
      },
    });
    return [
      ...sets.map((set) => ({
        kind: "DaemonSet",
        metadata: { name: set, uid: `uid-${set}` },
        spec: { updateStrategy: { type: set === "nova-compute" ? "RollingUpdate" : "OnDelete" } },
      })),
      ...sets.flatMap((set) => [revision(set, 2, "new"), revision(set, 1, "old")]),
      ...[...this.pods].map(([name, pod]) => ({
        kind: "Pod",
        metadata: { name, uid: name, labels: { "controller-revision-hash": pod.hash }, ...owner(pod.set) },
        spec: { nodeName: pod.host },
        status: { conditions: [{ type: "Ready", status: pod.looks-- > 0 ? "False" : "True" }] },
      })),
    ];
  }

  kubectl = async (args: readonly string[]) => {
    const words = args.slice(2);
    if (words[0] === "get") {
      return { code: 0, stdout: JSON.stringify({ items: this.items }), stderr: "" };
    }
    this.changes.push(words.join(" "));
    if (words[0] === "delete") {
      const pod = this.pods.get(words[2] ?? "");
      assert.ok(pod, words.join(" "));
      this.pods.delete(words[2] ?? "");
      // The new one takes its time.
      this.add(pod.set, pod.host, "new", 2);
      return { code: 0, stdout: "", stderr: "" };
    }
    const drain = words.at(-1) === "drain" ? this.drainCode : 0;
    return {
      code: drain,
      stdout: drain === 0 ? "" : "node-2 has servers that cannot be moved: a (id-a)\n",
      stderr: "",
    };
  };

  place = { kubectl: this.kubectl, namespace: "openstack-node", say: () => undefined, pause: 0 };

  async state() {
    const { stdout } = await this.kubectl(["--namespace", "openstack-node", "get"]);
    const { items } = JSON.parse(stdout) as { items: { kind: string }[] };
    const of = (kind: string) => items.filter((one) => one.kind === kind) as never[];
    return { daemonSets: of("DaemonSet"), revisions: of("ControllerRevision"), pods: of("Pod") };
  }
}

describe("hosts with pods of an older template", () => {
  it("are those whose DaemonSet replaces no pod by itself", async () => {
    const state = await new FakeCluster().state();
    assert.deepEqual(pendingHostNames(state), ["node-2"]);
    assert.deepEqual(
      hostPods(state)
        .filter((pod) => pod.pending)
        .map((pod) => `${pod.host} ${pod.daemonSet}`),
      ["node-2 libvirt-libvirtd"],
    );
  });
});

describe("maintenance of a host", () => {
  it("empties it, replaces what is old, waits until that is ready, and takes it into use again", async () => {
    const cluster = new FakeCluster();
    await maintain("node-2", cluster.place);
    const program = "python3 /etc/stratiform/scripts/compute-host.py";
    assert.deepEqual(cluster.changes, [
      `exec nova-compute-2 --container compute -- ${program} drain`,
      "delete pod libvirt-libvirtd-1 --ignore-not-found",
      `exec nova-compute-2 --container compute -- ${program} enable`,
    ]);
    assert.deepEqual(pendingHostNames(await cluster.state()), []);
  });

  it("touches nothing where servers cannot be moved, and names them", async () => {
    const cluster = new FakeCluster();
    cluster.drainCode = 78;
    await assert.rejects(maintain("node-2", cluster.place), /^UserError: node-2 has servers .*: a \(id-a\)$/);
    assert.equal(cluster.changes.length, 1);
    assert.deepEqual(pendingHostNames(await cluster.state()), ["node-2"]);
  });

  it("only replaces what is old on a host that takes no servers", async () => {
    const cluster = new FakeCluster();
    cluster.addGateway("node-1");
    await maintain("node-1", cluster.place);
    assert.deepEqual(cluster.changes, ["delete pod libvirt-libvirtd-5 --ignore-not-found"]);
    assert.deepEqual(pendingHostNames(await cluster.state()), ["node-2"]);
  });

  it("refuses a host that is none, and says which there are", async () => {
    const cluster = new FakeCluster();
    await assert.rejects(
      maintain("node-9", cluster.place),
      /node-9 is no host of openstack-node; known are node-2, node-3/,
    );
    assert.deepEqual(cluster.changes, []);
  });
});
