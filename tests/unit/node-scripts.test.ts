import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { define } from "../../components/openstack/facts";
import { openvswitch } from "../../components/openstack/host-network";
import { keystone } from "../../components/openstack/keystone";
import { libvirt } from "../../components/openstack/libvirt";
import { nodeScripts, releaseFile, releaseScript } from "../../components/openstack/node-scripts";
import { nova } from "../../components/openstack/nova";
import { cloudArgs } from "../graph/programs/cloud-args";

const components = path.join(__dirname, "../../components");

/** A directory with stand-ins for programs, each of which tells how it was called, and a script with its places moved there. */
class Place {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-node-"));

  constructor(programs: Record<string, string>) {
    for (const folder of ["bin", "facts", "state", "net", "module", "run", "tls"]) {
      fs.mkdirSync(this.path(folder));
    }
    for (const [name, body] of Object.entries(programs)) {
      const text = `#!/bin/sh\nPLACE='${this.directory}'\necho "${name} $*" >>"$PLACE/calls"\n${body}\n`;
      fs.writeFileSync(this.path("bin", name), text, { mode: 0o755 });
    }
  }

  path(...parts: string[]): string {
    return path.join(this.directory, ...parts);
  }

  write(name: string, text: string): void {
    fs.mkdirSync(path.dirname(this.path(name)), { recursive: true });
    fs.writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return fs.existsSync(this.path(name)) ? fs.readFileSync(this.path(name), "utf8") : "";
  }

  /** Runs a script whose absolute paths are moved, for two seconds at most. */
  run(script: string, env: Record<string, string>, moved: Record<string, string> = {}, args: string[] = []) {
    let text = fs.readFileSync(path.join(components, script), "utf8");
    for (const [from, to] of Object.entries(moved)) {
      text = text.split(from).join(this.path(to));
    }
    fs.writeFileSync(this.path("script"), text);
    const done = spawnSync("timeout", ["--kill-after=1", "2", "sh", this.path("script"), ...args], {
      // What it leaves behind must not be waited for for ever.
      timeout: 10_000,
      env: { PATH: `${this.path("bin")}:/usr/sbin:/usr/bin:/sbin:/bin`, ...env },
      encoding: "utf8",
    });
    return { status: done.status, output: `${done.stdout}${done.stderr}`, calls: this.read("calls") };
  }

  remove(): void {
    fs.rmSync(this.directory, { recursive: true });
  }
}

const moved = {
  "/run/stratiform/host-network": "facts",
  "/etc/openvswitch/datapath": "state/datapath",
  "/sys/class/net": "net",
  "/sys/module": "module",
};

/** A host whose address 10.20.1.12 is on eth0, with eth1 beside it. */
function host(mtu = 1500, sleep = "kill -TERM $PPID"): Place {
  const place = new Place({
    ip: 'case "$*" in "-o -4 address show to 10.20.1.12/32") echo "2: eth0    inet 10.20.1.12/24 scope global eth0" ;; *"show underlay0") exit 1 ;; esac',
    bridge: '[ "$1 $2" != "fdb show" ] || echo "00:00:00:00:00:00 dst 10.20.1.99 self permanent"',
    "ovs-vsctl":
      'case "$*" in *"list-ports br-ex") printf "eth7\\npatch-provnet-1\\n" ;; *"list-ports br-int") printf "tapdown\\ntapup\\n" ;; esac',
    nsenter: "exit 1",
    // The script looks at the host again every second; once is enough.
    sleep,
  });
  place.write("net/eth0/mtu", `${mtu}\n`);
  place.write("net/eth1/mtu", "1500\n");
  return place;
}

const inputs = {
  CLOUD: "openstack",
  NODE_NAME: "node-2",
  HOST_IP: "10.20.1.12",
  DATAPATH: "auto",
  TUNNEL_TYPE: "geneve",
  TUNNEL_CIDR: "198.18.0.0/16",
  TUNNEL_MTU: "1450",
  OVN_REMOTE: "ssl:a:6642,ssl:b:6642",
  PHYSICAL_NETWORK: "external",
  PEERS: "10.20.1.11 10.20.1.12 10.20.1.13",
  TUNNEL_INTERFACES: "",
  PROVIDER_INTERFACES: "node-1=eth3 node-2=eth1",
};
const script = "openstack/scripts/host-network.sh";

