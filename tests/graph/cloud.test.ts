import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { exceptionAnnotation } from "../../components/kit/workload";
import type { OpenStackCloudArgs } from "../../components/openstack/args";
import { privateKey } from "../unit/arguments";
import { type ProgramOptions, runProgram } from "./engine";
import { Graph, openText } from "./graph";
import { objectsOf, templates } from "./objects";
import { isSecret, unknownValue } from "./providers";

function program(args: Partial<OpenStackCloudArgs>, more: ProgramOptions = {}): ProgramOptions {
  return { program: "tests/graph/programs/cloud.ts", config: { "test:args": JSON.stringify(args) }, ...more };
}

const expiration = (value: number) => ({ keystone: { "keystone.conf": { token: { expiration: value } } } });

/** The committed example of a stack file, or one with other values, as `pulumi` hands it to the program, with a key. */
function production(change: { cluster?: object; cloud?: object } = {}): ProgramOptions {
  const text = fs.readFileSync(path.resolve(__dirname, "../../Pulumi.prod.yaml"), "utf8");
  const { config } = parse(text) as { config: Record<string, unknown> };
  const changes: Record<string, object | undefined> = {
    "stratiform:cluster": change.cluster,
    "stratiform:cloud": change.cloud,
  };
  const values = Object.entries(config).map(([key, value]) => [
    key,
    JSON.stringify({ ...(value as object), ...changes[key] }),
  ]);
  return {
    mode: "first",
    stack: "prod",
    config: { ...Object.fromEntries(values), "stratiform:sshPrivateKey": privateKey },
    secretKeys: ["stratiform:sshPrivateKey"],
  };
}

/** Another distributor's image: other user, places and programs. */
const otherKeystone = {
  uid: 5000,
  gid: 5001,
  programs: {
    uwsgi: ["/opt/venv/bin/uwsgi"],
    python3: ["/opt/venv/bin/python"],
    "keystone-manage": ["/opt/venv/bin/python", "-m", "manage"],
  },
  paths: { config: "/opt/etc/keystone", fernetKeys: "/opt/keys/fernet", credentialKeys: "/opt/keys/credential" },
  wsgi: { api: "wsgi-file=/opt/venv/keystone.wsgi" },
};

const programs = {
  catalogue: program({ catalogue: { ...debianCatalogue, keystone: otherKeystone } }),
  production: production(),
  base: program({}),
  first: program({}, { mode: "first" }),
  option: program({ overrides: expiration(3600) }),
  workers: program({ sizes: { keystone: { api: { workers: 5 } } } }),
  ha: program({ profile: "ha" }),
  own: { program: "tests/graph/programs/own-service.ts" },
  misspelt: program({ overrides: { keystone: { "keystone.conf": { token: { expiratoin: 3600 } } } } }),
  mistakes: production({
    cloud: {
      sizes: { rabbitmq: { server: { replicas: 2 } } },
      overrides: { nova: { "nova.conf": { oslo_messaging_rabbit: { rabbit_quorum_queues: true } } } },
      networks: {
        external: { interface: "ens4", cidr: "10.96.8.0/24", gateway: "10.96.8.1", range: "10.96.8.10-10.96.8.99" },
      },
    },
  }),
  noProvider: { program: "tests/graph/programs/cloud-alone.ts" },
} satisfies Record<string, ProgramOptions>;

const graphs = new Map<string, Graph>();

function graph(name: keyof typeof programs): Graph {
  const found = graphs.get(name);
  assert.ok(found, `${name} has not run`);
  return found;
}

before(async function () {
  this.timeout(120_000);
  // The example imports the package as everybody does: built.
  execFileSync(process.execPath, ["tools/build.mjs"], { cwd: path.resolve(__dirname, "../..") });
  const waiting = Object.keys(programs) as (keyof typeof programs)[];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      graphs.set(name, new Graph(await runProgram(programs[name])));
    }
  };
  await Promise.all([work(), work()]);
});

