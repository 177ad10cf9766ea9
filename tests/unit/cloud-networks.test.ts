import * as assert from "node:assert/strict";
import type { HostFacts } from "../../components/cluster/args";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { workloadPolicy } from "../../components/kit/network-policy";
import { podSpec } from "../../components/kit/pod";
import { daemonSetSpec } from "../../components/kit/workload";
import { connections } from "../../components/openstack/connections";
import { define } from "../../components/openstack/facts";
import { openvswitch } from "../../components/openstack/host-network";
import { keystone } from "../../components/openstack/keystone";
import { libvirt } from "../../components/openstack/libvirt";
import type { CloudNetworksArgs } from "../../components/openstack/network-args";
import { hostNames, networkFacts } from "../../components/openstack/networks-plan";
import { knownServices } from "../../components/openstack/services";
import { factoriesOf } from "../../components/openstack/validate";
import { cloudNetworkProblems, networkPlaceProblems, roleProblems } from "../../components/openstack/validate-networks";
import { cloudArgs } from "../graph/programs/cloud-args";

const hosts: HostFacts[] = [
  { name: "node-1", address: "10.20.0.11", roles: ["control", "gateway"], providerInterface: "eth1" },
  { name: "node-2", address: "10.20.0.12", roles: ["compute"] },
];
const external = { cidr: "203.0.113.0/24", gateway: "203.0.113.1", range: "203.0.113.100-203.0.113.199" };
const args = { ...cloudArgs, hosts };

function problems(networks: CloudNetworksArgs, more: Partial<typeof args> = {}): string[] {
  return cloudNetworkProblems({ ...args, networks, ...more });
}

