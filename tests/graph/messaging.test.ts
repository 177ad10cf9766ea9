import * as assert from "node:assert/strict";
import { type ProgramOptions, runProgram } from "./engine";
import { Graph, openText } from "./graph";
import { type KubernetesObject, objectLike, objectsOf, templates } from "./objects";

const programs = {
  lab: { program: "tests/graph/programs/messaging.ts" },
  ha: {
    program: "tests/graph/programs/messaging.ts",
    config: { "test:args": JSON.stringify({ profile: "ha" }) },
  },
} satisfies Record<string, ProgramOptions>;

const graphs = new Map<string, Graph>();

function graph(name: keyof typeof programs): Graph {
  const found = graphs.get(name);
  assert.ok(found, `${name} has not run`);
  return found;
}

function object(name: keyof typeof programs, kind: string, pattern: RegExp): KubernetesObject {
  return objectLike(graph(name), kind, pattern);
}

interface Rule {
  from?: { podSelector?: { matchLabels: Record<string, string> } }[];
  ports: { port: number }[];
}

/** Who may connect to which ports by a policy, as `service/process: ports`. */
function mayConnect(policy: KubernetesObject): string[] {
  const { ingress } = policy.body["spec"] as unknown as { ingress: Rule[] };
  const label = (labels: Record<string, string> | undefined, key: string) => labels?.[`app.kubernetes.io/${key}`];
  return ingress
    .flatMap(({ from, ports }) =>
      (from ?? []).map(({ podSelector }) => {
        const labels = podSelector?.matchLabels;
        return `${label(labels, "name")}/${label(labels, "component")}: ${ports.map(({ port }) => port)}`;
      }),
    )
    .sort();
}

before(async function () {
  this.timeout(120_000);
  for (const name of Object.keys(programs) as (keyof typeof programs)[]) {
    graphs.set(name, new Graph(await runProgram(programs[name])));
  }
});

