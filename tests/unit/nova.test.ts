import * as assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as tls from "node:tls";
import type { ImageEntry } from "../../components/kit/catalogue";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { workloadPolicy } from "../../components/kit/network-policy";
import { disjoint, renderOslo } from "../../components/kit/oslo";
import { routesOf } from "../../components/openstack/cloud-edge";
import { connections } from "../../components/openstack/connections";
import type { ServiceDefinition, ServiceFactory } from "../../components/openstack/definition";
import { define } from "../../components/openstack/facts";
import { keystone } from "../../components/openstack/keystone";
import { nova } from "../../components/openstack/nova";
import { registration, registrationList } from "../../components/openstack/registration";
import { blankSecrets, secretFiles } from "../../components/openstack/service-files";
import { stepScript } from "../../components/openstack/steps";
import { missingServices, validateCloud } from "../../components/openstack/validate";
import { cloudArgs } from "../graph/programs/cloud-args";
import { issueCertificate } from "./certificates";
import { shortSleep } from "./short-sleep";

const scripts = path.join(__dirname, "../../components/openstack/scripts");
/** Variables with which a program of ours is tried without Nova. */
const fakeNova = {
  PATH: process.env["PATH"] ?? "",
  PYTHONPATH: path.join(__dirname, "fake-nova"),
  PYTHONDONTWRITEBYTECODE: "1",
};

const { facts, definitions } = define(cloudArgs, debianCatalogue, [keystone, nova]);
const definition = definitions.find((one) => one.name === "nova") as ServiceDefinition;

