import * as assert from "node:assert/strict";
import { exceptionAnnotation } from "../../components/kit/workload";
import type { OpenStackCloudArgs } from "../../components/openstack/args";
import { runProgram } from "./engine";
import { Graph } from "./graph";
import { objectsOf, templates } from "./objects";
import { cloudArgs } from "./programs/cloud-args";

const hosts = (cloudArgs.cluster as { hosts: NonNullable<OpenStackCloudArgs["hosts"]> }).hosts;
const digest = `sha256:${"9".repeat(64)}`;
const extra = Object.fromEntries(["ovn", "libvirt"].map((name) => [name, { path: `stratiform/${name}`, digest }]));

async function graphOf(more: Partial<OpenStackCloudArgs>): Promise<Graph> {
  const args: Partial<OpenStackCloudArgs> = {
    services: ["keystone", "openvswitch", "libvirt"],
    hosts,
    release: { ...cloudArgs.release, images: { ...cloudArgs.release.images, ...extra } },
    ...more,
  };
  const config = { "test:args": JSON.stringify(args) };
  return new Graph(await runProgram({ program: "tests/graph/programs/cloud.ts", config }));
}

describe("a cloud with processes on hosts", () => {
  let graph: Graph;
  let wider: Graph;
  before(async function () {
    this.timeout(120_000);
    graph = await graphOf({});
    // Another compute host, in the same network.
    const third = { name: "node-3", address: "10.20.0.13", roles: ["compute" as const] };
    const cluster = { ...(cloudArgs.cluster as object), hosts: [...hosts, third] } as OpenStackCloudArgs["cluster"];
    wider = await graphOf({ cluster, hosts: [...hosts, third] });
  });

  const daemonSets = (one: Graph) => objectsOf(one).filter(({ kind }) => kind === "DaemonSet");

  it("has them in the privileged namespace, with every object that they name", () => {
    const names = daemonSets(graph).map(({ name }) => name);
    for (const name of ["host-network", "ovsdb-server", "ovs-vswitchd", "ovn-controller"]) {
      assert.ok(names.includes(`openvswitch-${name}`), name);
    }
    assert.ok(names.includes("libvirt-libvirtd"));
    const there = new Set(objectsOf(graph).map(({ kind, namespace, name }) => `${kind} ${namespace} ${name}`));
    for (const { object, template } of templates(graph).filter(({ object: one }) => one.kind === "DaemonSet")) {
      assert.equal(object.namespace, "openstack-node");
      assert.ok(template.metadata?.annotations?.[exceptionAnnotation]);
      for (const volume of template.spec?.volumes ?? []) {
        const { configMap, secret } = volume;
        if (configMap) assert.ok(there.has(`ConfigMap openstack-node ${configMap.name}`), configMap.name);
        if (secret) assert.ok(there.has(`Secret openstack-node ${secret.secretName}`), secret.secretName);
      }
    }
  });

  it("keeps hashed objects that pods may mount which nobody rolls", () => {
    const kept = graph.resources.filter((resource) => resource.retainOnDelete).map(({ urn }) => urn.split("::").at(-1));
    assert.ok(kept.includes("cloud-libvirt-libvirtd-scripts"), kept.join(" "));
    assert.ok(!kept.includes("cloud-openvswitch-host-network-scripts"));
  });

  it("changes no pod that carries virtual machines, and no policy, when a host is added", () => {
    const [before, after] = [graph.inputs(), wider.inputs()];
    const changed = [...after.keys()].filter(
      (urn) => JSON.stringify(before.get(urn)) !== JSON.stringify(after.get(urn)),
    );
    const names = changed.map((urn) => `${urn.split("$").at(-1)}`);
    assert.ok(
      names.some((name) => name.endsWith("DaemonSet::cloud-openvswitch-host-network")),
      names.join(" "),
    );
    assert.ok(!names.some((name) => name.includes("NetworkPolicy")), names.join(" "));
    const template = (one: Graph, name: string) =>
      JSON.stringify(templates(one).find(({ object }) => object.name === name)?.template);
    for (const name of ["openvswitch-ovs-vswitchd", "openvswitch-ovn-controller", "libvirt-libvirtd"]) {
      assert.equal(template(graph, name), template(wider, name), name);
    }
  });

  it("has a change, when a host is added, by which up waits for its pods, but for those that updates do not replace", () => {
    const hostsIn = (one: Graph): Record<string, string> =>
      Object.fromEntries(
        daemonSets(one).map(({ name, body }) => {
          const { annotations = {} } = body["metadata"] as { annotations?: Record<string, string> };
          return [
            name,
            annotations["stratiform.dev/hosts"] ?? `awaited: ${annotations["pulumi.com/skipAwait"] !== "true"}`,
          ];
        }),
      );
    const names = hosts.map(({ name }) => name).join(" ");
    assert.equal(hostsIn(graph)["openvswitch-host-network"], names);
    assert.equal(hostsIn(wider)["openvswitch-host-network"], `${names} node-3`);
    assert.equal(hostsIn(wider)["libvirt-libvirtd"], "awaited: false");
  });

  it("keeps the keys of hosts' certificates secret", () => {
    for (const { kind, name, body } of objectsOf(graph)) {
      if (kind === "ConfigMap") assert.doesNotMatch(JSON.stringify(body), /PRIVATE KEY/, name);
    }
  });
});
