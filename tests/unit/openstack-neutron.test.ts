import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as path from "node:path";
import { argumentVector, imageEntry } from "../../components/kit/catalogue";
import type { ConfigFiles } from "../../components/kit/config";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { checkOptions } from "../../components/kit/options";
import { disjoint } from "../../components/kit/oslo";
import type { OpenStackCloudArgs } from "../../components/openstack/args";
import type { ProcessDefinition, ServiceDefinition } from "../../components/openstack/definition";
import { define } from "../../components/openstack/facts";
import { keystone } from "../../components/openstack/keystone";
import { neutron } from "../../components/openstack/neutron";
import { blankSecrets, plainFiles, secretFiles } from "../../components/openstack/service-files";
import { sharedSecretNames } from "../../components/openstack/service-secrets";
import { optionList } from "../../components/openstack/validate-options";
import { cloudArgs } from "../graph/programs/cloud-args";

const scripts = path.join(__dirname, "../../components/openstack/scripts");

const external = { cidr: "10.64.1.0/24", gateway: "10.64.1.1", range: "10.64.1.100 - 10.64.1.249" };

function evaluated(change: Partial<OpenStackCloudArgs> = {}) {
  const args: OpenStackCloudArgs = { ...cloudArgs, networks: { external }, ...change };
  const { facts, definitions } = define(args, debianCatalogue, [keystone, neutron]);
  const definition = definitions.find((one) => one.name === "neutron") as ServiceDefinition;
  return { facts, definition };
}

const { facts, definition } = evaluated();
const entry = imageEntry(debianCatalogue, "neutron");

function processOf(name: string): ProcessDefinition {
  const found = definition.processes.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

/** All that a process finds in its file system, by path. */
function filesOf(process: ProcessDefinition): Map<string, string> {
  const rendered = [
    plainFiles(facts, definition, process, entry, {}),
    secretFiles(definition, process, entry, blankSecrets),
  ];
  return new Map(rendered.flatMap(({ data, mounts }) => mounts.map(({ key, path }) => [path, data[key] ?? ""])));
}

/** Variables with which a program of ours is tried without Neutron, as a process that reads this file would. */
function neutronEnvironment(configFile: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    PYTHONPATH: path.join(__dirname, "fake-neutron"),
    PYTHONDONTWRITEBYTECODE: "1",
    OVSDB_RETRY_MAX_INTERVAL: String(definition.config[configFile]?.["ovn"]?.["ovsdb_retry_max_interval"]),
  };
}

