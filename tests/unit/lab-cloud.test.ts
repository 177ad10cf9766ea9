import assert from "node:assert/strict";
import { parse } from "yaml";
import { clientArguments, cloudsWithCa, endpointNames } from "../../lab/client";
import { type StackCloud, stackCloud } from "../../lab/lab";
import { mostHosts } from "../../lab/names";
import { hostAddress } from "../../lab/network";
import { type StackMachines, stackFileText } from "../../lab/stack-file";
import { tokenTable } from "../../lab/start";
import { type PodState, resourcesByStratum, runningByStratum, stratumOf } from "../../lab/strata";

const machines: StackMachines = {
  name: "dev",
  hosts: [{ name: "dev-1", address: "10.64.0.11", roles: ["control"], hostKey: "ssh-ed25519 AAAA" }],
  kubernetesVersion: "1.34.4",
  artifacts: {},
  imageMirror: { registry: "10.64.0.1:5000" },
};

const template = `config:
  stratiform:cluster:
    hosts:
      - { name: node-1, address: 10.20.0.11, roles: [control] }
`;

interface Stack {
  config: Record<string, unknown>;
}

describe("lab: the cloud in the stack file", () => {
  const local = "/cache/releases/local-0123456789.yaml";
  const networks = {
    network: { name: "lab", subnet: "10.64.0.0/24", gateway: "10.64.0.1" },
    provider: { name: "provider", subnet: "10.64.1.0/24", gateway: "10.64.1.1" },
  };
  const cloud = stackCloud(networks, ["keystone"], "10.64.0.1:5000", local);
  const withCloud = `${template}  stratiform:cloud:\n    profile: ha\n    release: 2025.1-1\n`;
  const cloudOf = (text: string) => (parse(text) as Stack).config["stratiform:cloud"];

  it("is put in with addresses beyond those of hosts", () => {
    const text = stackFileText({ ...machines, cloud }, undefined, withCloud);
    assert.deepEqual(cloudOf(text), {
      profile: "lab",
      release: local,
      services: ["keystone"],
      registry: "10.64.0.1:5000",
      endpoint: { public: "10.64.0.250", internal: "10.64.0.251" },
      networks: {
        external: { cidr: "10.64.1.0/24", gateway: "10.64.1.1", range: "10.64.1.100-10.64.1.249" },
        hosts: ["10.64.0.0/24"],
      },
    });
    assert.ok(Number(hostAddress("10.64.1.0/24", mostHosts).split(".")[3]) < 100);
    assert.ok(Number(hostAddress("10.64.0.0/24", mostHosts).split(".")[3]) < 250);
  });

  it("is left out where none is wanted, and kept where there is one", () => {
    assert.equal(cloudOf(stackFileText(machines, undefined, withCloud)), undefined);
    const existing = stackFileText({ ...machines, cloud }, undefined, template);
    assert.deepEqual(cloudOf(stackFileText(machines, existing, template)), cloud);
  });

  it("keeps the networks that somebody chose", () => {
    const first = stackFileText({ ...machines, cloud }, undefined, template);
    const chosen = first.replace("10.64.1.249", "10.64.1.150");
    assert.equal(stackFileText({ ...machines, cloud }, chosen, template), chosen);
  });

  it("keeps what others wrote, and renews only a release of this computer", () => {
    const first = stackFileText({ ...machines, cloud }, undefined, template);
    const edited = first.replace("profile: lab", "profile: small # mine").replace("10.64.0.250", "10.64.0.240");
    const later = { ...cloud, release: local.replace("0123", "abcd") };
    const again = stackFileText({ ...machines, cloud: later }, edited, template);
    assert.match(again, /profile: small # mine/);
    assert.deepEqual(cloudOf(again), {
      ...cloud,
      release: later.release,
      profile: "small",
      endpoint: { public: "10.64.0.240", internal: "10.64.0.251" },
    });
    const released = stackFileText({ ...machines, cloud: later }, again.replace(later.release, "2025.1-1"), template);
    assert.equal((cloudOf(released) as StackCloud).release, "2025.1-1");
  });
});

describe("lab: the OpenStack client", () => {
  const files = { clouds: "/lab/clouds.yaml", ca: "/lab/ca.crt", cloud: "openstack" };

  it("gets the two files and this computer's network, and nothing else", () => {
    const args = clientArguments(files, "image:1", ["token", "issue"], { user: "1:1", hosts: ["a:10.0.0.1"] });
    const text = args.join(" ");
    assert.match(text, /^run --rm .*--network host .*--read-only --cap-drop all .*--user 1:1/);
    assert.match(text, /--add-host a:10\.0\.0\.1/);
    assert.deepEqual(
      args.flatMap((word, index) => (word === "--volume" ? [args[index + 1]] : [])),
      ["/lab/clouds.yaml:/lab/clouds.yaml:ro", "/lab/ca.crt:/lab/ca.crt:ro"],
    );
    assert.match(text, /image:1 openstack token issue$/);
    assert.doesNotMatch(text, /--tty|--interactive|--privileged/);
    const terminal = clientArguments(files, "image:1", [], { user: "0:0", terminal: true, runtime: "runc" }).join(" ");
    assert.match(terminal, /--runtime runc --tty --interactive/);
  });

  it("finds the CA wherever it is started", () => {
    const text = "clouds:\n  mine:\n    auth: { password: p }\n    cacert: ca.crt\n";
    const result = cloudsWithCa(text, "/lab/ca.crt");
    assert.equal(result.cloud, "mine");
    assert.deepEqual(parse(result.text), { clouds: { mine: { auth: { password: "p" }, cacert: "/lab/ca.crt" } } });
  });

  it("knows the names of endpoints", () => {
    const names = { public: "cloud.example", publicAddress: "10.0.0.9", internal: "10.0.0.8" };
    assert.deepEqual(endpointNames({ endpoint: names }), ["cloud.example:10.0.0.9"]);
  });

  it("has its token cut where it is shown", () => {
    const token = { id: "gAAAAAB".padEnd(180, "x"), expires: "2026", project_id: "p", user_id: "u" };
    const text = tokenTable(token);
    assert.match(text, /gAAAAABxxxxx… \(180 characters\)/);
    assert.ok(!text.includes("x".repeat(6)));
  });
});

describe("lab: strata", () => {
  const urn = (types: string) => `urn:pulumi:dev::stratiform::${types}::name`;

  it("are counted by the components that resources belong to", () => {
    const resources = [
      "pulumi:pulumi:Stack",
      "stratiform:index:KubeadmCluster",
      "stratiform:index:KubeadmCluster$command:remote:Command",
      "stratiform:index:OpenStackCloud$kubernetes:core/v1:Namespace",
      "stratiform:index:OpenStackCloud$stratiform:index:Galera$kubernetes:apps/v1:StatefulSet",
      "stratiform:index:OpenStackCloud$stratiform:index:Edge$kubernetes:core/v1:Service",
      "stratiform:index:OpenStackCloud$stratiform:index:OpenStackService$kubernetes:apps/v1:Deployment",
    ].map((types) => ({ urn: urn(types) }));
    assert.deepEqual(Object.fromEntries(resourcesByStratum(JSON.stringify({ deployment: { resources } }))), {
      ...{ cluster: 2, openstack: 2, backing: 1, platform: 1 },
    });
    assert.equal(stratumOf(urn("pulumi:providers:kubernetes")), undefined);
  });

  it("show what runs, ready and in all, without finished jobs", () => {
    const pod = (service: string, component: string, phase: string, ready: string): PodState => ({
      metadata: { labels: { "app.kubernetes.io/name": service, "app.kubernetes.io/component": component } },
      status: { phase, conditions: [{ type: "Ready", status: ready }] },
    });
    const running = runningByStratum([
      pod("keystone", "api", "Running", "True"),
      pod("keystone", "api", "Running", "False"),
      pod("keystone", "expand", "Succeeded", "False"),
      pod("mariadb", "server", "Running", "True"),
      pod("edge", "haproxy", "Running", "True"),
      { metadata: {} },
    ]);
    assert.deepEqual(running, {
      ...{ openstack: "keystone api 1/2", backing: "mariadb server 1/1", platform: "edge haproxy 1/1" },
    });
  });
});
