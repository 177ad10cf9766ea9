import * as assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import {
  busConfiguration,
  busDefinitions,
  busMemory,
  busUrl,
  emptyDefinitions,
  memberDomain,
  passwordHash,
} from "../../components/backing/rabbitmq-config";
import { shortSleep } from "./short-sleep";

const scripts = path.join(__dirname, "../../components/backing/scripts");
const domain = "members.example";
const mebibyte = 1024 ** 2;

/** Whether a hash is one of a password, as RabbitMQ finds out. */
function isHashOf(hash: string, password: string): boolean {
  const bytes = Buffer.from(hash, "base64");
  const again = createHash("sha256").update(bytes.subarray(0, 4)).update(password).digest();
  return again.equals(bytes.subarray(4));
}

describe("configuration of the message bus", () => {
  const lines = (memory: number): string[] =>
    busConfiguration({ memory, definitions: "/x/definitions.json" }).split("\n");

  it("limits memory and the log of quorum queues by what a member has", () => {
    const text = lines(1024 * mebibyte);
    assert.ok(text.includes(`vm_memory_high_watermark.absolute = ${Math.floor(0.6 * 1024 * mebibyte)}`));
    assert.ok(text.includes(`disk_free_limit.absolute = ${Math.floor(0.6 * 1024 * mebibyte)}`));
    assert.ok(text.includes(`raft.wal_max_size_bytes = ${128 * mebibyte}`));
    assert.ok(lines(64 * mebibyte).includes(`raft.wal_max_size_bytes = ${16 * mebibyte}`));
    assert.ok(lines(64 * mebibyte).includes("disk_free_limit.absolute = 200000000"));
    assert.ok(lines(8192 * mebibyte).includes(`raft.wal_max_size_bytes = ${512 * mebibyte}`));
  });

  it("takes the lesser of what a member asks for and its limit", () => {
    assert.equal(busMemory({ memory: "256Mi" }), 256 * mebibyte);
    assert.equal(busMemory({ memory: "512Mi", memoryLimit: "1Gi" }), 512 * mebibyte);
  });

  it("makes no user guest, and takes nothing without a majority", () => {
    const text = lines(256 * mebibyte);
    assert.ok(text.includes("load_definitions = /x/definitions.json"));
    assert.ok(text.includes("cluster_partition_handling = pause_minority"));
    assert.deepEqual(JSON.parse(emptyDefinitions), { users: [], vhosts: [], permissions: [] });
  });
});

