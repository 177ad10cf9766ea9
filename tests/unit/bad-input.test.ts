import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse, stringify } from "yaml";
import { stackConfig } from "../../config";
import { host, privateKey } from "./arguments";

/** The committed release: what a cloud of all services needs is in it. */
const releaseFile = path.resolve(__dirname, "../../releases/2025.1-1.yaml");
const release = parse(fs.readFileSync(releaseFile, "utf8")) as { images: Record<string, unknown> };

const provider = { interfaces: { provider: "eth1" } };
const cluster = {
  hosts: [host(1, ["control", "gateway"], provider), host(2, ["compute"]), host(3, ["compute"])],
  networks: { pods: "10.244.0.0/16", services: "10.96.0.0/16" },
};
const external = { cidr: "203.0.113.0/24", gateway: "203.0.113.1", range: "203.0.113.100-203.0.113.199" };
const cloud = {
  release: "2025.1-1",
  registry: "registry.example:5000",
  services: ["keystone", "placement", "glance", "neutron", "nova"],
  networks: { external },
  endpoint: { public: "10.20.0.250", internal: "10.20.0.251" },
};

let folder = "";

/** What a stack file with this cloud and cluster is answered with, a line each; nothing where it is accepted. */
function answer(change: object, clusterChange: object = {}): string[] {
  const values = {
    "stratiform:cluster": JSON.stringify({ ...cluster, ...clusterChange }),
    "stratiform:cloud": JSON.stringify({ ...cloud, ...change }),
    "stratiform:sshPrivateKey": privateKey,
  };
  try {
    stackConfig({ file: "Pulumi.dev.yaml", stack: "dev", values, secretKeys: ["stratiform:sshPrivateKey"], folder });
    return [];
  } catch (error) {
    // Pulumi prints these without a stack trace.
    assert.ok(pulumi.RunError.isInstance(error), String((error as Error).stack));
    const lines = error.message.split("\n").map((line) => line.trim());
    return lines.filter((line) => !/^the configuration has \d+ problems:$/.test(line));
  }
}

/** An override of one option of a service. */
const override = (service: string, file: string, section: string, option: string, value: unknown = "x") => ({
  overrides: { [service]: { [file]: { [section]: { [option]: value } } } },
});

const at = "Pulumi.dev.yaml: stratiform:cloud.";
const free = "choose a network that has no address in common with it";

