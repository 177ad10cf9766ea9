import * as assert from "node:assert/strict";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { checkOptions } from "../../components/kit/options";
import type { OpenStackCloudArgs } from "../../components/openstack/args";
import { connections } from "../../components/openstack/connections";
import type { CloudFacts, ServiceDefinition } from "../../components/openstack/definition";
import { define } from "../../components/openstack/facts";
import {
  databaseSection,
  messagingSecret,
  messagingSections,
  serviceCredentials,
  serviceCredentialsSecret,
  serviceUserSection,
} from "../../components/openstack/sections";
import { blankSecrets, plainFiles, secretFiles, stepFiles } from "../../components/openstack/service-files";
import { definitionProblems, factoriesOf, validateCloud } from "../../components/openstack/validate";
import { optionList } from "../../components/openstack/validate-options";
import { cloudArgs } from "../graph/programs/cloud-args";

const args: OpenStackCloudArgs = { ...cloudArgs, services: ["keystone", "placement", "glance"] };

const { facts, definitions } = define(args, debianCatalogue, factoriesOf(args, []));

function problems(change: Partial<OpenStackCloudArgs>): string[] {
  return validateCloud({ ...args, ...change }).errors;
}

function definition(name: string): ServiceDefinition {
  const found = definitions.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

/** A file of a service's API as its pods have it, with the path of the secret part. */
function filesOf(name: string): { text: string; secretPath: string | undefined; uwsgi: string } {
  const own = definition(name);
  const [process] = own.processes;
  const entry = debianCatalogue[name];
  assert.ok(process && entry);
  const { data } = plainFiles(facts, own, process, entry, {});
  const [text = ""] = Object.entries(data).flatMap(([key, value]) => (key.endsWith(".conf") ? [value] : []));
  return {
    text,
    secretPath: secretFiles(own, process, entry, blankSecrets).mounts[0]?.path,
    uwsgi: data["uwsgi.ini"] ?? "",
  };
}

describe("sections that services share", () => {
  const cloud: CloudFacts = facts;

  it("prove a service to others at internal endpoints, with the CA, and keep its password apart", () => {
    const placement = serviceCredentials(cloud, "nova");
    assert.equal(placement["auth_url"], "https://10.20.0.251:5000");
    assert.equal(placement["username"], "nova-g1");
    assert.equal(placement["cafile"], cloud.caFile);
    assert.deepEqual(placement["valid_interfaces"], ["internal"]);
    assert.equal(placement["password"], undefined);
    assert.deepEqual(serviceCredentialsSecret(blankSecrets, "placement", "service_user"), {
      placement: { password: "password" },
      service_user: { password: "password" },
    });
    // The section of a service's own token has no endpoint.
    assert.equal(serviceUserSection(cloud, "nova")["service_user"]?.["valid_interfaces"], undefined);
    assert.equal(serviceUserSection(cloud, "nova")["service_user"]?.["send_service_user_token"], true);
  });

  it("use quorum queues and streams, by the options' right names", () => {
    const rabbit = messagingSections()["oslo_messaging_rabbit"] ?? {};
    assert.equal(rabbit["rabbit_quorum_queue"], true);
    // oslo.messaging refuses to start with streams, unless both of these are set.
    assert.equal(rabbit["rabbit_transient_quorum_queue"], true);
    assert.ok(Number(rabbit["rabbit_qos_prefetch_count"]) > 0);
    assert.equal(rabbit["rabbit_quorum_queues"], undefined);
    assert.equal(rabbit["use_queue_manager"], undefined);
    // Names are agreed on by a lock, which wants a directory.
    const named = messagingSections("/var/lib/nova/lock");
    assert.equal(named["oslo_messaging_rabbit"]?.["use_queue_manager"], true);
    assert.deepEqual(named["oslo_concurrency"], { lock_path: "/var/lib/nova/lock" });
    assert.match(String(messagingSecret(blankSecrets)["DEFAULT"]?.["transport_url"]), /^rabbit:\/\//);
  });

  it("name the section of the database as a service wants it", () => {
    assert.deepEqual(Object.keys(databaseSection("placement_database")), ["placement_database"]);
  });
});

describe("Placement and Glance", () => {
  it("are accepted with Keystone, and each says what it lacks without", () => {
    assert.deepEqual(problems({}), []);
    assert.deepEqual(problems({ services: ["glance"] }), ["services: lacks keystone, which glance needs; add it"]);
    assert.deepEqual(problems({ services: ["placement", "glance"] }), [
      "services: lacks keystone, which glance and placement need; add it",
    ]);
  });

  it("are missed in a release that lacks their images, by name", () => {
    const { glance: _, ...images } = args.release.images;
    const found = problems({ release: { ...args.release, images } });
    assert.ok(
      found.some((problem) => /^release.*glance/.test(problem)),
      found.join("\n"),
    );
  });

  it("lie in the catalogue with conventional ports", () => {
    const ports = definitions.flatMap((one) => (one.catalog ?? []).map(({ type, port }) => [type, port]));
    assert.deepEqual(ports, [
      ["identity", 5000],
      ["placement", 8778],
      ["image", 9292],
    ]);
  });

  it("find what is secret in the directory that their programs read", () => {
    assert.equal(filesOf("placement").secretPath, "/etc/placement/placement.conf.d/secret.conf");
    // glance.common.wsgi_app: the files by name, the directories by the project's.
    assert.equal(filesOf("glance").secretPath, "/etc/glance/glance.conf.d/secret.conf");
  });

  it("keep Placement's database in the section of its own", () => {
    const entry = debianCatalogue["placement"];
    assert.ok(entry);
    const steps = stepFiles(definition("placement"), entry, blankSecrets).data["placement.conf"] ?? "";
    assert.match(steps, /\[placement_database\]\nconnection = mysql/);
    assert.doesNotMatch(steps, /^\[database\]/m);
  });

  it("keep images, and what is on its way, on the volume", () => {
    const { text, uwsgi } = filesOf("glance");
    assert.match(text, /^enabled_backends = file:file$/m);
    assert.match(text, /^enabled_import_methods = \[glance-direct\]$/m);
    const [claim] = definition("glance").processes[0]?.claims ?? [];
    const mount = facts.path("glance", claim?.path ?? "");
    const directories = [...text.matchAll(/^filesystem_store_datadir = (.*)$/gm)].map(([, directory]) => directory);
    assert.equal(new Set(directories).size, 3);
    for (const directory of directories) {
      assert.ok(directory?.startsWith(`${mount}/`), directory);
    }
    assert.match(uwsgi, /^http-chunked-input = true$/m);
    assert.match(uwsgi, /^wsgi-manage-chunked-input = true$/m);
  });

  it("do not use the message bus", () => {
    assert.match(filesOf("glance").text, /\[oslo_messaging_notifications\]\ndriver = noop/);
    assert.deepEqual(connections(definitions).callersOf("rabbitmq", "server"), []);
  });

  it("are one pod where a volume is one pod's, whatever the profile", () => {
    assert.deepEqual(problems({ profile: "ha" }), []);
    const [problem] = problems({ sizes: { glance: { api: { replicas: 3 } } } });
    assert.match(problem ?? "", /^sizes\.glance\.api\.replicas: 3 pods cannot share its volume.*remove it$/);
  });

  it("own their passwords", () => {
    const override = { placement: { "placement.conf": { placement_database: { connection: "mysql://somewhere" } } } };
    assert.deepEqual(problems({ overrides: override }), [
      "overrides.placement.placement.conf.placement_database.connection: belongs to the component; it is made by the stack and kept secret; remove it",
    ]);
  });

  for (const name of ["placement", "glance"]) {
    it(`set options that the release's ${name} has`, () => {
      const list = optionList("2025.1", name);
      assert.ok(list, `components/openstack/options/2025.1/${name}.json is missing: npm run images -- options`);
      const own = definition(name);
      const place = (file: string, section: string, option: string): string => `${file} [${section}] ${option}`;
      for (const files of [own.config, own.secretConfig?.(blankSecrets) ?? {}, own.steps?.config ?? {}]) {
        assert.deepEqual(checkOptions(list, files, place), { errors: [], warnings: [] });
      }
    });
  }
});

describe("a service on the message bus", () => {
  const courier: ServiceDefinition = {
    name: "courier",
    image: "client",
    needs: ["keystone", "rabbitmq"],
    messaging: true,
    config: {},
    processes: [{ name: "worker", talksTo: ["rabbitmq"] }],
  };

  it("connects as a client, its jobs alone as those who make users", () => {
    const net = connections([...definitions, courier]);
    const worker = { service: "courier", process: "worker" };
    const steps = { service: "courier", process: "steps" };
    assert.deepEqual(net.callersOf("rabbitmq", "server", 5672), [worker]);
    assert.deepEqual(net.callersOf("rabbitmq", "server", 25672), [steps]);
    assert.deepEqual(net.callersOf("rabbitmq", "server", 4369), [steps]);
    assert.deepEqual(net.targetsOf("courier", "worker"), [{ service: "rabbitmq", process: "server", ports: [5672] }]);
  });

  it("has to need it", () => {
    const found = definitionProblems({ ...courier, needs: ["keystone"] }, [...definitions, courier]);
    assert.deepEqual(found, ["definition courier: has messaging, but does not need rabbitmq; add it to its needs"]);
  });

  it("has no process that starts alone and logs in at its start", () => {
    const processes = [{ name: "worker", loginAtStart: true, startsAlone: true }];
    const found = definitionProblems({ ...courier, processes }, [...definitions, courier]);
    assert.deepEqual(found, [
      "definition courier: process worker logs in at its start, so it cannot start alone: remove startsAlone or loginAtStart",
    ]);
  });

  it("wants the image of it in the release", () => {
    const { rabbitmq: _, ...images } = args.release.images;
    const { errors } = validateCloud({ ...args, release: { ...args.release, images } }, [() => courier]);
    assert.ok(
      errors.some((problem) => /^release.*rabbitmq/.test(problem)),
      errors.join("\n"),
    );
    assert.deepEqual(validateCloud({ ...args, release: { ...args.release, images } }).errors, []);
  });

  for (const replicas of [0, 2]) {
    it(`is refused with ${replicas} members of it`, () => {
      const found = problems({ sizes: { rabbitmq: { server: { replicas } } } });
      assert.equal(found.length, 1);
      assert.match(found[0] ?? "", /^sizes\.rabbitmq\.server\.replicas: /);
    });
  }
});