describe("the script that makes of a host what Open vSwitch needs", () => {
  it("has tunnels of user space go through a device of their own where the kernel has no module", () => {
    const place = host();
    const { calls, output } = place.run(script, inputs, moved);
    assert.match(calls, /^ip link add underlay0 type vxlan id 77 dstport 4790 local 10\.20\.1\.12$/m, output);
    assert.match(calls, /^ip link set underlay0 mtu 1450 up$/m);
    assert.match(calls, /^bridge fdb append 00:00:00:00:00:00 dev underlay0 dst 10\.20\.1\.11$/m);
    assert.match(calls, /^bridge fdb append .* dst 10\.20\.1\.13$/m);
    assert.doesNotMatch(calls, /fdb append .* dst 10\.20\.1\.12$/m, "not to itself");
    assert.match(calls, /^bridge fdb delete .* dst 10\.20\.1\.99$/m, "a host that is gone");
    assert.match(calls, /external_ids:ovn-encap-ip="198\.18\.1\.12"/);
    assert.match(calls, /other_config:userspace-tso-enable=true/);
    assert.match(calls, /br-tun datapath_type=netdev other_config:hwaddr="02:00:c6:12:01:0c"/);
    assert.match(calls, /external_ids:ovn-remote="ssl:a:6642,ssl:b:6642"/);
    assert.equal(place.read("state/datapath"), "userspace\n");
    assert.ok(fs.existsSync(place.path("facts/configured")));
    place.remove();
  });

  it("uses the host's own address where the kernel has the module, and keeps to what it decided", () => {
    const place = host();
    place.write("module/openvswitch/version", "");
    const { calls } = place.run(script, inputs, moved);
    assert.match(calls, /external_ids:ovn-encap-ip="10\.20\.1\.12"/);
    assert.match(calls, /br-int datapath_type=system/);
    assert.doesNotMatch(calls, /underlay0|br-tun|userspace-tso/);
    place.remove();
    const decided = host();
    decided.write("module/openvswitch/version", "");
    decided.write("state/datapath", "userspace\n");
    assert.match(decided.run(script, inputs, moved).calls, /br-int datapath_type=netdev/);
    decided.remove();
  });

  it("has the provider interface of this host in br-ex, and nothing else; none on other hosts", () => {
    const place = host();
    const { calls } = place.run(script, inputs, moved);
    assert.match(calls, /--may-exist add-port br-ex eth1$/m);
    assert.match(calls, /del-port br-ex eth7$/m);
    assert.doesNotMatch(calls, /del-port br-ex patch/);
    assert.match(calls, /ovn-bridge-mappings=external:br-ex external_ids:ovn-cms-options=enable-chassis-as-gw/);
    place.remove();
    const other = host();
    const without = other.run(script, { ...inputs, PROVIDER_INTERFACES: "node-1=eth3" }, moved).calls;
    assert.match(without, /--if-exists del-br br-ex/);
    assert.doesNotMatch(without, /enable-chassis-as-gw/);
    other.remove();
  });

  it("raises devices of guests that were left down, and nobody else's", () => {
    const place = host();
    for (const [device, flags] of Object.entries({ tapdown: "0x1102", tapup: "0x1103", tapother: "0x1002" })) {
      place.write(`net/${device}/flags`, `${flags}\n`);
    }
    const { calls, output } = place.run(script, inputs, moved);
    assert.match(calls, /^ip link set tapdown up$/m, output);
    assert.doesNotMatch(calls, /^ip link set (tapup|tapother) /m);
    place.remove();
  });

  it("has ovn-controller call an Open vSwitch that has begun anew, and no other", () => {
    // Second look: a new socket. Third: the same. Then the end.
    const begins =
      'case "$(wc -l <"$PLACE/looks" 2>/dev/null || echo 0)" in 0) rm "$PLACE/run/mgmt"; : >"$PLACE/run/mgmt.new"; mv "$PLACE/run/mgmt.new" "$PLACE/run/mgmt" ;; 1) ;; *) kill -TERM $PPID ;; esac; echo look >>"$PLACE/looks"';
    const place = host(1500, begins);
    place.write("run/mgmt", "");
    place.write("run/other", "");
    const { calls, output } = place.run(script, inputs, { ...moved, "/run/openvswitch/br-int.mgmt": "run/mgmt" });
    const called = calls.split("\n").filter((line) => line.includes("ovn-bridge-remote="));
    assert.equal(called.length, 1, `${calls}${output}`);
    assert.match(called[0] ?? "", /set Open_vSwitch \. external_ids:ovn-bridge-remote="unix:.*run\/mgmt"$/);
    place.remove();
  });

  it("refuses what cannot work, and says what to set", () => {
    const refusals: [Partial<typeof inputs>, number, RegExp][] = [
      [{}, 1490, /carries packets of 1490 bytes, and 1500 are needed; set networks\.tunnel\.mtu to 1490/],
      [{ PROVIDER_INTERFACES: "node-2=eth0" }, 1500, /eth0 carries the host's own address/],
      [{ PROVIDER_INTERFACES: "node-2=eth9" }, 1500, /node-2: it has no interface eth9 \(interfaces\.provider\)/],
      [{ DATAPATH: "kernel" }, 1500, /no openvswitch module; set networks\.datapath to userspace/],
    ];
    for (const [change, mtu, expected] of refusals) {
      const place = host(mtu);
      const { status, output, calls } = place.run(script, { ...inputs, ...change }, moved);
      assert.equal(status, 1, output);
      assert.match(output, expected);
      assert.doesNotMatch(calls, /ovs-vsctl/);
      place.remove();
    }
  });
});

describe("what stands in QEMU's place", () => {
  const programs = { "systemd-run": "exit 0", "qemu-system-x86_64.real": "exit 0" };
  const places = { "/usr/bin/qemu-system-x86_64.real": "bin/qemu-system-x86_64.real", "/sys/fs/cgroup": "net" };

  it("moves a guest into a unit of the host", () => {
    const place = new Place(programs);
    place.write("net/cpu/cgroup.procs", "");
    const args = ["-name", "guest=instance-0000 1,debug-threads=on", "-S"];
    const { calls } = place.run("openstack/scripts/qemu.sh", {}, { ...places, "@CLOUD@": "x" }, args);
    assert.match(calls, /--scope --collect --slice=machine\.slice --property=TasksMax=infinity/);
    assert.match(
      calls,
      /-guest-instance-0000_1-\d+ -- unshare --mount --propagation slave .*qemu-root\.sh -name guest=/,
    );
    assert.match(place.read("net/cpu/cgroup.procs"), /^\d+\n$/, "it left the pod's cgroup by itself");
    place.remove();
  });

  it("leaves questions to QEMU in the pod", () => {
    const place = new Place(programs);
    const { calls } = place.run("openstack/scripts/qemu.sh", {}, places, ["-machine", "none", "-qmp", "unix:x"]);
    assert.match(calls, /^qemu-system-x86_64\.real -machine none -qmp unix:x$/m);
    assert.doesNotMatch(calls, /systemd-run/);
    place.remove();
  });
});

describe("a member of one of OVN's databases", () => {
  const settled = (body: string): string => `case "$*" in *needs-conversion*) echo no; exit 0 ;; esac\n${body}`;
  function member(programs: Record<string, string>): { place: Place; env: Record<string, string> } {
    const place = new Place({
      "ovsdb-tool":
        'case "$*" in *create-cluster*|*join-cluster*) for word in "$@"; do case "$word" in *.db.new) : >"$word"; echo x >"$word" ;; esac; done ;; esac',
      "ovsdb-client": settled("exit 1"),
      "ovsdb-server": "exit 0",
      ...programs,
    });
    // What looks for a newer schema goes on until it is answered.
    const tool = (name: string): string => place.path("bin", name);
    const env = {
      ...{
        DATABASE: "OVN_Southbound",
        SCHEMA: "/schema",
        SET: "ovn-southbound",
        DOMAIN: "openstack.svc.cluster.local",
      },
      ...{
        PORT: "6642",
        CLUSTER_PORT: "6644",
        STATE: place.path("state"),
        RUN: place.path("run"),
        TLS: place.path("tls"),
      },
      ...{ OVSDB_TOOL: tool("ovsdb-tool"), OVSDB_CLIENT: tool("ovsdb-client"), OVSDB_SERVER: tool("ovsdb-server") },
      POD_NAME: "ovn-southbound-0",
    };
    return { place, env };
  }
  const start = "backing/scripts/ovn-start.sh";
  const address = (number: number) => `ssl:ovn-southbound-${number}.ovn-southbound.openstack.svc.cluster.local:6644`;

  it("makes a cluster of its own when it is the first and nobody else serves", () => {
    const { place, env } = member({});
    const { calls, output } = place.run(start, env);
    assert.ok(calls.includes(`create-cluster ${place.path("state")}/OVN_Southbound.db.new`), output);
    assert.ok(calls.includes(address(0)));
    assert.match(calls, /"target":"pssl:6642:0\.0\.0\.0"/);
    assert.match(calls, /ovsdb-server .* --remote=db:OVN_Southbound,SB_Global,connections --private-key=/);
    place.remove();
  });

  it("joins when it is a further one, or has lost its volume while others serve", () => {
    const lost = member({
      "ovsdb-client": settled('case "$*" in *ovn-southbound-1*) echo OVN_Southbound ;; *) exit 1 ;; esac'),
    });
    const further = member({});
    for (const { place, env } of [lost, { ...further, env: { ...further.env, POD_NAME: "ovn-southbound-2" } }]) {
      const { calls, output } = place.run(start, env);
      assert.match(calls, /join-cluster/, output);
      assert.doesNotMatch(calls, /create-cluster/);
      assert.ok(
        calls.includes(
          env["POD_NAME"] === "ovn-southbound-2" ? `${address(0)} ${address(1)}` : `${address(1)} ${address(2)}`,
        ),
      );
      place.remove();
    }
  });

  it("goes on with the database that it has", () => {
    const { place, env } = member({});
    place.write("state/OVN_Southbound.db", "data");
    const { calls } = place.run(start, env);
    assert.doesNotMatch(calls, /ovsdb-tool/);
    place.remove();
  });
});

describe("release scripts", () => {
  const { definitions } = define(cloudArgs, debianCatalogue, [keystone, openvswitch, libvirt, nova]);
  const placeOf = (service: string) => ({ cloud: "blue", nodeNamespace: "blue-node", service });
  const released = definitions.flatMap((definition) =>
    definition.processes.flatMap(({ perNode }) => (perNode?.release ? [{ service: definition.name, perNode }] : [])),
  );

  const textOf = (service: string): string => {
    const found = released.find((one) => one.service === service);
    return nodeScripts(found?.perNode ?? assert.fail(), placeOf(service))["release.sh"] ?? "";
  };

  it("are there for agents, for guests and for networks, in this order, and know what they are for", () => {
    const names = released.map(({ service, perNode }) => releaseFile(perNode.release?.order ?? 0, "blue", service));
    assert.deepEqual(names.sort(), ["05-blue-nova", "10-blue-libvirt", "20-blue-openvswitch"]);
    for (const { service } of released) {
      const text = textOf(service);
      assert.match(text, /^#!\/bin\/sh\n/);
      assert.match(text, /^CLOUD=blue$/m);
      assert.match(text, /^NODE_NAMESPACE=blue-node$/m);
      assert.match(text, /^containers\(\) \{$/m);
      assert.equal(spawnSync("sh", ["-n"], { input: text }).status, 0);
    }
  });

  it("take a host's agents out of Neutron when they have ended, by nova-compute, which ends last; nothing else ends yet", () => {
    const place = new Place({
      systemctl: "exit 0",
      // Each container has the name that is asked for.
      ctr: 'case "$*" in *"containers ls"*) echo "$*" | sed "s/.*==//" ;; esac',
    });
    const { status, stderr } = spawnSync("sh", [], {
      input: textOf("nova"),
      encoding: "utf8",
      env: { PATH: `${place.path("bin")}:/usr/bin:/bin` },
    });
    assert.equal(status, 0, stderr);
    const done = place
      .read("calls")
      .split("\n")
      .filter((line) => line.includes(" tasks "))
      .map((line) => line.replace(/^.* tasks (exec|kill)( --\S+( \S+)?)* (?=ovn-|compute)/, "$1 "));
    assert.deepEqual(done, [
      "kill ovn-metadata-agent",
      "exec ovn-controller ovn-appctl --timeout=10 -t /run/ovn/ovn-controller.ctl exit",
      "exec compute python3 /etc/stratiform/scripts/compute-host.py sign-off",
      "kill compute",
    ]);
    place.remove();
  });

  it("take guests, bridges, tunnels and files away", () => {
    const place = new Place({
      systemctl:
        'case "$*" in *list-units*) echo "stratiform-blue-guest-a-1.scope loaded active" ;; *is-active*) ;; esac',
      ctr: 'case "$*" in *"containers ls"*) echo c1 ;; esac',
      ip: '[ "$2" != delete ] || rm -rf "$PLACE/net/$3"',
      sleep: "exit 0",
      umount: "exit 0",
    });
    for (const link of ["br-int", "br-tun", "underlay0"]) {
      place.write(`net/${link}/flags`, "0x1003");
    }
    place.write("lib/blue/nova/instances/disk", "x");
    const body = (service: string) => {
      const moves = {
        "/sys/class/net": "net",
        "/var/lib/stratiform": "lib",
        "/run/stratiform": "run",
        "/proc/[0-9]*": "none",
      };
      return Object.entries(moves).reduce((all, [from, to]) => all.split(from).join(place.path(to)), textOf(service));
    };
    for (const service of ["libvirt", "openvswitch"]) {
      const done = spawnSync("sh", [], {
        input: body(service),
        encoding: "utf8",
        env: { PATH: `${place.path("bin")}:/usr/bin:/bin` },
      });
      assert.equal(done.status, 0, done.stderr);
    }
    const calls = place.read("calls");
    assert.match(calls, /^systemctl stop kubelet\.service$/m);
    assert.match(calls, /^systemctl kill --signal=SIGKILL stratiform-blue-guest-a-1\.scope$/m);
    assert.match(calls, /tasks exec .* c1 ovs-appctl .* exit --cleanup$/m);
    assert.match(calls, /tasks kill --all --signal SIGKILL c1$/m);
    assert.deepEqual(fs.readdirSync(place.path("net")), []);
    assert.ok(!fs.existsSync(place.path("lib/blue")));
    place.remove();
  });

  it("quote what is put into them", () => {
    assert.match(releaseScript("#!/bin/sh\ntrue\n", { WORD: "a b" }), /^#!\/bin\/sh\nWORD='a b'\n/);
  });
});