describe("a user of the message bus", () => {
  const one = { vhost: "nova", user: "nova-g1", password: "Word1" };

  it("is known by a hash of its password, as RabbitMQ's own documentation has it", () => {
    // The worked example of "Credentials and Passwords" there: salt 908DC60A, password test12.
    assert.ok(isHashOf("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "test12"));
    assert.ok(isHashOf(passwordHash("nova-g1", "Word1"), "Word1"));
    assert.ok(!isHashOf(passwordHash("nova-g1", "Word1"), "Word2"));
    assert.equal(passwordHash("nova-g1", "Word1"), passwordHash("nova-g1", "Word1"));
    assert.notEqual(passwordHash("nova-g1", "Word1"), passwordHash("other-g1", "Word1"));
  });

  it("may use its own virtual host, whose queues are quorum queues, and no other", () => {
    const text = busDefinitions(one);
    assert.doesNotMatch(text, /Word1/);
    const found = JSON.parse(text) as Record<string, Record<string, unknown>[]>;
    assert.deepEqual(
      found["users"]?.map(({ name, tags }) => ({ name, tags })),
      [{ name: "nova-g1", tags: [] }],
    );
    assert.deepEqual(found["permissions"], [
      { user: "nova-g1", vhost: "nova", configure: ".*", write: ".*", read: ".*" },
    ]);
    assert.deepEqual(found["vhosts"]?.[0]?.["metadata"], { default_queue_type: "quorum" });
  });

  it("has a name that can be one", () => {
    assert.throws(
      () => busDefinitions({ ...one, vhost: "a/b" }),
      /"a\/b" cannot be the name of a user or virtual host/,
    );
  });

  it("finds it by a URL", () => {
    assert.equal(busUrl("rabbitmq.x.svc", one), "rabbit://nova-g1:Word1@rabbitmq.x.svc:5672/nova");
    assert.equal(memberDomain("openstack", "cluster.local"), "rabbitmq-members.openstack.svc.cluster.local");
  });
});

/** A place with stand-ins for the programs of the image; "$PLACE" is the directory. */
class Place {
  readonly place = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-bus-"));
  private process: ChildProcess | undefined;
  output = "";

  constructor(programs: Record<string, string>) {
    for (const folder of ["data", "run", "home", "programs"]) {
      fs.mkdirSync(this.path(folder));
    }
    for (const [name, text] of Object.entries({ sleep: shortSleep, ...programs })) {
      fs.writeFileSync(this.path("programs", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    fs.writeFileSync(this.path("cookie"), "Cookie1\n");
    fs.writeFileSync(this.path("count"), "1\n");
  }

  path(...parts: string[]): string {
    return path.join(this.place, ...parts);
  }

  read(file: string): string {
    return fs.existsSync(this.path(file)) ? fs.readFileSync(this.path(file), "utf8") : "";
  }

  environment(pod: string, ports: { bus: number; node: number }): NodeJS.ProcessEnv {
    const program = (name: string): string => this.path("programs", name);
    return {
      PATH: `${this.path("programs")}:${process.env["PATH"]}`,
      PLACE: this.place,
      HOME: this.path("home"),
      BUS_RUN: this.path("run"),
      BUS_DATA: this.path("data"),
      BUS_DOMAIN: domain,
      POD_NAME: pod,
      RABBITMQ_NODENAME: `rabbit@${pod}.${domain}`,
      BUS_MEMBERS_FILE: this.path("count"),
      BUS_COOKIE_FILE: this.path("cookie"),
      BUS_DEFINITIONS_FILE: this.path("definitions.json"),
      JOB_ATTEMPTS: "2",
      BUS_PORT: String(ports.bus),
      BUS_NODE_PORT: String(ports.node),
      BUS_FILE_LIMIT: "20000",
      BUS_SERVER: program("server"),
      BUS_CTL: program("ctl"),
      BUS_QUEUES: program("queues"),
      BUS_STREAMS: program("streams"),
    };
  }

  start(env: NodeJS.ProcessEnv): void {
    this.process = spawn("sh", [path.join(scripts, "rabbitmq-start.sh")], { env, detached: true });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (chunk) => {
        this.output += String(chunk);
      });
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let round = 0; round < 200 && !holds(); round++) {
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.ok(holds(), `${what} did not come about. Asked:\n${this.read("asked")}\nOutput:\n${this.output}`);
  }

  async stop(): Promise<number | null> {
    const child = this.process;
    assert.ok(child);
    const end = new Promise<number | null>((done) => child.once("exit", done));
    child.kill("SIGTERM");
    return end;
  }

  remove(): void {
    if (this.process?.pid !== undefined) {
      try {
        process.kill(-this.process.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    fs.rmSync(this.place, { recursive: true, force: true });
  }
}

const serverProgram = [
  'ulimit -n >"$PLACE/files"',
  "trap 'kill $!; echo stopped >\"$PLACE/stopped\"; exit 0' TERM",
  ': >"$PLACE/up"',
  "/bin/sleep 60 & wait",
].join("\n");

/** Answers as a cluster does: this member is alone until it joins; member 0 is there once "zero" is. */
const ctlProgram = [
  'echo "$@" >>"$PLACE/asked"',
  'case "$*" in',
  '  *await_startup*) [ -e "$PLACE/up" ] ;;',
  '  *"rabbitmq-0.members.example eval"*) [ -e "$PLACE/joined" ] && echo 2 || cat "$PLACE/zero" ;;',
  '  *"rabbitmq-2.members.example eval"*) [ -e "$PLACE/two" ] && cat "$PLACE/two" ;;',
  '  *eval*) if [ -e "$PLACE/joined" ]; then echo 2; else echo 1; fi ;;',
  '  *forget_cluster_node*) [ -e "$PLACE/known" ] && rm "$PLACE/known" ;;',
  '  *join_cluster*) : >"$PLACE/joined" ;;',
  "  *list_vhosts*) echo nova ;;",
  "  *list_queues*) printf 'compute\\tquorum\\ncompute_fanout\\tstream\\n' ;;",
  "esac",
].join("\n");

describe("start of a member of the message bus", function () {
  this.timeout(20_000);
  this.slow(5_000);
  const programs = {
    server: serverProgram,
    ctl: ctlProgram,
    queues: 'echo "$@" >"$PLACE/grown"',
    streams: 'echo "$@" >"$PLACE/streams"',
    getent: "exit 0",
  };
  const ports = { bus: 1, node: 1 };
  let place: Place;

  beforeEach(() => {
    place = new Place(programs);
  });
  afterEach(() => place.remove());

  it("alone asks nobody, puts the cookie where only its user reads it, and limits its files", async () => {
    place.start(place.environment("rabbitmq-0", ports));
    await place.until("the server", () => place.read("run/phase") === "joined\n" && fs.existsSync(place.path("up")));
    assert.equal(place.read("asked"), "");
    assert.equal(place.read("home/.erlang.cookie"), "Cookie1");
    assert.equal(fs.statSync(place.path("home/.erlang.cookie")).mode & 0o777, 0o400);
    assert.ok(Number(place.read("files")) <= 20000);
    assert.doesNotMatch(place.output, /Cookie1/);
  });

  it("again, lays a new cookie in the place of the old one", async () => {
    fs.writeFileSync(place.path("home/.erlang.cookie"), "Old", { mode: 0o400 });
    place.start(place.environment("rabbitmq-0", ports));
    await place.until("the server", () => fs.existsSync(place.path("up")));
    assert.equal(place.read("home/.erlang.cookie"), "Cookie1");
  });

  it("waits for member 0, joins it, and takes copies of queues and streams; only then it takes clients", async () => {
    fs.writeFileSync(place.path("count"), "3");
    place.start(place.environment("rabbitmq-1", ports));
    await place.until("waiting", () => /waits for member 0/.test(place.output));
    assert.equal(place.read("run/phase"), "");
    assert.doesNotMatch(place.read("asked"), /join_cluster/);
    fs.writeFileSync(place.path("zero"), "1\n");
    await place.until("joining", () => place.read("run/phase") === "joined\n");
    assert.match(
      place.read("asked"),
      /stop_app\n.*reset\n.*join_cluster rabbit@rabbitmq-0\.members\.example\n.*start_app/,
    );
    assert.equal(place.read("grown").trim(), "--quiet grow rabbit@rabbitmq-1.members.example all");
    assert.match(place.read("streams"), /add_replica --vhost nova compute_fanout rabbit@rabbitmq-1\.members\.example/);
  });

  it("of member 0 does not wait for the others, which have nothing yet", async () => {
    fs.writeFileSync(place.path("count"), "3");
    fs.writeFileSync(place.path("zero"), "1\n");
    fs.writeFileSync(place.path("two"), "1\n");
    place.start(place.environment("rabbitmq-0", ports));
    await place.until("its cluster", () => place.read("run/phase") === "joined\n");
    assert.doesNotMatch(place.read("asked"), /join_cluster/);
  });

  it("of member 0 that lost its data is forgotten and joins the others", async () => {
    fs.writeFileSync(place.path("count"), "3");
    fs.writeFileSync(place.path("zero"), "1\n");
    fs.writeFileSync(place.path("two"), "2\n");
    fs.writeFileSync(place.path("known"), "");
    place.start(place.environment("rabbitmq-0", ports));
    await place.until("joining", () => place.read("run/phase") === "joined\n");
    assert.match(place.output, /its data were lost/);
    assert.match(place.read("asked"), /join_cluster rabbit@rabbitmq-2\.members\.example/);
  });

  it("with data is forgotten by nobody, and goes on in its cluster", async () => {
    fs.writeFileSync(place.path("count"), "3");
    fs.writeFileSync(place.path("joined"), "");
    fs.mkdirSync(place.path("data/mnesia/rabbit@rabbitmq-1.members.example"), { recursive: true });
    place.start(place.environment("rabbitmq-1", ports));
    await place.until("its cluster", () => place.read("run/phase") === "joined\n");
    assert.doesNotMatch(place.read("asked"), /forget|join_cluster|reset/);
  });

  it("stops the server in an orderly way, and says by its end that it stopped", async () => {
    place.start(place.environment("rabbitmq-0", ports));
    await place.until("the server", () => place.read("run/phase") === "joined\n" && fs.existsSync(place.path("up")));
    assert.equal(await place.stop(), 0);
    assert.equal(place.read("stopped"), "stopped\n");
    assert.equal(place.read("run/phase"), "");
  });
});

describe("questions to a member of the message bus", () => {
  let place: Place;
  let listener: net.Server;
  let port = 0;

  before(async () => {
    place = new Place({});
    listener = net.createServer().listen(0, "127.0.0.1");
    await new Promise((done) => listener.once("listening", done));
    port = (listener.address() as net.AddressInfo).port;
  });
  after(() => {
    listener.close();
    place.remove();
  });

  const ask = (script: string, ports: { bus: number; node: number }): number | null =>
    spawnSync("sh", [path.join(scripts, script)], { env: place.environment("rabbitmq-0", ports) }).status;

  it("it takes clients when it has joined and its port is open", () => {
    assert.notEqual(ask("rabbitmq-ready.sh", { bus: port, node: 1 }), 0);
    fs.writeFileSync(place.path("run/phase"), "joined\n");
    assert.equal(ask("rabbitmq-ready.sh", { bus: port, node: 1 }), 0);
    assert.notEqual(ask("rabbitmq-ready.sh", { bus: 1, node: port }), 0);
  });

  it("it lives when its port among members is open, whether it takes clients or not", () => {
    assert.equal(ask("rabbitmq-alive.sh", { bus: 1, node: port }), 0);
    assert.notEqual(ask("rabbitmq-alive.sh", { bus: port, node: 1 }), 0);
  });
});

describe("job that makes a user of the message bus", function () {
  this.timeout(20_000);
  this.slow(8_000);
  let place: Place;
  afterEach(() => place.remove());

  const run = (ctl: string): { status: number | null; output: string } => {
    // Members 0 and 1 have addresses.
    const getent = 'case "$2" in rabbitmq-[01].*) exit 0 ;; esac; exit 2';
    place = new Place({ ctl: `echo "$RABBITMQ_NODENAME $*" >>"$PLACE/asked"; ${ctl}`, getent });
    const env = place.environment("job", { bus: 1, node: 1 });
    const done = spawnSync("sh", [path.join(scripts, "rabbitmq-user.sh")], { env, encoding: "utf8" });
    return { status: done.status, output: done.stdout + done.stderr };
  };

  it("asks the next member where one does not answer", () => {
    const { status, output } = run('case "$*" in *rabbitmq-0*) echo "no answer"; exit 69 ;; esac');
    assert.equal(status, 0, output);
    assert.match(
      place.read("asked"),
      /rabbit@rabbitmq-1\.members\.example --quiet --longnames -n rabbit@rabbitmq-1\.members\.example import_definitions/,
    );
  });

  it("gives up after as many attempts as it was given, with the reason", () => {
    const { status, output } = run('echo "Error: no answer"; exit 69');
    assert.equal(status, 1);
    assert.match(output, /gave up after 2 attempts: Error: no answer/);
  });
});
