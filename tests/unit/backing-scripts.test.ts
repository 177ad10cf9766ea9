import * as assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { shortSleep } from "./short-sleep";

const scripts = path.join(__dirname, "../../components/backing/scripts");
const cluster = "b69aa1c5-e81b-11f1-9b2b-2e15d7d01d5b";

/** Stand-ins for the programs of the image, one shell program each; "$PLACE" is the test's directory. */
const programs = {
  socat: 'echo "$@" >"$PLACE/socat"; exec /bin/sleep 60',
  mariadbd: [
    'case "$*" in *wsrep-recover*) cat "$PLACE/recovered" >&2; exit 0 ;; esac',
    'echo "$$" >"$PLACE/pid"; echo "$@" >"$PLACE/arguments"; cp -p "$PLACE/run/init.sql" "$PLACE/init"; : >"$PLACE/up"',
    "trap 'kill $!; echo stopped >\"$PLACE/stopped\"; exit 0' TERM",
    "/bin/sleep 60 & wait",
  ].join("\n"),
  mariadb: String.raw`[ -e "$PLACE/up" ] && [ ! -e "$PLACE/silent" ] || exit 1; if [ -e "$PLACE/late" ]; then rm "$PLACE/late"; echo >>"$PLACE/refused"; exit 1; fi; printf 'wsrep_cluster_status\tPrimary\nwsrep_local_state\t4\nwsrep_ready\tON\n'`,
  "install-db": 'mkdir "$PLACE/data/mysql"; echo made >"$PLACE/data/made"',
  sleep: shortSleep,
};

/** A member on this computer, alone in its cluster, with stand-ins for the programs. */
class Member {
  readonly place = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-member-"));
  private process: ChildProcess | undefined;
  output = "";

