import * as assert from "node:assert/strict";
import { runProgram } from "./engine";
import { Graph } from "./graph";
import { type KubernetesObject, objectLike, objectsOf, templates } from "./objects";
import { cloudArgs } from "./programs/cloud-args";

const images = ["rabbitmq", "placement", "glance", "ovn", "libvirt", "neutron", "nova", "nova-compute"];

const args = {
  services: ["keystone", "placement", "glance", "neutron", "nova"],
  release: {
    ...cloudArgs.release,
    images: {
      ...cloudArgs.release.images,
      ...Object.fromEntries(
        images.map((image) => [image, { path: `stratiform/${image}`, digest: `sha256:${"1".repeat(64)}` }]),
      ),
    },
  },
  hosts: [
    { name: "node-1", address: "10.20.0.11", roles: ["control"] },
    { name: "node-2", address: "10.20.0.12", roles: ["compute"] },
  ],
};

const graphs = new Map<string, Graph>();

before(async function () {
  this.timeout(120_000);
  const run = async (name: string, more: object) => {
    const config = { "test:args": JSON.stringify({ ...args, ...more }) };
    graphs.set(name, new Graph(await runProgram({ program: "tests/graph/programs/cloud.ts", config })));
  };
  await run("base", {});
  await run("option", { overrides: { nova: { "nova-compute.conf": { DEFAULT: { reserved_host_memory_mb: 512 } } } } });
});

function graph(name = "base"): Graph {
  const found = graphs.get(name);
  assert.ok(found, `${name} has not run`);
  return found;
}

/** Pod of a workload, by its name. */
function pod(name: string) {
  const found = templates(graph()).find(({ object }) => object.name === name);
  assert.ok(found, name);
  return { ...found.template.spec, object: found.object };
}

/** Objects whose files a pod mounts. */
function mounted(name: string): KubernetesObject[] {
  const names = (pod(name).volumes ?? []).flatMap((one) => [one.configMap?.name, one.secret?.secretName]);
  return objectsOf(graph()).filter((one) => ["ConfigMap", "Secret"].includes(one.kind) && names.includes(one.name));
}

describe("nova on a cluster", () => {
  it("comes from a program that ends well", () => {
    const { exitCode, errors } = graph().run;
    assert.deepEqual({ exitCode, errors }, { exitCode: 0, errors: [] });
  });

  it("has nothing on compute hosts that leads to a database", () => {
    const text = (name: string) =>
      JSON.stringify(mounted(name).map(({ body }) => [body["data"] ?? {}, body["stringData"] ?? {}]));
    assert.doesNotMatch(text("nova-compute"), /mysql|\[database\]/);
    assert.match(text("nova-conductor"), /\[database\]/);
  });

  it("keeps nova-compute to its helpers' capabilities, in the namespace of nodes", () => {
    const { object, containers, hostNetwork } = pod("nova-compute");
    assert.deepEqual([object.kind, object.namespace, hostNetwork], ["DaemonSet", "openstack-node", true]);
    const context = containers[0]?.securityContext;
    assert.deepEqual(context?.capabilities, {
      drop: ["ALL"],
      add: ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "NET_ADMIN", "SYS_ADMIN"],
    });
    assert.deepEqual([context?.readOnlyRootFilesystem, context?.allowPrivilegeEscalation], [true, false]);
  });

  it("puts on each compute host what empties it before it leaves", () => {
    const leave = pod("nova-compute").initContainers?.find((one) => one.name === "leave");
    const value = (name: string) => leave?.env?.find((one) => one.name === name)?.value;
    assert.deepEqual([value("DIRECTORY"), value("NAME")], ["/etc/stratiform/leave.d", "10-openstack-nova"]);
    const scripts = mounted("nova-compute").find((one) => one.name.startsWith("nova-compute-scripts"));
    const files = scripts?.body["data"] as Record<string, string>;
    assert.deepEqual(Object.keys(files).sort(), [
      "compute-host.py",
      "install-release.sh",
      "leave.sh",
      "nova-compute-start.sh",
      "nova-compute.sh",
      "nova-start.py",
      "release.sh",
    ]);
    assert.match(files["leave.sh"] ?? "", /^#!\/bin\/sh\nPROGRAM=\/etc\/stratiform\/scripts\/compute-host\.py\n/);
  });

  it("makes its schema when the database and Keystone's schema are there, and waits for no other backing service", () => {
    const schema = objectLike(graph(), "Job", /^nova-schema-/).resource;
    const waits = (kind: string, name: string) => {
      const one = objectsOf(graph()).find((object) => object.kind === kind && object.name === name)?.resource;
      assert.ok(one, name);
      return schema.dependencies.includes(one.urn);
    };
    assert.ok(waits("StatefulSet", "mariadb"));
    assert.ok(waits("Job", objectLike(graph(), "Job", /^keystone-expand-/).name));
    assert.ok(!waits("Deployment", "keystone-api"));
    assert.ok(!waits("StatefulSet", "rabbitmq"));
    assert.ok(!waits("StatefulSet", "memcached"));
  });

  it("looks for the first compute hosts as soon as for later ones", () => {
    const config = objectLike(graph(), "ConfigMap", /^nova-scheduler-/).body["data"] as Record<string, string>;
    const option = (name: string) => new RegExp(`^${name} = (\\d+)$`, "m").exec(config["nova.conf"] ?? "")?.[1];
    assert.ok(option("discover_hosts_in_cells_interval"));
    assert.equal(option("periodic_fuzzy_delay"), option("discover_hosts_in_cells_interval"));
  });

  it("ends its schema's change without waiting for compute hosts, which wait for Placement's endpoint", () => {
    const made = (kind: string, name: RegExp) => objectLike(graph(), kind, name).resource;
    const compute = made("DaemonSet", /^nova-compute$/);
    assert.ok(graph().precedes(made("Deployment", /^nova-conductor$/), made("Job", /^nova-data-/)));
    assert.ok(!graph().precedes(compute, made("Job", /^nova-data-/)));
    assert.ok(graph().precedes(made("Job", /^nova-register-/), made("Deployment", /^nova-conductor$/)));
    assert.ok(graph().precedes(made("Job", /^placement-register-/), compute));
    assert.ok(!graph().precedes(made("Deployment", /^keystone-api$/), made("Deployment", /^placement-api$/)));
  });

  it("rolls just those that read a file when an option in it changes", () => {
    const [before, after] = [graph().inputs(), graph("option").inputs()];
    const changed = [...after.keys()]
      .filter((urn) => JSON.stringify(before.get(urn)) !== JSON.stringify(after.get(urn)))
      .map((urn) => urn.split("::").slice(-2).join(" ").split("$").at(-1))
      .filter((one) => /DaemonSet|Deployment|StatefulSet|Job/.test(one ?? ""));
    assert.deepEqual(changed, ["kubernetes:apps/v1:DaemonSet cloud-nova-compute"]);
  });
});
