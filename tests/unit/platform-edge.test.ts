import * as assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { type EdgeRoute, edgeConfig } from "../../components/platform/edge-config";

const scripts = path.join(__dirname, "../../components/platform/scripts");
const place = { certificateFile: "/c/edge.pem", threads: 2, connections: 4000, stopSeconds: 600 };
const keystone: EdgeRoute = {
  service: "keystone",
  process: "api",
  port: 5000,
  backendHost: "keystone-api.cloud.svc.cluster.local",
  backendPort: 5000,
  checkPath: "/healthcheck",
  repeatable: [{ method: "POST", path: "/v3/auth/tokens" }],
};
const toy: EdgeRoute = { ...keystone, service: "toy", port: 9000, backendPort: 90, repeatable: [] };

/** Lines of a section, without indentation. */
function section(configuration: string, head: string): string[] {
  const lines = configuration.split("\n");
  const start = lines.indexOf(head);
  assert.ok(start >= 0, `no section ${head} in:\n${configuration}`);
  return lines.slice(start + 1, lines.indexOf("", start)).map((line) => line.trim());
}

describe("edge configuration", () => {
  const configuration = edgeConfig([toy, keystone], place);

  it("has a frontend with TLS, and a backend, for each route", () => {
    for (const { port, service } of [keystone, toy]) {
      const front = section(configuration, `frontend ${service}-api-${port}`);
      assert.ok(front.includes(`bind :${port} ssl crt /c/edge.pem alpn h2,http/1.1`), front.join("\n"));
      assert.ok(front.includes(`default_backend ${service}-api-${port}`));
    }
    assert.match(configuration, /^ {2}ssl-default-bind-options ssl-min-ver TLSv1\.2 /m);
    assert.ok(section(configuration, "backend toy-api-9000").some((line) => / toy|keystone-api\..*:90 /.test(line)));
  });

  it("says how it was asked, and believes no client that says so", () => {
    const front = section(configuration, "frontend keystone-api-5000");
    assert.ok(front.includes("http-request set-header X-Forwarded-Proto https"));
    assert.ok(front.includes("http-request set-header X-Forwarded-For %[src]"));
    for (const header of ["Forwarded", "X-Forwarded-Prefix"]) {
      assert.ok(front.includes(`http-request del-header ${header}`), header);
    }
  });

  it("repeats just what harms nobody twice", () => {
    const repeated = (route: string): string[] =>
      section(configuration, `backend ${route}`).filter((line) => line.includes("set-var(txn.repeatable)"));
    assert.deepEqual(repeated("keystone-api-5000"), [
      "http-request set-var(txn.repeatable) bool(true) if { method GET HEAD }",
      "http-request set-var(txn.repeatable) bool(true) if { method POST } { path /v3/auth/tokens }",
    ]);
    assert.equal(repeated("toy-api-9000").length, 1);
    for (const route of ["keystone-api-5000", "toy-api-9000"]) {
      assert.ok(
        section(configuration, `backend ${route}`).includes(
          "http-request disable-l7-retry unless { var(txn.repeatable) -m bool }",
        ),
      );
    }
  });

  it("is the same for the same routes in another order", () => {
    assert.equal(edgeConfig([keystone, toy], place), configuration);
  });

  it("has one route for entries of the catalogue that share a process and port", () => {
    assert.equal(edgeConfig([keystone, toy, keystone], place), configuration);
  });

  it("refuses two processes on one port, and names both", () => {
    assert.throws(
      () => edgeConfig([keystone, { ...toy, port: 5000 }], place),
      /port 5000 .*keystone \(api\).*toy \(api\).*give one of them another port/,
    );
  });
});