describe("networks of a cloud", () => {
  it("have defaults", () => {
    assert.deepEqual(problems({ external, dnsServers: ["9.9.9.9"] }), []);
    const facts = networkFacts({ ...args, networks: { external } });
    assert.deepEqual(facts.hosts, ["10.20.0.0/24"]);
    assert.equal(facts.tunnel.mtu, 1450, "fits whatever datapath each host has");
    assert.equal(networkFacts({ ...args, networks: { datapath: "kernel" } }).tunnel.mtu, 1500);
    assert.equal(networkFacts({ ...args, networks: { tunnel: { mtu: 9000 } } }).tunnel.mtu, 8950);
  });

  it("are refused where they cannot be, and said what to do", () => {
    const cases: [CloudNetworksArgs, RegExp][] = [
      [{ external: { ...external, cidr: "203.0.113.7/24" } }, /^networks\.external\.cidr: .* write the network itself/],
      [
        { external: { ...external, gateway: "10.0.0.1" } },
        /^networks\.external\.gateway: "10\.0\.0\.1" is no address of/,
      ],
      [{ external: { ...external, range: "203.0.113.9" } }, /^networks\.external\.range: .* write first and last/],
      [
        { external: { ...external, range: "203.0.113.1-203.0.113.9" } },
        /^networks\.external\.range: contains 203\.0\.113\.1, the gateway; leave it out$/,
      ],
      [
        { external: { cidr: "10.20.0.0/24", gateway: "10.20.0.1", range: "10.20.0.10-10.20.0.20" } },
        /^networks\.external\.range: contains 10\.20\.0\.11, the address of host node-1/,
      ],
      [
        { external: { cidr: "10.20.0.0/24", gateway: "10.20.0.1", range: "10.20.0.200-10.20.0.254" } },
        /^networks\.external\.range: contains 10\.20\.0\.250, an address of the endpoints; leave it out$/,
      ],
      [{ external, tunnel: { cidr: "203.0.0.0/16" } }, /^networks\.tunnel\.cidr: overlaps networks\.external\.cidr/],
      [{ tunnel: { cidr: "10.20.0.0/16" } }, /^networks\.tunnel\.cidr: overlaps the hosts' network/],
      [{ tunnel: { cidr: "198.18.0.0/30" } }, /^networks\.tunnel\.cidr: a \/30 is not possible/],
      [{ tunnel: { mtu: 1300 } }, /^networks\.tunnel\.mtu: 1300 is not possible/],
      [{ hosts: ["10.30.0.0/24"] }, /^networks\.hosts: none of them holds 10\.20\.0\.11/],
      [{ hosts: ["10.30.0.1/24"] }, /^networks\.hosts\[0\]: .* write the network itself: "10\.30\.0\.0\/24"/],
      [{ datapath: "dpdk" as "auto" }, /^networks\.datapath: unknown value dpdk/],
      [{ dnsServers: ["dns"] }, /^networks\.dnsServers\[0\]: "dns" is not an IPv4 address/],
    ];
    for (const [networks, expected] of cases) {
      assert.match(problems(networks)[0] ?? "none", expected);
    }
    assert.match(
      problems(
        { tunnel: { cidr: "172.16.0.0/16" } },
        { endpoint: { public: "a.example", publicAddress: "172.16.0.9" } },
      )[0] ?? "",
      /^networks\.tunnel\.cidr: contains 172\.16\.0\.9, an address of the endpoints; choose/,
    );
    const twins: HostFacts[] = [...hosts, { name: "node-3", address: "10.21.0.12", roles: ["compute"] }];
    assert.match(
      problems({}, { hosts: twins })[0] ?? "",
      /hosts node-2 and node-3 would have the same address in a \/16/,
    );
  });

  it("are refused where the cluster has their addresses: pods, services, the virtual IP of its API", () => {
    const cluster = { podNetwork: "10.244.0.0/16", serviceNetwork: "10.96.0.0/16", virtualIp: "203.0.113.150" };
    const found = (networks: CloudNetworksArgs, more: object = {}) =>
      networkPlaceProblems({ ...args, networks }, { ...cluster, virtualIp: "10.20.0.5", ...more }).join("\n");
    assert.equal(found({ external }), "");
    const remedy = "; choose a network that has no address in common with it";
    assert.equal(
      found({ external: { ...external, cidr: "10.244.8.0/24" } }),
      `networks.external.cidr: overlaps the pod network, 10.244.0.0/16${remedy}`,
    );
    assert.equal(
      found({ external: { ...external, cidr: "10.96.0.0/24" } }),
      `networks.external.cidr: overlaps the service network, 10.96.0.0/16${remedy}`,
    );
    assert.equal(
      found({ tunnel: { cidr: "10.244.0.0/16" } }),
      `networks.tunnel.cidr: overlaps the pod network, 10.244.0.0/16${remedy}`,
    );
    assert.equal(
      found({ tunnel: { cidr: "10.96.0.0/12" } }),
      `networks.tunnel.cidr: overlaps the service network, 10.96.0.0/16${remedy}`,
    );
    assert.equal(
      found({ external }, cluster),
      "networks.external.range: contains 203.0.113.150, the virtual IP of the Kubernetes API; leave it out",
    );
  });

  it("are not carried by one interface: what leads outside belongs to a bridge", () => {
    const both = hosts.map((one) => (one.name === "node-1" ? { ...one, tunnelInterface: "eth1" } : one));
    assert.deepEqual(problems({ external }, { hosts: both }), [
      "networks.external.interface: host node-1 has eth1 for its tunnels too (interfaces.tunnel); give each an interface of its own",
    ]);
    assert.deepEqual(problems({}, { hosts: both }), []);
  });

  it("need gateway hosts with an interface for the external one", () => {
    const bare = hosts.map(({ name, address, roles }) => ({ name, address, roles }));
    assert.match(
      problems({ external }, { hosts: bare })[0] ?? "",
      /gateway host node-1 states no interface of its own/,
    );
    assert.deepEqual(problems({ external: { ...external, interface: "eth1" } }, { hosts: bare }), []);
    const none = bare.filter((one) => one.name === "node-2");
    assert.match(problems({ external }, { hosts: none })[0] ?? "", /no host carries its traffic/);
    const provider = none.map((one) => ({ ...one, providerInterface: "eth1" }));
    assert.deepEqual(hostNames(provider, "gateway"), ["node-2"]);
  });

  it("need a compute host for what runs on compute hosts only", () => {
    const plan = { ...args, hosts: hosts.slice(0, 1) };
    const { definitions } = define(plan, debianCatalogue, [keystone, libvirt]);
    assert.match(roleProblems(plan, definitions)[0] ?? "", /no host has the role "compute", and libvirt runs on such/);
    assert.deepEqual(roleProblems(args, definitions), []);
    const all = define(plan, debianCatalogue, factoriesOf({ ...plan, services: Object.keys(knownServices) }, []));
    assert.deepEqual(roleProblems(plan, all.definitions), [
      'hosts: no host has the role "compute", and libvirt, neutron and nova run on such hosts only; give that role to one host or more',
    ]);
  });
});

describe("processes on hosts", () => {
  const { facts, definitions } = define({ ...args, networks: { external } }, debianCatalogue, [openvswitch, libvirt]);

  it("are known to others by the hosts' networks, so that a further host changes no policy", () => {
    const net = connections(definitions, facts.networks.hosts);
    assert.deepEqual(net.callersOf("ovn", "southbound"), [{ cidr: "10.20.0.0/24" }]);
    const policy = workloadPolicy({
      ...{ cloud: "openstack", service: "ovn", process: "southbound" },
      ...{ ingressFrom: net.callersOf("ovn", "southbound"), ingressPorts: [6642] },
    });
    assert.match(JSON.stringify(policy.ingress), /"ipBlock":\{"cidr":"10\.20\.0\.0\/24"\}/);
  });

  it("are not rolled by an update where virtual machines would notice", () => {
    const onDelete = definitions.flatMap((one) =>
      one.processes.filter((process) => process.perNode?.onDelete).map((process) => process.name),
    );
    assert.deepEqual(onDelete, ["ovsdb-server", "ovs-vswitchd", "ovn-controller", "libvirtd"]);
  });

  it("keep what they have on hosts in the cloud's own directories", () => {
    const own = /^\/(var\/lib|run)\/stratiform\/openstack\//;
    const shared = ["/dev/net/tun", "/dev/pts", "/sys/fs/cgroup", "/run/systemd", "/run/dbus"];
    for (const process of definitions.flatMap((one) => one.processes)) {
      for (const { hostPath } of process.perNode?.hostPaths ?? []) {
        assert.ok(own.test(hostPath) || shared.includes(hostPath), `${process.name}: ${hostPath}`);
      }
    }
  });

  it("bear every taint, go where their role's labels are, and say what they may do", () => {
    const pod = {
      ...{ uid: 0, gid: 0, containers: [], anyNodeLabel: ["a", "b"] },
      hostPid: { reason: "because" },
      volumes: { host: { kind: "hostPath" as const, path: "/run/x" } },
    };
    const spec = daemonSetSpec({ labels: { a: "b" }, selector: { a: "b" }, pod, onDelete: true });
    assert.deepEqual(spec.updateStrategy, { type: "OnDelete" });
    const template = spec.template as { metadata: { annotations: object }; spec: ReturnType<typeof podSpec> };
    assert.match(JSON.stringify(template.metadata.annotations), /host processes: because\\nhost path \/run\/x/);
    assert.deepEqual(template.spec.tolerations, [{ operator: "Exists" }]);
    assert.match(JSON.stringify(template.spec.affinity), /"key":"a","operator":"Exists"\}\]\},\{"matchExpressions":/);
    assert.equal(podSpec(pod).hostPID, true);
  });
});