describe("Neutron", () => {
  it("renders, with nothing both plain and secret", () => {
    assert.deepEqual(disjoint(definition.config, definition.secretConfig?.(blankSecrets) ?? {}), []);
    const ml2 = filesOf(processOf("api")).get("/etc/neutron/ml2_conf.ini") ?? "";
    assert.match(ml2, /^mechanism_drivers = ovn$/m);
    assert.match(ml2, /^flat_networks = external$/m);
    assert.match(ml2, /^ovn_sb_connection = ssl:ovn-southbound-0\..*:6642$/m);
    assert.match(ml2, /^path_mtu = 1450$/m);
    assert.doesNotMatch(ml2, /dns_servers/);
  });

  it("names programs of its image, which find every file that they are given", () => {
    for (const process of definition.processes.filter((one) => one.command !== undefined)) {
      const [program = "", ...words] = argumentVector("neutron", entry, process.command ?? []);
      assert.match(program, /^\/usr\/bin\/(neutron-|python3$)/);
      const files = [...filesOf(process).keys()];
      for (const [index, word] of words.entries()) {
        if (!word.startsWith("/")) continue;
        const found = words[index - 1] === "--config-dir" ? files.some((one) => one.startsWith(`${word}/`)) : true;
        assert.ok(found && (words[index - 1] === "--config-dir" || files.includes(word)), `${process.name}: ${word}`);
      }
      // What comes last counts.
      assert.equal(words.at(-2), "--config-dir");
    }
  });

  it("has as many API workers as uwsgi has processes, and tells them of one start", () => {
    const other = evaluated({ sizes: { neutron: { api: { workers: 5 } } } });
    const api = other.definition.processes.find((one) => one.name === "api") as ProcessDefinition;
    const { data } = plainFiles(other.facts, other.definition, api, entry, {});
    assert.match(data["neutron.conf"] ?? "", /^api_workers = 5$/m);
    assert.match(data["uwsgi.ini"] ?? "", /^processes = 5$/m);
    assert.match(data["uwsgi.ini"] ?? "", /^start-time = %t$/m);
  });

  it("tells the workers of its API, before they begin, to look often who deals with OVN's events", () => {
    const files = filesOf(processOf("api"));
    const [, module = ""] = /^import = (\S+)$/m.exec(files.get("/etc/stratiform/uwsgi.ini") ?? "") ?? [];
    assert.match(files.get(module) ?? "", /^constants\.HASH_RING_CACHE_TIMEOUT = CACHE$/m);
  });

  it("lets its API wait for OVN, and says so, before it begins", () => {
    // As the API does once uwsgi has imported the module.
    const program = `import runpy; runpy.run_path("${path.join(scripts, "neutron-api.py")}")
from neutron.common.ovn import constants, utils
utils.create_neutron_pg_drop()
print(constants.HASH_RING_CACHE_TIMEOUT, constants.HASH_RING_NODES_TIMEOUT)`;
    const { stdout, stderr } = spawnSync("python3", ["-c", program], {
      encoding: "utf8",
      timeout: 30_000,
      env: { ...neutronEnvironment("ml2_conf.ini"), OVN_FAILURES: "2" },
    });
    const refused = [
      "neutron-api: waits for OVN: Connection refused",
      "create_neutron_pg_drop is repeated after 5 s at most",
    ];
    assert.deepEqual(stdout.trim().split("\n").slice(1), [...refused, ...refused, "entered", "2 60"], stderr);
  });

  it("puts no credentials of the control plane on compute hosts", () => {
    const agent = processOf("ovn-metadata-agent");
    assert.equal(agent.perNode?.hosts, "compute");
    const files = filesOf(agent);
    assert.deepEqual([...files.keys()].sort(), [
      "/etc/neutron/neutron_ovn_metadata_agent.ini",
      "/etc/neutron/neutron_ovn_metadata_agent.ini.d/secret.conf",
      "/etc/neutron/ovn-metadata-agent.py",
    ]);
    const text = [...files.values()].join("\n");
    assert.doesNotMatch(text, /mysql|rabbit|username|^password/m);
    assert.match(text, /^metadata_proxy_shared_secret = /m);
    assert.match(text, /^nova_metadata_host = nova-metadata\.openstack\.svc\.cluster\.local$/m);
    for (const process of definition.processes.filter((one) => one !== agent)) {
      assert.doesNotMatch([...filesOf(process).values()].join("\n"), /metadata_proxy_shared_secret/, process.name);
    }
  });

  it("asks for the secret that it shares with Nova's metadata service", () => {
    assert.deepEqual(sharedSecretNames(definition), ["metadata"]);
  });

  it("has name servers, MTU and external network from the cloud's networks", () => {
    const networks = { dnsServers: ["192.0.2.53", "192.0.2.54"], datapath: "kernel", tunnel: { mtu: 9000 } } as const;
    const other = evaluated({ networks: { ...networks, dnsServers: [...networks.dnsServers] } }).definition;
    assert.deepEqual(other.config["ml2_conf.ini"]?.["ovn"]?.["dns_servers"], networks.dnsServers);
    assert.equal(other.config["ml2_conf.ini"]?.["ml2"]?.["path_mtu"], 9000);
    assert.deepEqual(other.setup, []);
    assert.deepEqual(definition.setup, [
      {
        name: "networks",
        script: "networks.py",
        arguments: {
          cloud: "openstack",
          network: { name: "external", physicalNetwork: "external" },
          subnet: {
            name: "external",
            cidr: "10.64.1.0/24",
            gateway: "10.64.1.1",
            start: "10.64.1.100",
            end: "10.64.1.249",
          },
        },
      },
    ]);
  });

  it("sets only options that the release knows", function () {
    const list = optionList("2025.1", "neutron");
    if (list === undefined) {
      this.skip();
    }
    const where = (file: string, section: string, option: string): string => `${file} [${section}] ${option}`;
    const parts: ConfigFiles[] = [
      definition.config,
      definition.secretConfig?.(blankSecrets) ?? {},
      definition.steps?.config ?? {},
      definition.steps?.secretConfig?.(blankSecrets) ?? {},
    ];
    for (const part of parts) {
      const { errors, warnings } = checkOptions(list, part, where);
      assert.deepEqual(errors, []);
      // Needed as long as packets move in user space, which takes segments larger than any link for whole packets.
      assert.deepEqual(
        warnings.filter((warning) => !warning.includes("[ovn] ovn_emit_need_to_frag")),
        [],
      );
    }
  });
});

describe("ovn-metadata-agent.py", () => {
  const [program = "", script = "", ...words] = processOf("ovn-metadata-agent").command ?? [];

  /** Starts the agent as its pod does, with databases that refuse it so often. It then fails, as where its host has no name. */
  function start(host: number, ovn: number) {
    const { status, stdout, stderr } = spawnSync(program, [path.join(scripts, path.basename(script)), ...words], {
      encoding: "utf8",
      timeout: 30_000,
      env: {
        ...neutronEnvironment("neutron_ovn_metadata_agent.ini"),
        HOST_FAILURES: String(host),
        OVN_FAILURES: String(ovn),
      },
    });
    return { status, lines: stdout.trim().split("\n"), stderr };
  }

  const serves = `serves ${words.join(" ")}`;

  it("waits until its host's database is there, and says so", () => {
    const { lines } = start(2, 0);
    const refused = ["Waits for Open vSwitch's database: Connection refused", "start is repeated after 5 s at most"];
    assert.deepEqual(lines, [...refused, ...refused, serves]);
  });

  it("asks OVN's database often", () => {
    assert.deepEqual(start(0, 1).lines, ["start is repeated after 5 s at most", serves]);
  });

  it("ends when its start has failed, though a thread of it goes on, and says why", () => {
    const { status, stderr } = start(0, 0);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /KeyError: 'system-id'/);
  });
});
