import * as assert from "node:assert/strict";
import type { KubeadmClusterArgs } from "../../components/cluster/args";
import { host, privateKey } from "../unit/arguments";
import { type ProgramOptions, runProgram } from "./engine";
import { Graph, openText } from "./graph";
import { isSecret, reveal, unknownValue } from "./providers";

/** How many programs run beside each other. More only slow each other down on the two cores of a test machine. */
const parallelRuns = 2;

const hosts = [host(1, ["control", "gateway"]), host(2, ["compute"]), host(3, ["compute"])];
const controls = [host(1, ["control"]), host(2, ["control"]), host(3, ["control"]), host(4, ["compute"])];

function program(cluster: Partial<KubeadmClusterArgs> & object, more: ProgramOptions = {}): ProgramOptions {
  const config = {
    "stratiform:cluster": JSON.stringify({ name: "dev", preflight: "up", ...cluster }),
    "stratiform:sshPrivateKey": privateKey,
  };
  return { config, secretKeys: ["stratiform:sshPrivateKey"], ...more };
}

const programs = {
  base: program({ hosts }, { ownProcess: true }),
  first: program({ hosts }, { mode: "first" }),
  reordered: program({ hosts: [hosts[2], hosts[0], hosts[1]].filter((item) => item !== undefined) }),
  threeReordered: program({ hosts: [...controls].reverse(), endpoint: { virtualIp: "10.20.0.2" } }),
  larger: program({ hosts: [...hosts, host(4, ["compute"])] }),
  three: program({ hosts: controls, endpoint: { virtualIp: "10.20.0.2" } }),
  existing: { program: "tests/graph/programs/existing.ts" },
  invalidConfig: program({ hosts: [{ ...host(1, ["compute"]), ...{ adress: "10.20.0.11" } }] }),
  invalidArguments: { program: "tests/graph/programs/invalid.ts" },
} satisfies Record<string, ProgramOptions>;

type Name = keyof typeof programs;

const graphs = new Map<Name, Graph>();

function graph(name: Name): Graph {
  const found = graphs.get(name);
  assert.ok(found, `${name} has not run`);
  return found;
}

before(async function () {
  this.timeout(120_000);
  const waiting = Object.keys(programs) as Name[];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      graphs.set(name, new Graph(await runProgram(programs[name])));
    }
  };
  await Promise.all(Array.from({ length: parallelRuns }, work));
});

describe("a cluster's resources", () => {
  it("are registered by programs that end well", () => {
    for (const name of ["base", "first", "reordered", "larger", "three", "existing"] as const) {
      const { exitCode, errors, text } = graph(name).run;
      assert.deepEqual({ name, exitCode, errors, text }, { name, exitCode: 0, errors: [], text: "" });
    }
  });

  it("have the component as parent and its name in theirs", () => {
    const [cluster, ...children] = graph("base").resources;
    assert.equal(cluster?.type, "stratiform:index:KubeadmCluster");
    assert.ok(children.length > 0);
    for (const child of children) {
      assert.equal(child.parent, cluster?.urn, child.urn);
      assert.match(child.name, /^dev(-|$)/, child.urn);
    }
  });

  it("are the same in the first preview and in every later one", () => {
    const shape = (name: Name): object[] =>
      graph(name)
        .resources.map(({ inputs, outputs, provider, dependencies, ...rest }) => ({
          ...rest,
          dependencies: dependencies.sort(),
          provider: provider.split("::").slice(0, 4).join("::"),
        }))
        .sort((left, right) => left.urn.localeCompare(right.urn));
    assert.deepEqual(shape("first"), shape("base"));
  });

  it("keep their URNs and inputs when the list of hosts is in another order", () => {
    assert.deepEqual(graph("reordered").urns.sort(), graph("base").urns.sort());
    assert.deepEqual(graph("threeReordered").urns.sort(), graph("three").urns.sort());
    const reordered = graph("reordered").inputs();
    for (const [urn, inputs] of graph("base").inputs()) {
      // Hosts are an argument of the component; it is what was reordered.
      if (!urn.includes("::stratiform:index:KubeadmCluster::")) {
        assert.deepEqual(reordered.get(urn), inputs, urn);
      }
    }
  });

  it("of one host are at most six, and a new host adds only these", () => {
    const known = new Set(graph("base").urns);
    const added = graph("larger").urns.filter((urn) => !known.has(urn));
    assert.ok(added.length <= 6, added.join("\n"));
    assert.ok(added.every((urn) => urn.includes("node-4")));
    assert.equal(graph("larger").urns.length, known.size + added.length);
    const larger = graph("larger").inputs();
    const changed = [...graph("base").inputs()].filter(
      ([urn, inputs]) => JSON.stringify(larger.get(urn)) !== JSON.stringify(inputs),
    );
    assert.deepEqual(changed.map(([urn]) => urn.split("::")[3]).sort(), ["dev", "dev-ready"]);
  });
});