function processOf(name: string) {
  const found = definition.processes.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

/** A new directory, taken away after `use`. */
async function inDirectory<T>(use: (directory: string) => T | Promise<T>): Promise<T> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-nova-"));
  try {
    return await use(directory);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** Starts nova-compute's process with stand-ins of the programs that it calls; what they were called with. */
function startCompute(inputs: Record<string, string>): { stdout: string; known: string } {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-compute-"));
  const file = (name: string): string => path.join(place, name);
  try {
    const python = `case "$1" in *nova-start.py) echo "$*"; sleep 0.5;; *) echo "$*" >${file("called")};; esac`;
    fs.writeFileSync(file("python3"), `#!/bin/sh\n${python}\n`, { mode: 0o755 });
    fs.writeFileSync(file("known"), "of an earlier start");
    const script = path.join(__dirname, "../../components/openstack/scripts/nova-compute-start.sh");
    const { stdout } = spawnSync("sh", [script], {
      encoding: "utf8",
      env: { PATH: `${place}:/usr/bin:/bin`, ...inputs, KNOWN: file("known") },
    });
    assert.equal(fs.readFileSync(file("known"), "utf8"), "");
    return { stdout, known: fs.readFileSync(file("called"), "utf8") };
  } finally {
    fs.rmSync(place, { recursive: true });
  }
}

describe("nova", () => {
  it("gives compute hosts no way to a database", () => {
    const { config, secretConfig } = definition;
    const compute = processOf("compute");
    assert.deepEqual(compute.configFiles, ["nova-compute.conf"]);
    const plain = renderOslo(config["nova-compute.conf"] ?? {});
    const entry = debianCatalogue["nova-compute"];
    assert.ok(entry && secretConfig);
    const secret = Object.values(secretFiles(definition, compute, entry, blankSecrets).data).join("\n");
    for (const text of [plain, secret]) {
      assert.doesNotMatch(text, /mysql|\[database\]|\[api_database\]|shared_secret|keystone_authtoken/);
    }
    assert.match(secret, /^password = /m);
    // And the control plane does have one, or the test looks at nothing.
    assert.match(renderOslo(secretConfig(blankSecrets)["nova.conf"] ?? {}), /mysql/);
  });

  it("has no password in what everybody may read, nor in what is written into the database of cells", () => {
    assert.deepEqual(disjoint(definition.config, definition.secretConfig?.(blankSecrets) ?? {}), []);
    const commands = (definition.steps?.expand ?? [])
      .map((step) => stepScript("nova", debianCatalogue["nova"] as ImageEntry, step))
      .join(" ");
    assert.match(commands, /\{scheme\}:\/\/\{username\}:\{password\}@\{hostname\}:\{port\}\/nova_cell0\?\{query\}/);
    assert.doesNotMatch(commands, /mysql|rabbit/);
  });

  it("names the files of each process after it has them, so that what is secret and what is detected win", () => {
    const inputs = processOf("compute").perNode?.start?.inputs ?? {};
    assert.equal(inputs["CONFIG"], "/etc/nova/nova-compute.conf");
    const { stdout, known } = startCompute(inputs);
    assert.equal(
      stdout.trim(),
      "/etc/stratiform/scripts/nova-start.py compute --config-file /etc/nova/nova-compute.conf --config-dir /etc/nova/nova-compute.conf.d --config-dir /run/stratiform/detected",
    );
    assert.equal(known, "/etc/stratiform/scripts/compute-host.py known\n");
  });

  it("tells a host's options by the environment: host name, address, consoles, migration", () => {
    const fields = processOf("compute").perNode?.fields ?? {};
    assert.equal(fields["OS_DEFAULT__HOST"], "spec.nodeName");
    for (const option of ["DEFAULT__MY_IP", "VNC__SERVER_LISTEN", "LIBVIRT__LIVE_MIGRATION_INBOUND_ADDR"]) {
      assert.equal(fields[`OS_${option}`], "status.hostIP", option);
    }
  });

  it("has its console at the edge, and its proxy at the hosts' consoles, on no other port there", () => {
    const route = routesOf(facts, definition).find((one) => one.port === 6080);
    assert.equal(route?.backendHost, "nova-novncproxy.openstack.svc.cluster.local");
    assert.equal(
      definition.config["nova.conf"]?.["vnc"]?.["novncproxy_base_url"],
      "https://10.20.0.250:6080/vnc_lite.html",
    );
    const net = connections(definitions, ["10.20.0.0/24"]);
    assert.ok(net.edgePorts.includes(6080) && net.edgePorts.includes(8774) && !net.edgePorts.includes(8775));
    assert.deepEqual(net.callersOf("nova", "novncproxy"), [{ service: "edge", process: "haproxy" }]);
    const egressTo = net.targetsOf("nova", "novncproxy");
    const policy = workloadPolicy({ cloud: "openstack", service: "nova", process: "novncproxy", egressTo });
    const toHosts = (policy.egress as { to?: unknown[]; ports?: unknown[] }[]).filter((rule) =>
      JSON.stringify(rule.to).includes("10.20.0.0/24"),
    );
    assert.deepEqual(toHosts, [
      { to: [{ ipBlock: { cidr: "10.20.0.0/24" } }], ports: [{ protocol: "TCP", port: 5900, endPort: 6899 }] },
    ]);
  });

  it("has a user for what logs in at its start, and an endpoint", () => {
    assert.deepEqual(
      definition.processes.filter((one) => one.loginAtStart).map((one) => one.name),
      ["conductor", "scheduler"],
    );
    const entry = registration(facts, definition);
    assert.deepEqual([entry?.user, entry?.services.map((one) => one.type)], ["nova-g1", ["compute"]]);
    // The sweep must leave it.
    assert.ok(registrationList(facts, definitions).users.includes("nova-g1"));
  });

  it("enters its cells once, after the schema that they are in, and says so when asked again", async () => {
    const line = definition.steps?.expand?.[0]?.commands.find((one) => "sequence" in one);
    assert.ok(line && "sequence" in line);
    assert.deepEqual(line.sequence[0], ["nova-manage", "api_db", "sync"]);
    const [program, script, ...words] = line.sequence[1] ?? [];
    assert.deepEqual([program, script, words[0]], ["python3", "/etc/stratiform/input/nova-cells.py", "cell1"]);
    await inDirectory((directory) => {
      const cells = path.join(directory, "cells");
      const run = () =>
        spawnSync("python3", [path.join(scripts, "nova-cells.py"), ...words], {
          encoding: "utf8",
          env: { ...fakeNova, CELLS: cells },
        });
      const wanted = ["cell0 none:// ", "cell1 {scheme}://"];
      let first = "";
      for (const time of [1, 2]) {
        const { status, stdout, stderr } = run();
        assert.equal(status, 0, stderr);
        const found = fs.readFileSync(cells, "utf8");
        first ||= found;
        assert.equal(found, first, `time ${time}`);
        assert.equal(stdout.includes("cell cell1 is there"), time === 2, stdout);
      }
      const lines = first.trim().split("\n");
      assert.deepEqual(
        lines.map((text, index) => text.startsWith(wanted[index] ?? "-")),
        [true, true],
        first,
      );
      assert.match(lines[0] ?? "", /\/nova_cell0\?/);
      assert.doesNotMatch(lines[1] ?? "", /nova_cell0/);
      // A list that could not be had says nothing.
      const broken = "cell0 none:// database\nunreadable\n";
      fs.writeFileSync(cells, broken);
      assert.notEqual(run().status, 0);
      assert.equal(fs.readFileSync(cells, "utf8"), broken);
    });
  });
});

describe("services that others want", () => {
  const stand = (name: string, more: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
    name,
    config: {},
    processes: [],
    ...more,
  });

  it("are missed by name, whether they must be there before or are called only", () => {
    assert.deepEqual(
      missingServices([
        stand("nova", { needs: ["mariadb", "placement"], calls: ["neutron"] }),
        stand("octavia", { calls: ["neutron"] }),
      ]),
      [
        "services: lacks placement, which nova needs; add it",
        "services: lacks neutron, which nova and octavia need; add it",
      ],
    );
  });

  it("are missed before a definition asks for what is not there", () => {
    const caller: ServiceFactory = (cloud) =>
      stand("caller", {
        calls: ["absent"],
        config: { "a.conf": { a: { url: cloud.endpoint("absent", "internal") } } },
      });
    assert.deepEqual(validateCloud(cloudArgs, [caller]).errors, ["services: lacks absent, which caller needs; add it"]);
  });

  it("may call each other: each gets the other's URL", () => {
    const service = (name: string, other: string, port: number): ServiceFactory => {
      return (cloud) =>
        stand(name, {
          calls: [other],
          catalog: [{ type: name, port }],
          config: { "a.conf": { a: { url: cloud.endpoint(other, "internal") } } },
        });
    };
    const both = define(cloudArgs, debianCatalogue, [service("a", "b", 1), service("b", "a", 2)]).definitions;
    assert.deepEqual(
      both.map((one) => one.config["a.conf"]?.["a"]?.["url"]),
      ["https://10.20.0.251:2", "https://10.20.0.251:1"],
    );
    assert.deepEqual(missingServices(both), []);
  });
});

describe("nova-compute.sh", () => {
  const capabilities = (...types: string[]) =>
    `<capabilities><guest><arch name="${os.machine()}">${types.map((type) => `<domain type="${type}"/>`).join("")}</arch></guest></capabilities>`;

  /** Runs the script against a libvirt that has these kinds of domains. */
  function detect(virtualization: string, types: string[], silent = 0) {
    return inDirectory((directory) => {
      const at = (file: string): string => path.join(directory, file);
      fs.writeFileSync(at("capabilities"), capabilities(...types));
      fs.writeFileSync(at("silent"), String(silent));
      fs.writeFileSync(at("sleep"), `#!/bin/sh\n${shortSleep}\n`, { mode: 0o755 });
      const { status, stderr } = spawnSync("/bin/sh", [path.join(scripts, "nova-compute.sh")], {
        encoding: "utf8",
        timeout: 30_000,
        env: {
          ...fakeNova,
          PATH: `${directory}:${fakeNova.PATH}`,
          CAPABILITIES: at("capabilities"),
          SILENT: at("silent"),
          VIRTUALIZATION: virtualization,
          DETECTED: at("detected"),
          INSTANCES: at("nova/instances"),
        },
      });
      assert.ok(fs.existsSync(at("nova/instances")));
      const file = at("detected/nova-compute.conf");
      return { status, stderr, config: fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "" };
    });
  }

  it("takes KVM where libvirt has it, and QEMU with one processor for all elsewhere", async () => {
    assert.equal((await detect("auto", ["qemu", "kvm"])).config, "[libvirt]\nvirt_type = kvm\n");
    const { config } = await detect("auto", ["qemu"]);
    assert.match(config, /^virt_type = qemu$/m);
    assert.equal(/^cpu_models = qemu64$/m.test(config), os.machine() === "x86_64");
  });

  it("takes QEMU where it is told to, though there is KVM", async () => {
    assert.match((await detect("qemu", ["qemu", "kvm"])).config, /^virt_type = qemu$/m);
  });

  it("refuses a host without KVM where there must be, and says what to do", async () => {
    const { status, stderr, config } = await detect("kvm", ["qemu"]);
    assert.equal(status, 1);
    assert.match(stderr, /compute\.virtualization is kvm, but libvirt of this host has no KVM: .* set /);
    assert.equal(config, "");
  });

  it("waits for a libvirt that does not answer yet, and says so", async () => {
    const { status, stderr, config } = await detect("auto", ["kvm"], 1);
    assert.equal(status, 0);
    assert.match(stderr, /libvirt does not answer yet: Failed to connect/);
    assert.match(config, /virt_type = kvm/);
  }).timeout(20_000);
});

describe("nova-start.py", () => {
  const command = processOf("scheduler").command ?? [];

  /** Starts the scheduler as its pod does, with a client of Placement that fails so before it comes to be. */
  function start(...failures: string[]) {
    return inDirectory((directory) => {
      const file = path.join(directory, "failures");
      fs.writeFileSync(file, failures.join("\n"));
      const [program = "", script = "", ...words] = command;
      const { status, stdout, stderr } = spawnSync(program, [path.join(scripts, path.basename(script)), ...words], {
        encoding: "utf8",
        timeout: 30_000,
        env: {
          ...fakeNova,
          STRATIFORM_PAUSE: "0.01",
          FAILURES: file,
        },
      });
      return { status, lines: stdout.trim().split("\n"), stderr };
    });
  }

  const started = "client nova-scheduler --config-file /etc/nova/nova.conf --config-dir /etc/nova/nova.conf.d";

  it("is how a conductor, a scheduler and a compute host start", () => {
    assert.deepEqual(command.slice(0, 3), ["python3", "/etc/nova/nova-start.py", "scheduler"]);
    assert.deepEqual(processOf("conductor").command?.slice(0, 3), ["python3", "/etc/nova/nova-start.py", "conductor"]);
    for (const name of ["scheduler", "conductor"]) {
      assert.deepEqual(Object.keys(processOf(name).files ?? {}), ["nova-start.py"]);
    }
    assert.ok(processOf("compute").perNode?.scripts?.includes("nova-start.py"));
  });

  it("starts Nova's own program, under its own name", async () => {
    assert.deepEqual(await start(), { status: 0, lines: [started], stderr: "" });
  });

  it("waits while Placement has no version, or Keystone no token, and tells each once", async () => {
    const { status, lines } = await start("NotSupported", "NotSupported", "ServiceUnavailable");
    assert.equal(status, 0);
    assert.deepEqual(lines, [
      "Waits for Placement: NotSupported",
      "Waits for Placement: ServiceUnavailable",
      "Placement answers",
      started,
    ]);
  });

  for (const failure of ["Unauthorized", "MissingAuthPlugin", "TypeError"]) {
    it(`ends at ${failure}, which no waiting mends`, async () => {
      const { status, lines, stderr } = await start("NotSupported", failure, "NotSupported");
      assert.equal(status, 1);
      assert.deepEqual(lines, ["Waits for Placement: NotSupported"]);
      assert.match(stderr, new RegExp(`${failure}\\b`));
    });
  }
});

describe("novncproxy.py", () => {
  /** Calls a host with this certificate as the console's proxy does; the answer, or what the proxy complains of. */
  async function call(host: ReturnType<typeof issueCertificate>, trusted = host): Promise<string> {
    return inDirectory(async (directory) => {
      const write = (file: string, text: string) => fs.writeFileSync(path.join(directory, file), text);
      // Its own certificate is of the same authority.
      write("client.crt", host.certificate);
      write("client.key", host.key);
      write("ca.crt", trusted.authority);
      const server = tls.createServer(
        { key: host.key, cert: host.certificate, ca: host.authority, requestCert: true, rejectUnauthorized: true },
        (socket) => socket.end("RFB"),
      );
      server.on("tlsClientError", () => undefined);
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      try {
        const { port } = server.address() as { port: number };
        return await new Promise<string>((done) => {
          let output = "";
          const child = spawn("python3", [path.join(scripts, "novncproxy.py"), "127.0.0.1", String(port)], {
            cwd: directory,
            env: fakeNova,
          });
          child.stdout.on("data", (data) => {
            output += data;
          });
          child.stderr.on("data", (data) => {
            output += data;
          });
          child.on("close", () => done(output.trim()));
        });
      } finally {
        server.close();
      }
    });
  }

  it("proves itself to the host", async () => {
    assert.equal(await call(issueCertificate(["IP:127.0.0.1"])), "RFB");
  }).timeout(20_000);

  it("refuses a host whose certificate is for another address, or another authority's", async () => {
    assert.match(await call(issueCertificate(["IP:127.0.0.2"])), /certificate is not valid for '127\.0\.0\.1'/);
    assert.match(
      await call(issueCertificate(["IP:127.0.0.1"]), issueCertificate(["IP:127.0.0.1"])),
      /certificate verify failed/,
    );
  }).timeout(20_000);
});
