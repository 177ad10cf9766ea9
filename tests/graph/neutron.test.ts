import * as assert from "node:assert/strict";
import { runProgram } from "./engine";
import { Graph } from "./graph";
import { objectsOf, templates } from "./objects";
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
    { name: "node-1", address: "10.20.0.11", roles: ["control", "gateway"], providerInterface: "eth1" },
    { name: "node-2", address: "10.20.0.12", roles: ["compute"], providerInterface: "eth1" },
  ],
  networks: { external: { cidr: "10.64.1.0/24", gateway: "10.64.1.1", range: "10.64.1.100-10.64.1.249" } },
};

let graph: Graph;

before(async function () {
  this.timeout(120_000);
  const config = { "test:args": JSON.stringify(args) };
  graph = new Graph(await runProgram({ program: "tests/graph/programs/cloud.ts", config }));
});

/** Files of the Secrets whose Pulumi name begins so. */
function secretFiles(name: string): string {
  const secrets = objectsOf(graph).filter((one) => one.kind === "Secret" && one.resource.name.startsWith(name));
  return JSON.stringify(secrets.map(({ body }) => body["stringData"]));
}

describe("a cloud with Neutron", () => {
  it("is registered by a program that ends well", () => {
    const { exitCode, errors, text } = graph.run;
    assert.deepEqual({ exitCode, errors, text }, { exitCode: 0, errors: [], text: "" });
  });

  it("gives Nova's metadata service and Neutron's agents the same secret, and nobody else", () => {
    const word = /metadata_proxy_shared_secret = (\w+)/;
    const agent = word.exec(secretFiles("cloud-neutron-ovn-metadata-agent"))?.[1];
    assert.ok(agent);
    assert.equal(word.exec(secretFiles("cloud-nova-metadata"))?.[1], agent);
    const owners = objectsOf(graph).filter(({ body }) => JSON.stringify(body).includes(agent));
    assert.deepEqual(
      owners.filter(({ resource }) => !/nova|neutron-ovn-metadata-agent/.test(resource.name)),
      [],
    );
  });

  it("has its agent in the namespace of hosts, with all that it mounts", () => {
    const found = templates(graph).find(({ object }) => object.name === "neutron-ovn-metadata-agent");
    assert.equal(found?.object.kind, "DaemonSet");
    assert.equal(found?.object.namespace, "openstack-node");
    const objects = objectsOf(graph).filter(({ namespace }) => namespace === "openstack-node");
    for (const { name, configMap, secret } of found?.template.spec.volumes ?? []) {
      const wanted = configMap?.name ?? secret?.secretName;
      assert.ok(wanted === undefined || objects.some((one) => one.name === wanted), `volume ${name}: ${wanted}`);
    }
  });

  it("makes the external network once Neutron stands in the catalogue", () => {
    const job = objectsOf(graph).find(
      ({ kind, resource }) => kind === "Job" && resource.name === "cloud-neutron-networks",
    );
    const register = objectsOf(graph).find(
      ({ kind, resource }) => kind === "Job" && resource.name === "cloud-neutron-register",
    );
    assert.ok(job && register);
    assert.ok(graph.precedes(register.resource, job.resource));
    assert.match(secretFiles("cloud-neutron-networks"), /10\.64\.1\.100/);
  });

  it("lets the agents on their hosts' network reach what they talk to", () => {
    for (const [name, port] of Object.entries({ "nova-metadata": 8775, "ovn-southbound": 6642 })) {
      const policy = objectsOf(graph).find((one) => one.kind === "NetworkPolicy" && one.name === name);
      assert.ok(policy, name);
      const { ingress } = policy.body["spec"] as { ingress?: { from?: unknown[]; ports?: unknown[] }[] };
      const rules = JSON.stringify(
        ingress?.filter((rule) => JSON.stringify(rule.from).includes('{"ipBlock":{"cidr":"10.20.0.0/24"}}')),
      );
      assert.match(rules, new RegExp(`"port":${port}[,}]`), name);
    }
  });

  it("takes at most 32 resources for it: three programs beside the API, each with its files and its policy", () => {
    const own = graph.resources.filter(({ name }) => /^cloud-neutron(-|$)/.test(name));
    assert.ok(own.length > 15 && own.length <= 32, `${own.length}: ${own.map(({ name }) => name).join(", ")}`);
  });
});