describe("a cluster's secrets", () => {
  it("are marked wherever they stand, in every resource and output", () => {
    for (const name of ["base", "three", "first"] as const) {
      const { resources, outputs } = graph(name).run;
      for (const resource of resources) {
        assert.doesNotMatch(openText({ ...resource.inputs }), /PRIVATE KEY/, resource.urn);
        assert.doesNotMatch(openText({ ...resource.outputs }), /PRIVATE KEY|client-key-data/, resource.urn);
      }
      assert.doesNotMatch(openText(outputs), /client-key-data/);
    }
  });

  it("reach hosts by standard input only", () => {
    for (const step of [...graph("base").steps, ...graph("three").steps]) {
      assert.ok(isSecret(step.inputs["stdin"]), step.urn);
      for (const text of ["create", "update", "delete"]) {
        const command = step.inputs[text] ?? "";
        assert.equal(typeof command, "string", `${step.urn}: ${text}`);
        assert.doesNotMatch(String(command), /KEY|PASS|TOKEN|SECRET/i, `${step.urn}: ${text}`);
      }
      assert.equal(step.inputs["environment"], undefined, step.urn);
    }
  });

  it("are not in the open before they are known", () => {
    for (const step of graph("first").steps) {
      const stdin = step.inputs["stdin"];
      assert.ok(stdin === unknownValue || isSecret(stdin), step.urn);
    }
  });

  it("are what the kubeconfig is", () => {
    const { outputs } = graph("base").run;
    assert.deepEqual(Object.keys(outputs).sort(), [
      "apiServer",
      "clusterName",
      "hosts",
      "kubeconfig",
      "kubernetesVersion",
      "storageClass",
    ]);
    assert.ok(isSecret(outputs["kubeconfig"]));
    assert.deepEqual(
      Object.entries(outputs)
        .filter(([, value]) => isSecret(value))
        .map(([key]) => key),
      ["kubeconfig"],
    );
    assert.equal(outputs["apiServer"], "https://10.20.0.11:6443");
    const providers = graph("base").resources.filter((resource) => resource.type === "pulumi:providers:kubernetes");
    assert.ok(providers.length > 0);
    for (const provider of providers) {
      assert.ok(isSecret(provider.inputs["kubeconfig"]), provider.urn);
      assert.ok(reveal(provider.inputs["clusterIdentifier"]), provider.urn);
    }
  });
});

describe("a cluster's options", () => {
  it("let a step that removes something do so before it is replaced", () => {
    const removing = graph("three").steps.filter((step) => step.inputs["delete"] !== undefined);
    assert.ok(removing.length >= 2 * controls.length);
    for (const step of removing) {
      assert.ok(step.deleteBeforeReplace, step.urn);
    }
  });

  it("drain and empty nothing when the whole cluster goes, yet give every host back", () => {
    const base = graph("base");
    const identity = base.resources.find((resource) => resource.type === "random:index/randomId:RandomId");
    assert.ok(identity);
    for (const resource of [...base.objects, ...base.steps]) {
      const ofHostItself = /-(claim|prepare)$/.test(resource.name);
      assert.equal(resource.deletedWith, ofHostItself ? "" : identity.urn, resource.urn);
    }
    for (const { name } of hosts) {
      assert.notEqual(base.step(`dev-${name}-claim`).inputs["delete"], undefined);
    }
  });

  it("hide no change, as a later removal uses what the state has", () => {
    for (const step of graph("base").steps) {
      assert.deepEqual(step.ignoreChanges, [], step.urn);
    }
  });

  it("give every Kubernetes object a provider of the cluster and a fixed name, so that a killed run leaves no orphan", () => {
    const { objects } = graph("base");
    assert.ok(objects.length > 0);
    for (const object of objects) {
      assert.match(object.provider, /KubeadmCluster\$pulumi:providers:kubernetes::dev/, object.urn);
      const { name } = (reveal(object.inputs["metadata"]) ?? {}) as { name?: string };
      assert.ok(name, object.urn);
    }
  });

  it("name only Kubernetes objects that exist", () => {
    const { objects } = graph("base");
    const names = (kind: string): string[] =>
      objects
        .filter((object) => object.type.endsWith(`:${kind}`))
        .map((object) => (reveal(object.inputs["metadata"]) as { name: string }).name);
    const workloads = objects.filter((object) => /:(DaemonSet|Deployment)$/.test(object.type));
    assert.ok(workloads.length >= 2);
    for (const workload of workloads) {
      const text = JSON.stringify(reveal(workload.inputs["spec"]));
      const configMaps = [...text.matchAll(/"configMap":\{[^}]*"name":"([^"]+)"/g)].map((match) => match[1] ?? "");
      const accounts = [...text.matchAll(/"serviceAccountName":"([^"]+)"/g)].map((match) => match[1] ?? "");
      assert.ok(
        configMaps.every((name) => names("ConfigMap").includes(name)),
        `${workload.urn}: ${configMaps}`,
      );
      assert.ok(
        accounts.every((name) => names("ServiceAccount").includes(name)),
        `${workload.urn}: ${accounts}`,
      );
    }
  });
});