describe("a stack file of a whole cloud", () => {
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-bad-input-"));
    fs.mkdirSync(path.join(folder, "releases"));
    fs.copyFileSync(releaseFile, path.join(folder, "releases", "2025.1-1.yaml"));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it("is accepted without a mistake", () => assert.deepEqual(answer({}), []));

  const cases: Record<string, [string[], () => string[]]> = {
    "no compute host": [
      [
        'Pulumi.dev.yaml: stratiform:cluster.hosts: no host has the role "compute", and libvirt, neutron and nova run on such hosts only; give that role to one host or more',
      ],
      () => answer({}, { hosts: cluster.hosts.slice(0, 1) }),
    ],
    "services without those that they need": [
      [
        `${at}services: lacks placement, which neutron and nova need; add it`,
        `${at}services: lacks glance, which nova needs; add it`,
      ],
      () => answer({ services: ["keystone", "neutron", "nova"] }),
    ],
    "services without Keystone, which some of them need": [
      [`${at}services: lacks keystone, which glance and placement need; add it`],
      () => answer({ services: ["placement", "glance"], networks: {} }),
    ],
    "services without Keystone, which none of them names": [
      [`${at}services: lacks keystone, which every cloud needs; add it`],
      () => answer({ services: ["libvirt"], networks: {} }),
    ],
    "tunnels in the external network": [
      [`${at}networks.tunnel.cidr: overlaps networks.external.cidr, 203.0.113.0/24; choose a network that nobody uses`],
      () => answer({ networks: { external, tunnel: { cidr: "203.0.0.0/16" } } }),
    ],
    "tunnels in the hosts' network": [
      [`${at}networks.tunnel.cidr: overlaps the hosts' network, 10.20.0.0/24; choose a network that nobody uses`],
      () => answer({ networks: { external, tunnel: { cidr: "10.20.0.0/24" } }, endpoint: { public: "10.21.0.9" } }),
    ],
    "tunnels in the pod network": [
      [`${at}networks.tunnel.cidr: overlaps the pod network, 10.244.0.0/16; ${free}`],
      () => answer({ networks: { external, tunnel: { cidr: "10.244.0.0/16" } } }),
    ],
    "an external network in the service network": [
      [`${at}networks.external.cidr: overlaps the service network, 10.96.0.0/16; ${free}`],
      () =>
        answer({
          networks: { external: { cidr: "10.96.8.0/24", gateway: "10.96.8.1", range: "10.96.8.10-10.96.8.99" } },
        }),
    ],
    "floating IPs among the hosts' addresses and the endpoints'": [
      [
        `${at}networks.external.range: contains 10.20.0.11, the address of host node-1; leave it out`,
        `${at}networks.external.range: contains 10.20.0.12, the address of host node-2; leave it out`,
        `${at}networks.external.range: contains 10.20.0.13, the address of host node-3; leave it out`,
        `${at}networks.external.range: contains 10.20.0.250, an address of the endpoints; leave it out`,
        `${at}networks.external.range: contains 10.20.0.251, an address of the endpoints; leave it out`,
        `${at}networks.external.range: contains 10.20.0.5, the virtual IP of the Kubernetes API; leave it out`,
      ],
      () =>
        answer(
          {
            networks: { external: { cidr: "10.20.0.0/24", gateway: "10.20.0.1", range: "10.20.0.2-10.20.0.254" } },
          },
          { endpoint: { virtualIp: "10.20.0.5" } },
        ),
    ],
    "an override of a service that is not enabled": [
      [`${at}overrides.glance: glance is not enabled; add it to services, or remove the override`],
      () =>
        answer({
          services: ["keystone", "placement"],
          networks: {},
          ...override("glance", "glance-api.conf", "DEFAULT", "debug", true),
        }),
    ],
    "an override of a file that has no options": [
      [`${at}overrides.libvirt.qemu.conf: belongs to the component, and has another format than options; remove it`],
      () => answer(override("libvirt", "qemu.conf", "DEFAULT", "user")),
    ],
    "a misspelt option of the field's": [
      [
        `${at}overrides.nova.nova.conf.oslo_messaging_rabbit.rabbit_quorum_queues: unknown option; did you mean \`rabbit_quorum_queue\`?`,
      ],
      () => answer(override("nova", "nova.conf", "oslo_messaging_rabbit", "rabbit_quorum_queues", true)),
    ],
  };
  for (const [what, [sentences, given]] of Object.entries(cases)) {
    it(`is refused with ${what}: where, what, what to do`, () => assert.deepEqual(given(), sentences));
  }

  const owned: [string, string, string, string, string][] = [
    ["nova", "nova.conf", "conductor", "workers", "set sizes.nova.conductor.workers instead"],
    ["nova", "nova.conf", "scheduler", "workers", "set sizes.nova.scheduler.workers instead"],
    ["nova", "nova.conf", "keystone_authtoken", "auth_url", "set endpoint.internal instead"],
    ["nova", "nova.conf", "placement", "region_name", "set region instead"],
    ["nova", "nova.conf", "vnc", "novncproxy_base_url", "set endpoint.public instead"],
    ["nova", "nova.conf", "cache", "memcache_servers", "set sizes.memcached.server.replicas instead"],
    ["nova", "nova.conf", "DEFAULT", "transport_url", "it is made by the stack and kept secret; remove it"],
    ["nova", "nova-compute.conf", "libvirt", "virt_type", "set compute.virtualization instead"],
    ["neutron", "ml2_conf.ini", "ml2", "path_mtu", "set networks.tunnel.mtu instead"],
    ["neutron", "neutron.conf", "DEFAULT", "api_workers", "set sizes.neutron.api.workers instead"],
    ["glance", "glance-api.conf", "keystone_authtoken", "www_authenticate_uri", "set endpoint.public instead"],
    ["placement", "placement.conf", "keystone_authtoken", "cafile", "set certificate instead"],
    ["keystone", "keystone.conf", "database", "connection", "it is made by the stack and kept secret; remove it"],
  ];
  for (const [service, file, section, option, instead] of owned) {
    it(`is refused with an override of ${service}'s [${section}] ${option}, which the component owns`, () => {
      const place = `${at}overrides.${service}.${file}.${section}.${option}: belongs to the component; ${instead}`;
      assert.ok(answer(override(service, file, section, option, 1)).includes(place));
    });
  }

  it("may override options of the same names that no definition sets", () => {
    assert.deepEqual(answer(override("nova", "nova.conf", "ironic", "region_name", "Other")), []);
  });

  for (const [service, process] of [
    ["mariadb", "server"],
    ["rabbitmq", "server"],
    ["ovn", "northbound"],
    ["ovn", "southbound"],
  ] as const) {
    it(`is refused with none, two or four of ${service}'s ${process}: they decide by majority`, () => {
      const replicas = (count: number) => answer({ sizes: { [service]: { [process]: { replicas: count } } } });
      const place = `${at}sizes.${service}.${process}.replicas`;
      assert.deepEqual(replicas(0), [`${place}: 0 is not possible; write a whole number, 1 or more`]);
      for (const count of [2, 4]) {
        assert.deepEqual(replicas(count), [
          `${place}: ${count} members bear no more losses than ${count - 1}, as they decide by majority; use an odd number`,
        ]);
      }
      assert.deepEqual(replicas(3), []);
    });
  }

  const needed: Record<string, string> = {
    client: "every cloud needs",
    glance: "glance needs",
    haproxy: "every cloud needs",
    keepalived: "every cloud needs",
    keystone: "keystone needs",
    libvirt: "libvirt needs",
    mariadb: "every cloud needs",
    memcached: "every cloud needs",
    neutron: "neutron needs",
    nova: "nova needs",
    "nova-compute": "nova needs",
    ovn: "neutron and openvswitch need",
    placement: "placement needs",
    rabbitmq: "neutron and nova need",
  };
  for (const [image, who] of Object.entries(needed)) {
    it(`is refused with a release that lacks the image ${image}, which ${who}`, () => {
      const images = Object.fromEntries(Object.entries(release.images).filter(([name]) => name !== image));
      fs.writeFileSync(path.join(folder, "releases", "lacking.yaml"), stringify({ ...release, images }));
      assert.deepEqual(answer({ release: "lacking" }), [
        `${at}release: releases/lacking.yaml: images.${image}: is missing, and ${who} it; add it, or use a release that has it`,
      ]);
    });
  }
});
