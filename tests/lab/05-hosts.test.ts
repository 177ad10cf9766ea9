import * as assert from "node:assert/strict";
import { deployed, site } from "./lab";
import { pod, service, webServer } from "./support/objects";
import { plannedChanges } from "./support/operations";
import type { ClusterConfig, HostConfig } from "./support/site";
import { assertSame, parseSnapshot, type Snapshot } from "./support/snapshot";
import { eventually } from "./support/wait";

describe("hosts come and go by an edit of the stack file", function () {
  this.timeout(900_000);
  let added: string;
  let bare: Snapshot;
  let entry: HostConfig;

  const prefix = (): string => `${site().cluster.name}-`;
  const withHost = (change: (host: HostConfig) => void): void =>
    site().edit((cluster: ClusterConfig) => {
      const found = cluster.hosts.find(({ name }) => name === added);
      assert.ok(found);
      change(found);
    });

  before(async () => {
    await deployed();
    added = await site().addHost();
    const text = await site().bareText(added);
    assert.ok(text, `${added} is not bare`);
    bare = parseSnapshot(text);
    entry = site().cluster.hosts.find(({ name }) => name === added) as HostConfig;
  });

  after(async () => {
    site().edit((cluster) => {
      cluster.hosts = cluster.hosts.filter(({ name }) => name !== added);
    });
    await site().up();
  });

  it("a new worker touches the resources of that host and the last gate, nothing else", async () => {
    const steps = ["claim", "join", "prepare", "version"];
    assert.deepEqual(await plannedChanges(site()), [
      ...steps.map((step) => ({ op: "create", name: `${prefix()}${added}-${step}` })),
      { op: "update", name: `${prefix()}ready` },
    ]);
  });

  it("and is ready when up ends, with a pod that answers", async () => {
    await site().up();
    await site().nodesReady(60);
    const { busybox: image, controls } = site();
    await site().apply(
      pod("on-new-host", { image, node: added, labels: { app: "new" }, script: webServer(8080) }),
      service("new", { app: "new" }, 8080),
      pod("asker", { image, node: controls[0] ?? "" }),
    );
    await site().podsReady("default", "on-new-host", "asker");
    await eventually("an answer of the new host's pod", 60, async () =>
      (await site().exec("asker", "busybox timeout 3 busybox wget -q -O- http://new")).includes("on-new-host"),
    );
  });

  it("whose pods every host knows at once, so that none calls them by its own address", async () => {
    for (const host of site().hosts) {
      // kube-router of its own accord looks after it every five minutes only.
      await eventually(`${host} to know the pod networks of all hosts`, 45, async () => {
        const listed = await site().ssh(host, "ipset save kube-router-pod-subnets");
        return listed.split("\n").filter((line) => line.startsWith("add ")).length === site().hosts.length;
      });
    }
  });

  it("labels and taints of a host touch its node alone", async () => {
    withHost((host) => {
      host.labels = { "example.com/rack": "r7" };
      host.taints = [{ key: "example.com/reserved", value: "yes", effect: "PreferNoSchedule" }];
    });
    assert.deepEqual(await plannedChanges(site()), [{ op: "update", name: `${prefix()}${added}-join` }]);
    await site().up();
    const node = async (field: string): Promise<string> =>
      site().kubectl("get", "node", added, "-o", `jsonpath=${field}`);
    assert.equal(await node("{.metadata.labels.example\\.com/rack}"), "r7");
    assert.match(await node("{.spec.taints}"), /example\.com\/reserved.*/);

    withHost((host) => {
      delete host.labels;
      delete host.taints;
    });
    await site().up();
    assert.equal(await node("{.metadata.labels.example\\.com/rack}"), "");
    assert.doesNotMatch(await node("{.spec.taints}"), /example\.com/);
  });

  it("a worker that leaves the list is drained, its node deleted, and the host as it was", async () => {
    // A pod that the scheduler chose, and that only that host can hold until it is drained.
    const { busybox: image, controls } = site();
    await site().kubectl(
      "create",
      "deployment",
      "moving",
      `--image=${image}`,
      "--replicas=2",
      "--",
      "busybox",
      "sleep",
      "3600",
    );
    await site().kubectl("rollout", "status", "deployment/moving", "--timeout=120s");
    // And one that says good-bye, which it can only where it is told to end before its host is taken.
    await site().apply(
      pod("listener", { image, node: controls[0] ?? "", script: "busybox httpd -f -vv -p 8080 -h /tmp" }),
    );
    await site().podsReady("default", "listener");
    const listener = await site().kubectl("get", "pod", "listener", "-o", "jsonpath={.status.podIP}");
    const preStop = `busybox timeout 10 busybox wget -q -O- http://${listener}:8080/good-bye || true`;
    await site().apply(pod("leaving", { image, node: added, preStop }));
    await site().podsReady("default", "leaving");
    site().edit((cluster) => {
      cluster.hosts = cluster.hosts.filter(({ name }) => name !== added);
    });
    const changes = await plannedChanges(site());
    assert.deepEqual(
      changes.filter(({ op }) => op === "delete").map(({ name }) => name),
      ["claim", "join", "prepare", "version"].map((step) => `${prefix()}${added}-${step}`),
    );
    assert.deepEqual(
      changes.filter(({ op }) => op !== "delete"),
      [{ op: "update", name: `${prefix()}ready` }],
    );
    await site().up();

    await site().nodesReady(60);
    const nodes = await site().kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}");
    assert.ok(!nodes.split(" ").includes(added), `${added} is still a node`);
    await eventually("the drained pods elsewhere", 120, async () => {
      const ready = await site().kubectl("get", "deployment", "moving", "-o", "jsonpath={.status.readyReplicas}");
      return ready === "2";
    });
    assert.match(await site().kubectl("logs", "listener"), /good-bye/, "the host's pods were cut off, not drained");
    assertSame(added, bare, await site().snapshot(added));
    await site().kubectl("delete", "deployment/moving", "service/new", "pod/asker", "pod/listener");
  });

  it("a removed host can join again", async () => {
    site().edit((cluster) => {
      cluster.hosts.push(entry);
    });
    await site().up();
    await site().nodesReady(60);
  });
});
