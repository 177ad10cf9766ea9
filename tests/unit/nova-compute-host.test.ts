import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { releaseScript } from "../../components/openstack/node-scripts";

const scripts = path.join(__dirname, "../../components/openstack/scripts");
const fakes = path.join(__dirname, "fake-nova");

interface Service {
  id: string;
  host: string;
  status: string;
  disabled_reason: string | null;
  looks?: number;
  /** Looks at which the service's last report is still that of an ended process. */
  stale?: number;
}

/** What becomes of a server's migration. */
type Fate = "moves" | "fails" | "refused" | "nobody";

const ours = "stratiform: the host is emptied";
const service = (more: Partial<Service> = {}): Service => ({
  id: "s1",
  host: "node-2",
  status: "enabled",
  disabled_reason: null,
  ...more,
});
const server = (name: string, fate: Fate = "moves", status = "ACTIVE") => ({
  id: `id-${name}`,
  name,
  status,
  fate,
  "OS-EXT-SRV-ATTR:host": "node-2",
  "OS-EXT-STS:task_state": null,
});

/** Looks at which a cell does not have the host yet, and at which Neutron is away. */
interface Looks {
  cellLooks?: number;
  away?: number;
}

const agents = [
  { id: "agent-1", host: "node-2", binary: "ovn-controller" },
  { id: "agent-2", host: "node-20", binary: "ovn-controller" },
  { id: "agent-3", host: "node-2", binary: "neutron-ovn-metadata-agent" },
];

/** Runs the program once against this Nova. */
function act(action: string, services: Service[], servers: ReturnType<typeof server>[], missed: Looks = {}) {
  const { cellLooks = 0, away = 0 } = missed;
  const program = [path.join(fakes, "try-compute-host.py"), path.join(scripts, "compute-host.py"), action];
  const { status, stdout, stderr } = spawnSync("python3", program, {
    encoding: "utf8",
    // An older migration of the same server, which failed, is nobody's business.
    input: JSON.stringify({
      ...{ services, servers, cellLooks, away, agents },
      migrations: [{ id: 1, instance_uuid: "id-a", status: "error" }],
    }),
    env: {
      PATH: process.env["PATH"],
      PYTHONPATH: fakes,
      PYTHONDONTWRITEBYTECODE: "1",
      STRATIFORM_PAUSE: "0.01",
      STRATIFORM_SIGN_OFF_PATIENCE: "1",
    },
  });
  const lines = stdout.trim().split("\n");
  const state = JSON.parse(lines.pop() || "{}") as {
    calls?: string[][];
    services?: Service[];
    cellLooks?: number;
    migrations?: { status: string }[];
  };
  assert.ok(state.calls, stderr);
  const { calls, services: after = [], cellLooks: looks, migrations = [] } = state;
  return { status, said: lines.at(-1) ?? "", calls, services: after, looks, migrations };
}

describe("compute-host.py", () => {
  it("takes the host's agents out of Neutron, and nobody else's", () => {
    for (const away of [0, 3]) {
      const { status, calls } = act("sign-off", [service()], [], { away });
      assert.equal(status, 0);
      assert.deepEqual(calls, [
        ["delete", "/v2.0/agents/agent-1"],
        ["delete", "/v2.0/agents/agent-3"],
      ]);
    }
    const { status, said } = act("sign-off", [service()], [], { away: 1e9 });
    assert.deepEqual([status, said], [78, "Neutron does not answer: nobody listens"]);
  });

  it("takes the host out of use, moves all servers, and leaves the rest alone", () => {
    const { status, calls, services, migrations } = act(
      "drain",
      [service(), service({ id: "s2", host: "other" })],
      [server("a"), server("b", "moves", "PAUSED")],
    );
    assert.equal(status, 0);
    // A source that is not done would lose its libvirt to who goes on.
    assert.deepEqual(migrations.map((one) => one.status).slice(1), ["completed", "completed"]);
    assert.deepEqual(calls, [
      ["put", "disabled"],
      ["migrate", "id-a"],
      ["migrate", "id-b"],
    ]);
    assert.deepEqual(
      services.map((one) => [one.id, one.status]),
      [
        ["s1", "disabled"],
        ["s2", "enabled"],
      ],
    );
  });

  it("knows that Nova takes the host once it is up and a cell has it", () => {
    const { status, said, looks } = act("known", [service({ looks: 2 })], [], { cellLooks: 2 });
    assert.deepEqual([status, said], [0, "node-2 takes servers"]);
    // Not yet: twice nothing, and once only a host whose name begins like its own.
    assert.equal(looks, -2);
  });

  it("takes no report of a process that has ended for one of the process that runs", () => {
    const { status, services } = act("known", [service({ stale: 4 })], [], { cellLooks: -1 });
    assert.equal(status, 0);
    // Looks 1 to 4 show the old report; the next one shows that somebody is there.
    assert.equal(services[0]?.looks, -5);
  });

  it("gives a host back that an earlier run, which was broken off, took out of use", () => {
    const { status, calls } = act(
      "drain",
      [service({ status: "disabled", disabled_reason: ours })],
      [server("a", "fails")],
    );
    assert.equal(status, 78);
    assert.deepEqual(calls.at(-1), ["put", "enabled"]);
  });

  it("may be run again on a host that is out of use, and empty", () => {
    const { status, calls } = act("drain", [service({ status: "disabled", disabled_reason: ours })], []);
    assert.deepEqual([status, calls], [0, []]);
  });

  for (const [what, one, reason] of [
    ["whose migration fails", server("a", "fails"), /a \(id-a\): the migration ended as error/],
    ["whose migration is refused", server("a", "refused"), /a \(id-a\): No valid host was found/],
    ["that nobody takes", server("a", "nobody"), /a \(id-a\): no other host takes it/],
    [
      "that is shut off",
      server("a", "moves", "SHUTOFF"),
      /a \(id-a\): is SHUTOFF, and only running servers can be moved/,
    ],
  ] as const) {
    it(`names a server ${what}, and gives the host back`, () => {
      const { status, said, calls } = act("drain", [service()], [one, server("b")]);
      assert.equal(status, 78);
      assert.match(said, /^node-2 has servers that cannot be moved, and stays in use: /);
      assert.match(said, reason);
      assert.ok(!said.includes("id-b"), said);
      assert.deepEqual(calls.at(-1), ["put", "enabled"]);
      assert.ok(calls.some((call) => call[1] === "id-b"));
    });
  }

  it("gives no host back that somebody else had put out of use", () => {
    const foreign = service({ status: "disabled", disabled_reason: "broken fan" });
    assert.deepEqual(act("drain", [foreign], [server("a", "fails")]).calls.at(-1), ["migrate", "id-a"]);
    assert.deepEqual(act("enable", [foreign], []).calls, []);
  });

  it("forgets an empty host only", () => {
    assert.deepEqual(act("forget", [service()], []).calls, [["delete", "/os-services/s1"]]);
    const full = act("forget", [service()], [server("a")]);
    assert.deepEqual([full.status, full.calls], [78, []]);
    assert.match(full.said, /node-2 has servers: a \(id-a\)/);
  });

  it("takes the host into use again when nova-compute reports itself", () => {
    const { status, calls, services } = act(
      "enable",
      [service({ status: "disabled", disabled_reason: ours, looks: 3 })],
      [],
    );
    assert.equal(status, 0);
    assert.deepEqual(calls, [["put", "enabled"]]);
    assert.equal(services[0]?.looks, -1);
  });
});