/** URNs of resources that differ between two graphs: other inputs, or only in one of them. */
function difference(left: Graph, right: Graph): string[] {
  const [before, after] = [left.inputs(), right.inputs()];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((urn) => JSON.stringify(before.get(urn)) !== JSON.stringify(after.get(urn)))
    .map((urn) => urn.split("::").slice(2).join("::").split("$").at(-1) ?? urn)
    .sort();
}

describe("a cloud's resources", () => {
  it("are registered by programs that end well", () => {
    for (const name of ["base", "first", "option", "workers", "ha", "own"] as const) {
      const { exitCode, errors, text } = graph(name).run;
      assert.deepEqual({ name, exitCode, errors, text }, { name, exitCode: 0, errors: [], text: "" });
    }
  });

  it("can be previewed from the example for production, without a machine", () => {
    const { exitCode, errors, text } = graph("production").run;
    assert.deepEqual({ exitCode, errors, text }, { exitCode: 0, errors: [], text: "" });
    const replicas = templates(graph("production")).map(({ object }) => {
      const spec = object.body["spec"] as { replicas?: number };
      return `${object.kind} ${object.name}: ${spec.replicas ?? "-"}`;
    });
    assert.ok(
      replicas.includes("StatefulSet mariadb: 3") && replicas.includes("Deployment keystone-api: 3"),
      `${replicas}`,
    );
  });

  it("are at most 20 for Keystone", () => {
    const keystone = graph("base").resources.filter((resource) => resource.urn.includes("OpenStackService"));
    assert.ok(keystone.length <= 20, `${keystone.length}: ${keystone.map((one) => one.name).join(", ")}`);
    assert.ok(keystone.length > 10);
  });

  it("refer only to objects that exist", () => {
    for (const name of ["base", "ha", "own"] as const) {
      const objects = objectsOf(graph(name));
      const has = (kind: string, object: string, namespace: string | undefined) =>
        objects.some((one) => one.kind === kind && one.name === object && one.namespace === namespace);
      for (const { object, template } of templates(graph(name))) {
        for (const volume of template.spec.volumes ?? []) {
          const where = `${name}: ${object.kind} ${object.name} volume ${volume.name}`;
          if (volume.configMap) assert.ok(has("ConfigMap", volume.configMap.name, object.namespace), where);
          if (volume.secret) assert.ok(has("Secret", volume.secret.secretName, object.namespace), where);
        }
      }
      for (const object of objects) {
        assert.ok(object.name.length <= 63, object.name);
      }
    }
  });

  it("have Services and disruption budgets that select pods of the graph", () => {
    for (const name of ["base", "ha", "own"] as const) {
      const pods = templates(graph(name)).map(({ template }) => template.metadata.labels);
      for (const object of objectsOf(graph(name))) {
        const spec = object.body["spec"] as { selector?: Record<string, unknown> } | undefined;
        if (object.kind !== "Service" && object.kind !== "PodDisruptionBudget") continue;
        const wanted = (spec?.selector?.["matchLabels"] ?? spec?.selector) as Record<string, string>;
        const found = pods.some((labels) => Object.entries(wanted).every(([key, value]) => labels[key] === value));
        assert.ok(found, `${name}: ${object.kind} ${object.name} selects nothing: ${JSON.stringify(wanted)}`);
      }
    }
  });

  it("run no pod as root, with a writable root, a capability or a token, but for exceptions with a reason", () => {
    const exceptional = new Set<string>();
    for (const { object, template } of [...templates(graph("ha")), ...templates(graph("own"))]) {
      const { spec, metadata } = template;
      assert.equal(spec.automountServiceAccountToken, false, object.name);
      const broken = [...(spec.initContainers ?? []), ...spec.containers].some(
        ({ securityContext }) =>
          securityContext?.readOnlyRootFilesystem !== true ||
          securityContext.allowPrivilegeEscalation !== false ||
          (securityContext.runAsUser ?? spec.securityContext?.runAsUser ?? 0) === 0 ||
          (securityContext.capabilities?.add ?? []).length > 0 ||
          !securityContext.capabilities?.drop?.includes("ALL"),
      );
      if (broken || spec.hostNetwork) {
        assert.match(metadata.annotations?.[exceptionAnnotation] ?? "", /: .{20}/, `${object.name} gives no reason`);
        assert.ok(object.namespace?.endsWith("-node"), `${object.name} stands in ${object.namespace}`);
        exceptional.add(object.name);
      }
    }
    assert.deepEqual([...exceptional].sort(), ["edge-address"]);
  });

  it("open no pod to its equals by a policy that lets everybody in, nor by one that may call everybody", () => {
    type Rule = { from?: unknown[]; to?: unknown[] };
    type Policy = { policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };
    let open = 0;
    for (const policy of objectsOf(graph("own")).filter(({ kind }) => kind === "NetworkPolicy")) {
      const { policyTypes, ingress = [], egress = [] } = policy.body["spec"] as unknown as Policy;
      const anybody = [...ingress.filter(({ from }) => !from?.length), ...egress.filter(({ to }) => !to?.length)];
      if (anybody.length === 0) continue;
      open += 1;
      assert.equal(policyTypes.length, 1, `${policy.name} has both directions`);
    }
    assert.ok(open > 0, "the edge is open to everybody");
  });

  it("name every image by digest in the registry that was given", () => {
    for (const { object, template } of templates(graph("own"))) {
      for (const { image } of [...template.spec.containers, ...(template.spec.initContainers ?? [])]) {
        assert.match(image, /^10\.20\.0\.1:5000\/stratiform\/[a-z]+@sha256:[0-9a-f]{64}$/, object.name);
      }
    }
  });

  it("have names that are known when the stack stands, and readable by everybody", () => {
    for (const object of objectsOf(graph("base"))) {
      assert.notEqual(object.name, unknownValue, object.resource.name);
      const metadata = object.resource.inputs["metadata"] as Record<string, never>;
      assert.ok(!isSecret(metadata) && !isSecret(metadata["name"]), `${object.kind} ${object.resource.name}`);
    }
  });

  it("keep every password, key and URL with a password secret", () => {
    const passwords = graph("own")
      .resources.filter((resource) => resource.type.includes("RandomPassword"))
      .map((resource) => resource.urn);
    assert.ok(passwords.length >= 4);
    for (const resource of graph("own").resources) {
      const text = openText(resource.inputs);
      assert.doesNotMatch(text, /mysql\+pymysql:\/\/[^ "]*:[0-9a-f]{8}/, resource.urn);
      assert.doesNotMatch(text, /-----BEGIN [A-Z ]*PRIVATE KEY-----/, resource.urn);
      if (resource.type.endsWith(":Secret")) assert.doesNotMatch(text, /stringData":\{"/, resource.urn);
    }
    const { outputs } = graph("base").run;
    assert.ok(isSecret(outputs["cloudsYaml"]));
    assert.doesNotMatch(openText(outputs), /password: [0-9a-f]{8}/);
  });

  it("go with their namespace, which nothing but its own cluster takes away; workloads before it", () => {
    const workloads = ["Deployment", "StatefulSet", "DaemonSet"];
    const objects = objectsOf(graph("base"));
    for (const object of objects) {
      if (object.kind === "Namespace") continue;
      const expected = workloads.includes(object.kind) ? /^$/ : /:Namespace::/;
      assert.match(object.resource.deletedWith, expected, `${object.kind} ${object.name}`);
    }
    assert.ok(objects.some(({ kind }) => workloads.includes(kind)));
  });

  it("are protected where the profile says so", () => {
    const protectedOnes = (name: keyof typeof programs) =>
      graph(name)
        .resources.filter((resource) => resource.protect)
        .map((resource) => resource.type.split(":").at(-1));
    assert.deepEqual(protectedOnes("base"), []);
    for (const kind of ["Namespace", "StatefulSet", "RandomBytes", "PrivateKey"]) {
      assert.ok(protectedOnes("ha").includes(kind), kind);
    }
  });
});

describe("a service's databases", () => {
  it("are made where the first step's pod begins, by a container that alone sees the administrator's password", () => {
    const found = templates(graph("base")).find(({ object }) => object.name.startsWith("keystone-expand-"));
    const { initContainers = [], containers = [], volumes = [] } = found?.template.spec ?? {};
    const [database, ...others] = initContainers;
    assert.deepEqual([database?.name, others.length, containers.length], ["database", 0, 1]);
    assert.equal(database?.image, containers[0]?.image);
    const admin = volumes.find(({ secret }) => secret?.secretName === "mariadb-admin")?.name;
    const mounted = (one: typeof database) => (one?.volumeMounts ?? []).map(({ name }) => name);
    assert.ok(admin && mounted(database).includes(admin));
    assert.ok(!mounted(containers[0]).includes(admin));
    // And nothing of the service's own.
    const paths = (database?.volumeMounts ?? []).map(({ mountPath }) => mountPath);
    assert.deepEqual(
      paths.filter((path) => /keystone/.test(path)),
      [],
    );
    assert.equal(
      objectsOf(graph("base")).filter(({ kind, name }) => kind === "Job" && /database/.test(name)).length,
      0,
    );
  });

  it("are asked for before what services are made of stands in line at Pulumi's state", () => {
    const objects = objectsOf(graph("base"));
    const asked = objects.find(({ kind, name }) => kind === "ConfigMap" && name === "mariadb-members")?.resource;
    const members = objects.find(({ kind, name }) => kind === "StatefulSet" && name === "mariadb")?.resource;
    const config = objects.find(({ kind, name }) => kind === "ConfigMap" && /^mariadb-server-/.test(name))?.resource;
    assert.ok(asked && members && config);
    // It is made when all is there that Kubernetes is asked for the members with.
    for (const one of [asked, members]) assert.ok(one.dependencies.includes(config.urn));
    const ofServices = objects.filter(
      ({ kind, resource }) => /OpenStackService\$/.test(resource.urn) && ["Secret", "ConfigMap"].includes(kind),
    );
    assert.ok(ofServices.length > 3);
    for (const { name, resource } of ofServices) assert.ok(resource.dependencies.includes(asked.urn), name);
  });
});

describe("another distributor's catalogue", () => {
  it("gives users, paths and commands, with no other change", () => {
    const found = templates(graph("catalogue"));
    const spec = found.find(({ object }) => object.name === "keystone-api")?.template.spec;
    assert.equal(spec?.securityContext?.runAsUser, 5000);
    const text = JSON.stringify(spec);
    assert.match(text, /"\/opt\/venv\/bin\/uwsgi"/);
    for (const path of ["/opt/etc/keystone/keystone.conf", "/opt/keys/fernet", "/opt/keys/credential"]) {
      assert.ok(text.includes(`"mountPath":"${path}"`), path);
    }
    assert.doesNotMatch(text, /"\/etc\/keystone/);
    const config = objectsOf(graph("catalogue")).find(
      ({ kind, name }) => kind === "ConfigMap" && name.startsWith("keystone-api-"),
    );
    const data = config?.body["data"] as Record<string, string>;
    assert.match(data["keystone.conf"] ?? "", /^key_repository = \/opt\/keys\/fernet$/m);
    assert.match(data["uwsgi.ini"] ?? "", /^wsgi-file=\/opt\/venv\/keystone\.wsgi$/m);
    const expand = found.find(({ object }) => object.name.startsWith("keystone-expand-"))?.template.spec;
    assert.match(
      expand?.containers[0]?.command?.join(" ") ?? "",
      /\/opt\/venv\/bin\/python -m manage db_sync --expand/,
    );
    assert.equal(expand?.initContainers?.[0]?.command?.[0], "/opt/venv/bin/python");
    const touched = new Set(difference(graph("base"), graph("catalogue")).map((urn) => urn.split("::")[1]));
    assert.deepEqual(
      [...touched].filter((name) => !name?.startsWith("cloud-keystone-")),
      [],
    );
  });
});

describe("a changed option", () => {
  it("touches the process that reads it, and nothing else", () => {
    assert.deepEqual(difference(graph("base"), graph("option")), [
      "kubernetes:apps/v1:Deployment::cloud-keystone-api",
      "kubernetes:core/v1:ConfigMap::cloud-keystone-api",
    ]);
  });

  it("touches the edge too when it is a number of workers, which says how many requests a pod is given", () => {
    assert.deepEqual(difference(graph("base"), graph("workers")), [
      "kubernetes:apps/v1:Deployment::cloud-edge",
      "kubernetes:apps/v1:Deployment::cloud-keystone-api",
      "kubernetes:core/v1:ConfigMap::cloud-edge",
      "kubernetes:core/v1:ConfigMap::cloud-keystone-api",
    ]);
  });

  it("is refused before anything is registered when it does not exist", () => {
    const { run, resources } = graph("misspelt");
    assert.notEqual(run.exitCode, 0);
    assert.match(
      run.errors.join("\n") + run.text,
      /overrides\.keystone\.keystone\.conf\.token\.expiratoin: .*`expiration`/,
    );
    assert.deepEqual(
      resources.filter((resource) => resource.type.startsWith("stratiform:")),
      [],
    );
  });
});

describe("mistakes in a cloud's part of a stack file", () => {
  it("are told in one message without a stack trace, before anything is registered", () => {
    const { exitCode, errors, resources, text } = graph("mistakes").run;
    assert.notEqual(exitCode, 0);
    assert.equal(errors.length, 1, errors.join("\n---\n"));
    for (const expected of [
      /Pulumi\.prod\.yaml: stratiform:cloud\.sizes\.rabbitmq\.server\.replicas: 2 members .*; use an odd number/,
      /Pulumi\.prod\.yaml: stratiform:cloud\.overrides\.nova\..*: unknown option; did you mean `rabbit_quorum_queue`\?/,
      /Pulumi\.prod\.yaml: stratiform:cloud\.networks\.external\.cidr: overlaps the service network, 10\.96\.0\.0\/16; choose/,
    ]) {
      assert.match(errors[0] ?? "", expected);
    }
    assert.doesNotMatch(`${errors[0]}${text}`, /^\s+at |\.ts:\d+|unhandled/m);
    assert.deepEqual(
      resources.map((resource) => resource.type),
      ["pulumi:pulumi:Stack"],
    );
  });
});

describe("a cloud without a Kubernetes provider", () => {
  it("is refused: the operator's own context is never used", () => {
    const { run, resources } = graph("noProvider");
    assert.notEqual(run.exitCode, 0);
    assert.match(run.errors.join("\n") + run.text, /has no Kubernetes provider; give it one/);
    assert.deepEqual(
      resources.filter((resource) => resource.type.startsWith("kubernetes:")),
      [],
    );
  });
});

describe("a third party's service", () => {
  it("is laid by the same component: user, catalogue, route, policies", () => {
    const objects = objectsOf(graph("own"));
    const named = (kind: string, name: RegExp) => objects.filter((one) => one.kind === kind && name.test(one.name));
    assert.equal(named("Deployment", /^greeter-api$/).length, 1);
    assert.equal(named("Job", /^greeter-register-/).length, 1);
    assert.equal(named("Job", /^greeter-database-/).length, 0);
    const policy = named("NetworkPolicy", /^greeter-api$/)[0];
    assert.match(JSON.stringify(policy?.body), /"port":8123/);
    const edge = named("ConfigMap", /^edge-/)[0];
    assert.match(JSON.stringify(edge?.body), /greeter-api\.openstack\.svc\.cluster\.local/);
  });
});