  constructor(template = true) {
    for (const folder of ["data", "run", "programs"]) {
      fs.mkdirSync(this.path(folder));
    }
    for (const [name, text] of Object.entries(programs)) {
      fs.writeFileSync(this.path("programs", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    if (template) {
      fs.mkdirSync(this.path("template/mysql"), { recursive: true });
      fs.writeFileSync(this.path("template/ibdata1"), "fresh");
    }
    this.write("password", "Word1");
    this.write("count", "1");
  }

  path(...parts: string[]): string {
    return path.join(this.place, ...parts);
  }

  write(file: string, text: string): void {
    fs.mkdirSync(path.dirname(this.path(file)), { recursive: true });
    fs.writeFileSync(this.path(file), text);
  }

  read(file: string): string {
    return fs.existsSync(this.path(file)) ? fs.readFileSync(this.path(file), "utf8") : "";
  }

  grastate(seqno: number, safe: number): void {
    fs.mkdirSync(this.path("data/mysql"), { recursive: true });
    this.write(
      "data/grastate.dat",
      `# GALERA saved state\nversion: 2.1\nuuid:    ${cluster}\nseqno:   ${seqno}\nsafe_to_bootstrap: ${safe}\n`,
    );
  }

  get environment(): NodeJS.ProcessEnv {
    const program = (name: string): string => this.path("programs", name);
    return {
      PATH: `${this.path("programs")}:${process.env["PATH"]}`,
      PLACE: this.place,
      POD_NAME: "mariadb-0",
      POD_IP: "192.0.2.10",
      MEMBERS_FILE: this.path("count"),
      MEMBERS_SERVICE: "localhost.invalid",
      DATA: this.path("data"),
      RUN: this.path("run"),
      CONFIG: this.path("my.cnf"),
      PASSWORD_FILE: this.path("password"),
      TEMPLATE: this.path("template"),
      LEAVE_PAUSE: "0",
      MARIADBD: program("mariadbd"),
      MARIADB: program("mariadb"),
      MARIADB_ADMIN: "false",
      INSTALL_DB: program("install-db"),
      SOCAT: program("socat"),
    };
  }

  start(): void {
    this.process = spawn("sh", [path.join(scripts, "galera-start.sh")], { env: this.environment, detached: true });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (chunk) => {
        this.output += String(chunk);
      });
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let round = 0; round < 150 && !holds(); round++) {
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.ok(holds(), `${what} did not come about. State: ${this.read("run/state")} Output:\n${this.output}`);
  }

  async running(): Promise<void> {
    this.start();
    await this.until("the server", () => this.read("run/state").trim() === "0 primary ready");
  }

  run(script: string): number | null {
    return spawnSync("sh", [path.join(scripts, script)], { env: this.environment }).status;
  }

  /** Tells it to stop, and waits for its end. */
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

describe("start of a database member", function () {
  this.timeout(20_000);
  this.slow(3_000);
  let member: Member;

  afterEach(() => member.remove());

  it("lays the image's data directory on an empty volume, and begins", async () => {
    member = new Member();
    await member.running();
    assert.equal(member.read("data/ibdata1"), "fresh");
    assert.ok(!fs.existsSync(member.path("data/.stratiform-incomplete")));
    assert.match(member.read("arguments"), /--wsrep-new-cluster --wsrep-cluster-address=gcomm:\/\//);
    assert.doesNotMatch(member.read("arguments"), /Word1|--wsrep-start-position/);
    assert.match(member.read("socat"), /4569/);
    assert.equal(member.run("galera-ready.sh"), 0);
  });

  it("makes a data directory where the image has none", async () => {
    member = new Member(false);
    await member.running();
    assert.equal(member.read("data/made"), "made\n");
  });

  it("begins anew where laying the data directory was broken off", async () => {
    member = new Member();
    member.write("data/.stratiform-incomplete", "");
    member.write("data/mysql/half", "a");
    await member.running();
    assert.ok(!fs.existsSync(member.path("data/mysql/half")));
    assert.equal(member.read("data/ibdata1"), "fresh");
  });

  it("sets the password of admin by a file that only its user reads, that is gone when it was read, in this member only", async () => {
    member = new Member();
    await member.running();
    const sql = member.read("init").trim().split("\n");
    assert.equal(sql[0], "SET SESSION wsrep_on=OFF;");
    assert.ok(
      sql.every((line) => line.split(";").length === 2 && line.endsWith(";")),
      "one statement a line",
    );
    assert.ok(sql.includes("ALTER USER 'admin'@'%' IDENTIFIED BY 'Word1';"));
    assert.equal(fs.statSync(member.path("init")).mode & 0o777, 0o600);
    assert.ok(!fs.existsSync(member.path("run/init.sql")));
    assert.doesNotMatch(member.output, /Word1/);
  });

  it("refuses a password that would be SQL", async () => {
    member = new Member();
    member.write("password", "a'b");
    member.start();
    await member.until("a refusal", () => /must be letters and digits/.test(member.output));
    assert.equal(member.read("arguments"), "");
  });

  it("says that its server does not answer only when that was so twice in a row: whoever hears it cuts connections", async () => {
    member = new Member();
    await member.running();
    member.write("late", "once\n");
    await member.until("a late answer", () => member.read("refused").length === 1);
    await new Promise((done) => setTimeout(done, 100));
    assert.equal(member.read("run/state"), "0 primary ready\n");
    member.write("silent", "");
    await member.until("two late answers in a row", () => member.read("run/state") === "0 deaf\n");
    fs.rmSync(member.path("silent"));
    await member.until("an answer", () => member.read("run/state") === "0 primary ready\n");
  });

  it("goes on with its data after an orderly stop", async () => {
    member = new Member();
    member.grastate(17, 0);
    await member.running();
    assert.match(member.output, new RegExp(`cluster ${cluster}, transaction 17`));
    assert.match(member.read("data/grastate.dat"), /^safe_to_bootstrap: 1$/m);
    assert.ok(!fs.existsSync(member.path("data/ibdata1")), "its data are left alone");
  });

  it("asks the server how far its data reach after any other stop", async () => {
    member = new Member();
    member.grastate(-1, 0);
    member.write("recovered", `2026 [Note] WSREP: Recovered position: ${cluster}:42,0-1-7\n`);
    await member.running();
    assert.match(member.output, /transaction 42\n/);
    assert.match(member.read("arguments"), new RegExp(`--wsrep-start-position=${cluster}:42,0-1-7`));
  });

  it("does not begin with data that cannot be read, and says what to do", async () => {
    member = new Member();
    member.grastate(-1, 0);
    member.write("recovered", "[ERROR] InnoDB: the data are damaged\n");
    member.start();
    await member.until("damage", () => member.read("run/state").trim() === "0 damaged");
    assert.match(member.output, /InnoDB: the data are damaged[\s\S]*delete this one's volume claim and pod/);
    assert.equal(member.read("arguments"), "");
    assert.equal(member.run("galera-ready.sh"), 1);
    assert.equal(member.run("galera-alive.sh"), 0);
  });

  it("waits for the others where there are others, and lives while it does", async () => {
    member = new Member();
    member.write("count", "3");
    member.start();
    await member.until("waiting", () => /has to wait for what members 1 2 say/.test(member.output));
    assert.match(member.read("run/state"), /^0 waiting 0{8}-.* -1 0$/m);
    assert.equal(member.run("galera-ready.sh"), 1);
    assert.equal(member.run("galera-alive.sh"), 0);
    assert.equal(member.read("arguments"), "");
    assert.equal(await member.stop(), 0);
  });

  it("says that it leaves, and stops the server in an orderly way", async () => {
    member = new Member();
    await member.running();
    assert.equal(member.run("galera-alive.sh"), 1, "where the server runs it is asked");
    assert.equal(await member.stop(), 0);
    assert.equal(member.read("stopped"), "stopped\n");
    assert.match(member.read("run/state"), /leaving/);
    assert.equal(member.run("galera-ready.sh"), 1);
  });

  it("ends when the server ends, so that it is started anew", async () => {
    member = new Member();
    await member.running();
    process.kill(Number(member.read("pid")), "SIGKILL");
    await member.until("the end", () => /the server has ended \(137\)/.test(member.output));
  });
});

describe("what makes databases", function () {
  this.timeout(20_000);
  this.slow(8_000);
  const place = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-database-"));
  after(() => fs.rmSync(place, { recursive: true }));

  /** A stand-in of PyMySQL, whose server fails as often as said, and writes down what it is given. */
  const client = [
    "import json, os, time",
    "time.sleep = lambda seconds: None",
    "class MySQLError(Exception): pass",
    "class Cursor:",
    "    def __enter__(self): return self",
    "    def __exit__(self, *error): pass",
    "    def execute(self, statement): note('given', statement)",
    "class Connection(Cursor):",
    "    def cursor(self): return Cursor()",
    "def note(name, line):",
    "    with open(os.environ['PLACE'] + '/' + name, 'a') as file: file.write(line + '\\n')",
    "def connect(**arguments):",
    "    note('connected', json.dumps(arguments))",
    "    if len(open(os.environ['PLACE'] + '/connected').readlines()) > int(os.environ['FAILURES']): return Connection()",
    "    raise MySQLError(1064, \"no answer near 'BY Word2'\")",
  ];

  /** Runs it against that client. */
  function run(failures: number, attempts: number): { status: number | null; output: string } {
    const file = (name: string): string => path.join(place, name);
    for (const old of ["given", "connected"]) fs.rmSync(file(old), { force: true });
    fs.writeFileSync(file("password"), "Word1");
    fs.writeFileSync(file("statements"), JSON.stringify(["CREATE DATABASE a", "CREATE USER x IDENTIFIED BY 'Word2'"]));
    fs.writeFileSync(file("pymysql.py"), client.join("\n"));
    const done = spawnSync("python3", [path.join(scripts, "database.py")], {
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"],
        PYTHONPATH: place,
        PYTHONDONTWRITEBYTECODE: "1",
        PLACE: place,
        FAILURES: String(failures),
        DATABASE_HOST: "db",
        DATABASE_PORT: "3306",
        PASSWORD_FILE: file("password"),
        STATEMENTS_FILE: file("statements"),
        JOB_ATTEMPTS: String(attempts),
      },
    });
    const output = done.stdout + done.stderr;
    assert.doesNotMatch(output, /Word/);
    return { status: done.status, output };
  }

  const lines = (name: string): string[] => fs.readFileSync(path.join(place, name), "utf8").trim().split("\n");

  it("waits for the server, gives it the statements as the administrator, and shows no password", () => {
    const { status, output } = run(1, 5);
    assert.equal(status, 0, output);
    assert.equal(output, "tries again: 1064 no answer\ndatabases and user are there\n");
    const [, connected = ""] = lines("connected");
    const { host, port, user, password } = JSON.parse(connected) as Record<string, unknown>;
    assert.deepEqual([host, port, user, password], ["db", 3306, "admin", "Word1"]);
    assert.deepEqual(lines("given"), ["CREATE DATABASE a", "CREATE USER x IDENTIFIED BY 'Word2'"]);
  });

  it("gives up after as many attempts as it was given, with the reason", () => {
    const { status, output } = run(9, 2);
    assert.equal(status, 1);
    assert.match(output, /gave up after 2 attempts: 1064 no answer$/m);
    assert.equal(lines("connected").length, 2);
  });
});