describe("a cluster's order", () => {
  it("is claim, preparation, control plane, workers, gate", () => {
    const base = graph("base");
    const control = base.step("dev-node-1-join");
    for (const { name } of hosts) {
      const [claim, prepare, join] = ["claim", "prepare", "join"].map((step) => base.step(`dev-${name}-${step}`));
      assert.ok(claim && prepare && join);
      assert.ok(base.precedes(claim, prepare), name);
      assert.ok(base.precedes(prepare, join), name);
      assert.ok(join === control || base.precedes(control, join), name);
      assert.ok(base.precedes(join, base.step("dev-ready")), name);
    }
  });

  it("prepares all hosts, and joins all workers, beside each other", () => {
    const base = graph("base");
    const others = (name: string): RegExp => new RegExp(`::dev-(?!${name}-)node-\\d-(claim|prepare)$`);
    for (const { name } of hosts) {
      const before = [...base.before(base.step(`dev-${name}-prepare`))];
      assert.deepEqual(
        before.filter((urn) => others(name).test(urn)),
        [],
      );
    }
    assert.ok(!base.precedes(base.step("dev-node-2-join"), base.step("dev-node-3-join")));
    assert.ok(!base.precedes(base.step("dev-node-3-join"), base.step("dev-node-2-join")));
  });

  it("makes three control hosts one after another", () => {
    const three = graph("three");
    const joins = [1, 2, 3, 4].map((number) => three.step(`dev-node-${number}-join`));
    joins.slice(1).forEach((join, index) => {
      const earlier = joins[index];
      assert.ok(earlier && three.precedes(earlier, join), join.urn);
    });
  });

  it("brings up the pod network without waiting for workers, which wait for it", () => {
    const base = graph("base");
    for (const object of base.objects) {
      assert.ok(base.precedes(base.step("dev-node-1-join"), object), object.urn);
      for (const worker of ["dev-node-2-join", "dev-node-3-join"]) {
        assert.ok(!base.precedes(base.step(worker), object), `${object.urn} waits for ${worker}`);
      }
    }
    const network = base.objects.find((object) => object.type.endsWith(":DaemonSet"));
    assert.ok(network && base.precedes(network, base.step("dev-ready")));
  });

  it("hands a provider to upper strata only when every node is ready", () => {
    const base = graph("base");
    const ready = base.step("dev-ready");
    const providers = base.resources.filter((resource) => resource.type === "pulumi:providers:kubernetes");
    const own = new Set(base.objects.map((object) => object.provider.split("::").slice(0, 4).join("::")));
    const handedUp = providers.filter((provider) => !own.has(provider.urn));
    assert.equal(handedUp.length, 1);
    assert.ok(handedUp.every((provider) => base.precedes(ready, provider)));
  });
});

describe("an existing cluster", () => {
  it("is a provider and facts, and what is in it outlives nothing", () => {
    const existing = graph("existing");
    assert.deepEqual(
      existing.resources.map(({ type, deletedWith }) => [type, deletedWith]),
      [
        ["stratiform:index:ExistingCluster", ""],
        ["pulumi:providers:kubernetes", ""],
        ["kubernetes:core/v1:ConfigMap", ""],
      ],
    );
    const [cluster, provider, note] = existing.resources;
    assert.equal(provider?.parent, cluster?.urn);
    assert.equal(reveal(provider?.inputs["clusterIdentifier"]), "mine");
    assert.ok(note?.provider.startsWith(provider?.urn ?? "none"));
  });

  it("keeps the kubeconfig secret and the facts readable", () => {
    const { resources, outputs } = graph("existing").run;
    assert.ok(isSecret(outputs["credentials"]));
    assert.deepEqual(outputs["facts"], {
      clusterName: "mine",
      apiServer: "https://mine.example:6443",
      kubernetesVersion: "1.34.4",
      podNetwork: "10.244.0.0/16",
      serviceNetwork: "10.96.0.0/16",
      dnsDomain: "cluster.local",
      storageClass: "standard",
      hosts: [],
    });
    for (const resource of resources.filter(({ custom }) => custom)) {
      assert.doesNotMatch(openText({ ...resource.inputs }), /very-secret-token/, resource.urn);
    }
  });
});

describe("a mistake", () => {
  for (const [name, expected] of [
    [
      "invalidConfig",
      /Pulumi\.dev\.yaml: stratiform:cluster\.hosts\[0\]\.adress: unknown key; did you mean `address`\?/,
    ],
    ["invalidArguments", /hosts\[1\]\.address: "10\.20\.0\.11" is also the address of hosts\[0\]/],
  ] as const) {
    it(`is told in one message without a stack trace, before anything is registered: ${name}`, () => {
      const { exitCode, errors, resources, text } = graph(name).run;
      assert.notEqual(exitCode, 0);
      assert.equal(errors.length, 1, errors.join("\n---\n"));
      assert.match(errors[0] ?? "", expected);
      assert.match(errors[0] ?? "", /no host has the role "control"/);
      assert.doesNotMatch(`${errors[0]}${text}`, /^\s+at |\.ts:\d+|unhandled/m);
      assert.deepEqual(
        resources.map((resource) => resource.type),
        ["pulumi:pulumi:Stack"],
      );
    });
  }
});