describe("leave-nova.sh", () => {
  /** Runs the script as it lies on a host, whose `ctr` and `systemctl` are played. */
  function leave(host: { running: boolean; guests?: string; drain?: number; forget?: number }) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-leave-"));
    const at = (file: string): string => path.join(directory, file);
    try {
      const play = (name: string, lines: string[]) =>
        fs.writeFileSync(at(name), ["#!/bin/sh", `echo "${name} $*" >>${at("calls")}`, ...lines, ""].join("\n"), {
          mode: 0o755,
        });
      // nova-compute of the host is a program that sleeps.
      play("ctr", [
        'case "$*" in',
        '  *"containers ls"*) echo old; echo new ;;',
        `  *"tasks ls"*) echo "TASK PID STATUS"; echo "old 1 STOPPED"; ${host.running ? `echo "new $(cat ${at("pid")}) RUNNING"` : ":"} ;;`,
        `  *" drain"*) echo "drained"; ps -o stat= -p "$(cat ${at("pid")})" >>${at("calls")}; exit ${host.drain ?? 0} ;;`,
        `  *" forget"*) ps -o stat= -p "$(cat ${at("pid")})" >>${at("calls")}; exit ${host.forget ?? 0} ;;`,
        "esac",
      ]);
      play("systemctl", ['case "$1" in list-units) printf "%s" "$GUESTS" ;; esac']);
      const body = fs.readFileSync(path.join(scripts, "leave-nova.sh"), "utf8");
      const variables = { PROGRAM: "/p/compute-host.py", CLOUD: "openstack", NODE_NAMESPACE: "openstack-node" };
      fs.writeFileSync(at("leave"), releaseScript(body, variables));
      const shell = `sleep 60 & echo $! >${at("pid")}; sh ${at("leave")}; code=$?; ps -o stat= -p "$(cat ${at("pid")})" >>${at("calls")}; kill -KILL "$(cat ${at("pid")})"; exit $code`;
      const { status, stdout, stderr } = spawnSync("sh", ["-c", shell], {
        encoding: "utf8",
        env: { PATH: `${directory}:${process.env["PATH"]}`, GUESTS: host.guests ?? "" },
      });
      const calls = fs.readFileSync(at("calls"), "utf8").trim().split("\n");
      return { status, output: stdout + stderr, calls };
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  }

  it("moves servers while nova-compute runs, and takes the host out of Nova while it is frozen", () => {
    const { status, output, calls } = leave({ running: true });
    assert.equal(status, 0, output);
    const [drain, forget] = [" drain", " forget"].map((word) => calls.findIndex((call) => call.endsWith(word))) as [
      number,
      number,
    ];
    assert.ok(drain >= 0 && forget > drain, calls.join("\n"));
    assert.match(calls[drain] ?? "", /tasks exec --exec-id \S+ new python3 \/p\/compute-host\.py drain$/);
    assert.match(calls[drain + 1] ?? "", /^S/);
    assert.match(calls[forget + 1] ?? "", /^T/);
  });

  it("ends where servers cannot be moved, with nova-compute as it was", () => {
    const { status, calls } = leave({ running: true, drain: 78 });
    assert.equal(status, 78);
    assert.ok(!calls.some((call) => call.endsWith(" forget")));
    assert.match(calls.at(-1) ?? "", /^S/);
  });

  it("lets nova-compute go on where the host could not be taken out", () => {
    const { status, calls } = leave({ running: true, forget: 1 });
    assert.equal(status, 1);
    assert.match(calls.at(-1) ?? "", /^S/);
  });

  it("refuses while virtual machines run that nobody can move, and passes where there are none", () => {
    const refused = leave({ running: false, guests: "stratiform-openstack-guest-i1.scope loaded active running" });
    assert.equal(refused.status, 1);
    assert.match(refused.output, /nova-compute does not, .*stratiform-openstack-guest-i1\.scope/);
    assert.equal(leave({ running: false }).status, 0);
  });
});