describe("first process of an HAProxy pod", function () {
  this.timeout(10_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-proxy-"));
  after(() => fs.rmSync(folder, { recursive: true }));

  /** Starts it with a shell program in HAProxy's place, and waits until that says that it is there. */
  async function start(
    program: string,
  ): Promise<{ child: ChildProcess; end: Promise<number | null>; said: () => string }> {
    const child = spawn("sh", [path.join(scripts, "haproxy.sh"), "sh", "-c", program]);
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += String(chunk);
    });
    const end = new Promise<number | null>((done) => child.once("exit", done));
    while (!output.includes("there")) {
      await new Promise((done) => setTimeout(done, 20));
    }
    return { child, end, said: () => output };
  }

  it("lets running connections come to their end when it is told to stop", async () => {
    const trap = "trap 'sleep 0.5; echo finished; exit 0' USR1; trap 'echo cut off; exit 1' TERM";
    const { child, end, said } = await start(`${trap}; echo there; while :; do sleep 0.1; done`);
    child.kill("SIGTERM");
    assert.equal(await end, 0);
    assert.match(said(), /finished/);
    assert.doesNotMatch(said(), /cut off/);
  });

  it("ends with the status of HAProxy when that ends", async () => {
    const { end } = await start("echo there; sleep 0.2; exit 3");
    assert.equal(await end, 3);
  });
});

describe("holder of the endpoint addresses", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-address-"));
    fs.copyFileSync(path.join(scripts, "edge-address.sh"), path.join(folder, "start.sh"));
    // Two interfaces, the second of which carries the host's address.
    const listing =
      "2: eth0    inet 10.9.0.11/24 scope global eth0\\n3: eth1    inet 10.20.0.11/24 scope global eth1\\n";
    fs.writeFileSync(path.join(folder, "ip"), `#!/bin/sh\nprintf '${listing}'\n`, { mode: 0o755 });
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function run(host: string, files: Record<string, string>): { status: number | null; output: string; config: string } {
    for (const [file, text] of Object.entries(files)) {
      fs.writeFileSync(path.join(folder, file), text);
    }
    const done = spawnSync("sh", [path.join(folder, "start.sh"), "echo", "keepalived"], {
      encoding: "utf8",
      env: { PATH: `${folder}:${process.env["PATH"]}`, RUN: folder, HOST_ADDRESS: host },
    });
    const file = path.join(folder, "keepalived.conf");
    const config = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
    return { status: done.status, output: done.stdout + done.stderr, config };
  }

  const files = {
    addresses: "10.20.0.250\n10.20.0.251\n",
    interface: "",
    hosts: "10.20.0.11\n10.20.0.12\n10.20.0.13\n",
  };

  it("uses the interface with the host's own address, and agrees with the other hosts only", () => {
    const { status, output, config } = run("10.20.0.11", files);
    assert.equal(status, 0, output);
    assert.match(output, /--dont-fork/);
    const peers = [...config.matchAll(/unicast_peer \{\n([^}]*)\}/g)].map((match) => match[1]?.trim().split(/\s+/));
    assert.deepEqual(peers, [
      ["10.20.0.12", "10.20.0.13"],
      ["10.20.0.12", "10.20.0.13"],
    ]);
    assert.match(config, /unicast_src_ip 10\.20\.0\.11/);
    assert.deepEqual(
      [...config.matchAll(/^ {4}(\S+\/32 dev \S+)$/gm)].map((match) => match[1]),
      ["10.20.0.250/32 dev eth1", "10.20.0.251/32 dev eth1"],
    );
    assert.deepEqual(
      [...config.matchAll(/virtual_router_id (\d+)/g)].map((match) => match[1]),
      ["250", "251"],
    );
  });

  it("uses the interface that it is given", () => {
    assert.match(run("10.20.0.11", { ...files, interface: "bond0" }).config, /dev bond0/);
  });

  it("says what is wrong where no interface has the host's address", () => {
    const { status, output } = run("10.77.0.1", files);
    assert.equal(status, 1);
    assert.match(output, /no interface of this host carries its address 10\.77\.0\.1; name one in endpoint\.interface/);
  });
});
