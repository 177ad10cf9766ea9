import * as assert from "node:assert/strict";
import * as net from "node:net";
import * as tls from "node:tls";
import { ovnDatabases } from "../../components/backing/ovn-facts";
import type { StackCloud } from "../../lab/lab";
import { site } from "./lab";
import { type Cloud, coreDeployed, plannedResources, stackResources } from "./support/cloud";
import { assertVerified } from "./support/core-faults";

/** Port of libvirt, for hosts that migrate guests to each other. */
const libvirtPort = 16514;
/** Processes of Nova that read nova.conf. */
const novaProcesses = ["api", "conductor", "metadata", "novncproxy", "scheduler"];
/** What any OVSDB server answers to whoever is let in. */
const listDatabases = '{"method":"list_dbs","params":[],"id":0}';
/** How long we listen for an answer, in seconds. Whoever answers does so within milliseconds. */
const listenSeconds = 4;

describe("the core cloud", function () {
  this.timeout(1_800_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.well(300);
  });

  it("runs a server on each of two hosts, by whose floating IPs they answer: npm run verify", async () => {
    console.log(await assertVerified(cloud, 2));
  });

  it("a second up would change nothing", async () => {
    console.log(`      ${(await stackResources(site())).length} resources`);
    assert.deepEqual(await plannedResources(site()), []);
  });

  for (const { file, touched } of [
    {
      file: "nova-compute.conf",
      touched: ["replace ConfigMap openstack-nova-compute", "update DaemonSet openstack-nova-compute"],
    },
    {
      file: "nova.conf",
      touched: [
        ...novaProcesses.map((name) => `replace ConfigMap openstack-nova-${name}`),
        ...novaProcesses.map((name) => `update Deployment openstack-nova-${name}`),
      ],
    },
  ]) {
    it(`an option of ${file} would touch those that read it, and nothing else`, async () => {
      await site().withStack(
        ({ config }) => {
          const section = config["stratiform:cloud"] as StackCloud & { overrides?: Record<string, unknown> };
          section.overrides = { ...section.overrides, nova: { [file]: { DEFAULT: { debug: true } } } };
        },
        async () => assert.deepEqual(await plannedResources(site()), touched),
      );
    });
  }

  /** What listens for TCP on a host's own addresses, beyond the host itself: program and port. */
  async function listeners(host: string): Promise<string[]> {
    const text = await site().ssh(host, "ss -Hltnp");
    const found = text.split("\n").flatMap((line) => {
      const [, , , local = "", , users = ""] = line.trim().split(/\s+/);
      const program = /^users:\(\("([^"]+)"/.exec(users)?.[1];
      const own = /^(127\.|\[::1\])/.test(local);
      return program === undefined || own ? [] : [`${program} ${local.slice(local.lastIndexOf(":") + 1)}`];
    });
    return [...new Set(found)].sort();
  }

  it("compute hosts listen for libvirt alone, of all that makes servers and networks", async () => {
    for (const host of new Set((await cloud.pods("libvirt")).map(({ node }) => node))) {
      const found = (await listeners(host)).filter((line) => /^(libvirtd|virt|ov[sn]|nova|neutron|qemu)/.test(line));
      // Consoles of guests that are there listen too, with TLS and for the proxy's certificate alone.
      assert.deepEqual(
        found.filter((line) => !/^qemu-system-\S+ 59\d\d$/.test(line)),
        [`libvirtd ${libvirtPort}`],
        host,
      );
    }
  });

  it("libvirt serves nobody without a certificate", async () => {
    const hosts = new Set((await cloud.pods("libvirt")).map(({ node }) => node));
    for (const { name, address } of site().cluster.hosts.filter((host) => hosts.has(host.name))) {
      const plain = await answer(net.connect({ host: address, port: libvirtPort }));
      // At most an alert of TLS: 21, and the version.
      assert.match(plain.toString("hex"), /^(1503|$)/, `${name} answers in plain`);
      const encrypted = await answer(tls.connect({ host: address, port: libvirtPort, rejectUnauthorized: false }));
      assert.equal(encrypted.toString("hex"), "", `${name} answers who has no certificate`);
    }
  });

  it("OVN's databases serve no host in plain, nor without a certificate", async () => {
    for (const [database, { port }] of Object.entries(ovnDatabases)) {
      const members = await cloud.pods("ovn", database);
      assert.notEqual(members.length, 0, database);
      for (const { name, ip, node } of members) {
        // From the pod's own host, which no NetworkPolicy keeps out. What is not reached proves nothing.
        const plain = [
          `exec 3<>/dev/tcp/${ip}/${port} || exit 1`,
          `printf '%s' '${listDatabases}' >&3`,
          `timeout ${listenSeconds} cat <&3 | tr -d '\\0' || true`,
        ];
        assert.doesNotMatch(await site().ssh(node, plain.join("\n")), /result/, `${name} answers in plain`);
        const program = `printf '%s' '${listDatabases}' | timeout ${listenSeconds} openssl s_client -quiet -connect ${ip}:${port} 2>&1 || true`;
        const encrypted = await site().ssh(node, program);
        assert.match(encrypted, /verify error|alert|depth=/, `${name} speaks no TLS: ${encrypted}`);
        assert.doesNotMatch(encrypted, /"result"/, `${name} answers who has no certificate`);
      }
    }
  });
});

/** What a server sends to whoever speaks first, until it hangs up or for some seconds. @throws Error if nobody listens */
function answer(socket: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    let connected = false;
    const timer = setTimeout(() => socket.destroy(), listenSeconds * 1000);
    socket
      .once("connect", () => {
        connected = true;
      })
      .on("data", (part: Buffer) => parts.push(part))
      // How it hangs up is its own affair.
      .on("error", (error) => (connected ? undefined : reject(error)))
      .once("close", () => {
        clearTimeout(timer);
        resolve(Buffer.concat(parts));
      });
    socket.write(connectOpen);
  });
}

/** The first call of libvirt's protocol, `REMOTE_PROC_CONNECT_OPEN` without a name: length, program, version, procedure, … */
const connectOpen = Buffer.from(
  ["00000024", "20008086", "00000001", "00000001", "00000000", "00000000", "00000000", "00000000", "00000000"].join(""),
  "hex",
);