describe("a cloud with a message bus, Placement and Glance", () => {
  it("is registered by a program that ends well, in every size", () => {
    for (const name of ["lab", "ha"] as const) {
      const { exitCode, errors, text } = graph(name).run;
      assert.deepEqual({ name, exitCode, errors, text }, { name, exitCode: 0, errors: [], text: "" });
    }
  });

  it("has one member of the bus in the lab, three elsewhere, which one program can take down one at a time", () => {
    const replicas = (name: "lab" | "ha") =>
      (object(name, "StatefulSet", /^rabbitmq$/).body["spec"] as { replicas: number }).replicas;
    assert.deepEqual([replicas("lab"), replicas("ha")], [1, 3]);
    const count = object("ha", "ConfigMap", /^rabbitmq-members$/).body["data"] as { count: string };
    assert.equal(count.count, "3");
    assert.ok(object("ha", "PodDisruptionBudget", /^rabbitmq$/));
    assert.ok(!objectsOf(graph("lab")).some(({ kind, name }) => kind === "PodDisruptionBudget" && name === "rabbitmq"));
  });

  it("changes no pod of the bus when members are added, but for their size", () => {
    const env = (name: "lab" | "ha") =>
      templates(graph(name)).find((one) => one.object.name === "rabbitmq")?.template.spec.containers[0]?.env;
    assert.deepEqual(env("lab"), env("ha"));
    const node = env("lab")?.find((one) => one.name === "RABBITMQ_NODENAME");
    assert.equal(node?.value, "rabbit@$(POD_NAME).rabbitmq-members.openstack.svc.cluster.local");
  });

  it("lets clients to the bus' port, jobs and members to the others, and nobody else anywhere", () => {
    assert.deepEqual(mayConnect(object("lab", "NetworkPolicy", /^rabbitmq$/)), [
      "courier/steps: 4369,25672",
      "courier/worker: 5672",
      "rabbitmq/server: 4369,25672",
      // To 6500: copies of streams.
      "rabbitmq/server: 6000",
    ]);
  });

  it("makes a service's user before its processes, with no password in the open and none in the job", () => {
    const job = object("lab", "Job", /^courier-messaging-/);
    const worker = object("lab", "Deployment", /^courier-worker$/);
    assert.ok(worker.resource.dependencies.includes(job.resource.urn), "the worker does not wait for its user");
    for (const resource of graph("lab").resources) {
      assert.doesNotMatch(openText(resource.inputs), /rabbit:\/\/[^ "]*:[0-9a-zA-Z]{8}/, resource.urn);
    }
    const secret = object("lab", "Secret", /^courier-messaging-/).body["stringData"] as Record<string, string>;
    const definitions = JSON.parse(secret["definitions.json"] ?? "") as { users: Record<string, unknown>[] };
    assert.deepEqual(Object.keys(definitions.users[0] ?? {}).sort(), [
      "hashing_algorithm",
      "name",
      "password_hash",
      "tags",
    ]);
    const config = object("lab", "Secret", /^courier-worker-/).body["stringData"] as Record<string, string>;
    assert.match(
      config["courier.conf"] ?? "",
      /^transport_url = rabbit:\/\/courier-g1:[^@]+@rabbitmq\.openstack\.svc\.cluster\.local:5672\/courier$/m,
    );
  });

  it("makes the database of a service without steps by a job of its own, before its processes", () => {
    const job = object("lab", "Job", /^ledger-database-/);
    const { containers, initContainers } = templates(graph("lab")).find((one) => one.object.name === job.name)?.template
      .spec ?? { containers: [] };
    assert.deepEqual([containers.length, initContainers], [1, undefined]);
    assert.match(
      containers[0]?.command?.join(" ") ?? "",
      /^\/usr\/bin\/python3 \/etc\/stratiform\/input\/database\.py$/,
    );
    const variables = Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
    assert.equal(variables["PASSWORD_FILE"], "/etc/stratiform/database-admin/password");
    const secret = object("lab", "Secret", /^ledger-database-/).body["stringData"] as Record<string, string>;
    const statements = JSON.parse(secret["database.json"] ?? "") as string[];
    assert.ok(statements.some((one) => one.startsWith("CREATE DATABASE IF NOT EXISTS `ledger`")));
    const clerk = object("lab", "Deployment", /^ledger-clerk$/);
    assert.ok(clerk.resource.dependencies.includes(job.resource.urn));
  });

  it("gives a job beside its script all that this reads from beside it", () => {
    for (const [name, files] of [
      ["courier-messaging", ["attempts-library.sh", "definitions.json", "rabbitmq-library.sh", "rabbitmq-user.sh"]],
    ] as const) {
      const secret = object("lab", "Secret", new RegExp(`^${name}-`)).body["stringData"] as object;
      assert.deepEqual(Object.keys(secret).sort(), files);
      const given = Object.entries(secret as Record<string, string>).filter(([file]) => file.endsWith(".sh"));
      for (const [, text] of given) {
        for (const [, library = ""] of text.matchAll(/^\. ".*\/([^/"]+)"$/gm)) assert.ok(library in secret, library);
      }
    }
  });

  it("puts a job that uses a server's image on a host of that server, if there is room", () => {
    for (const [name, server] of [["courier-messaging", "rabbitmq"]] as const) {
      const job = templates(graph("ha")).find((one) => one.object.name.startsWith(`${name}-`));
      const terms = job?.template.spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
      const labels = terms?.[0]?.podAffinityTerm.labelSelector.matchLabels;
      assert.ok(labels, name);
      const servers = templates(graph("ha")).filter(({ template }) =>
        Object.entries(labels).every(([key, value]) => template.metadata.labels[key] === value),
      );
      assert.deepEqual(
        servers.map(({ object }) => `${object.kind} ${object.name}`),
        [`StatefulSet ${server}`],
      );
    }
  });

  it("puts a service's other jobs beside its pods", () => {
    for (const [job, service] of [
      ["glance-contract", "glance"],
      ["placement-register", "placement"],
    ] as const) {
      const found = templates(graph("ha")).find((one) => one.object.name.startsWith(`${job}-`));
      const [term] = found?.template.spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      assert.deepEqual(term?.podAffinityTerm.labelSelector.matchLabels, {
        "app.kubernetes.io/instance": "openstack",
        "app.kubernetes.io/name": service,
      });
    }
  });

  it("gives a process with a volume one pod, that ends before its successor begins", () => {
    for (const name of ["lab", "ha"] as const) {
      for (const [workload, claim] of [
        ["glance-api", "glance-api-images"],
        ["courier-worker", "courier-worker-letters"],
      ] as const) {
        const found = templates(graph(name)).find((one) => one.object.name === workload);
        const spec = found?.object.body["spec"] as { replicas: number; strategy: { type: string } };
        assert.deepEqual([spec.replicas, spec.strategy.type], [1, "Recreate"], workload);
        const claims = found?.template.spec.volumes?.flatMap((one) => one.persistentVolumeClaim?.claimName ?? []);
        assert.deepEqual(claims, [claim]);
        assert.equal(object(name, "PersistentVolumeClaim", new RegExp(`^${claim}$`)).namespace, "openstack");
      }
    }
    const volume = object("ha", "PersistentVolumeClaim", /^glance-api-images$/);
    assert.ok(volume.resource.protect, "images are protected");
  });

  it("rolls Placement without a gap", () => {
    const spec = object("ha", "Deployment", /^placement-api$/).body["spec"] as { strategy: { type: string } };
    assert.equal(spec.strategy.type, "RollingUpdate");
  });

  it("takes Glance's schema forward before its process, and cleans up after it", () => {
    const api = object("lab", "Deployment", /^glance-api$/);
    assert.ok(api.resource.dependencies.includes(object("lab", "Job", /^glance-expand-/).resource.urn));
    assert.ok(object("lab", "Job", /^glance-contract-/).resource.dependencies.includes(api.resource.urn));
  });

  it("needs at most 20 objects for each service, and 13 for the bus", () => {
    const of = (pattern: RegExp): number => graph("lab").resources.filter(({ urn }) => pattern.test(urn)).length;
    for (const service of ["placement", "glance", "courier"]) {
      const count = of(new RegExp(`::cloud-${service}(-|$)`));
      assert.ok(count > 5 && count <= 20, `${service}: ${count}`);
    }
    const bus = of(/::cloud-rabbitmq(-|$)/);
    assert.ok(bus > 5 && bus <= 13, `${bus}`);
  });
});
