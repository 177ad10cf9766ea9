import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const scripts = path.join(__dirname, "../../components/openstack/scripts");

const external = { cidr: "10.64.1.0/24", gateway: "10.64.1.1", start: "10.64.1.100", end: "10.64.1.249" };
const wanted = {
  cloud: "dev",
  network: { name: "external", physicalNetwork: "external" },
  subnet: { name: "external", ...external },
};

interface State {
  networks: Record<string, unknown>[];
  subnets: Record<string, unknown>[];
  refuses?: string;
}

interface Try {
  status: number | null;
  output: string;
  lastWord: string;
  calls: [string, Record<string, unknown>][];
  state: State;
}

/** Runs networks.py once against the networks of `state`. */
function run(state: State, args: unknown = wanted): Try {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-networks-"));
  const file = (name: string): string => path.join(place, name);
  try {
    fs.writeFileSync(file("state"), JSON.stringify(state));
    fs.writeFileSync(file("calls"), "");
    fs.writeFileSync(file("last-word"), "");
    fs.writeFileSync(file("arguments.json"), JSON.stringify(args));
    const { status, stdout, stderr } = spawnSync("python3", [path.join(scripts, "networks.py")], {
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"],
        PYTHONPATH: path.join(__dirname, "fake-openstack"),
        PYTHONDONTWRITEBYTECODE: "1",
        STRATIFORM_INPUT: place,
        STRATIFORM_LAST_WORD: file("last-word"),
        STATE: file("state"),
        CALLS: file("calls"),
      },
    });
    const calls = fs.readFileSync(file("calls"), "utf8").trim();
    return {
      status,
      output: stdout + stderr,
      lastWord: fs.readFileSync(file("last-word"), "utf8"),
      calls: calls === "" ? [] : calls.split("\n").map((line) => JSON.parse(line) as [string, Record<string, unknown>]),
      state: JSON.parse(fs.readFileSync(file("state"), "utf8")) as State,
    };
  } finally {
    fs.rmSync(place, { recursive: true });
  }
}

/** A state as a first run leaves it, with `change` in the network and `subnet` in the subnet. */
function made(change: Record<string, unknown> = {}, subnet: Record<string, unknown> = {}): State {
  const { state } = run({ networks: [], subnets: [] });
  return {
    networks: state.networks.map((item) => ({ ...item, ...change })),
    subnets: state.subnets.map((item) => ({ ...item, ...subnet })),
  };
}

describe("the external network", () => {
  it("is made with its subnet, flat, without DHCP, and marked", () => {
    const { status, output, calls, state } = run({ networks: [], subnets: [] });
    assert.equal(status, 0, output);
    assert.deepEqual(
      calls.map(([call]) => call),
      ["create networks", "update networks", "create subnets", "update subnets"],
    );
    assert.deepEqual(state.networks, [
      {
        id: "networks-1",
        tags: ["stratiform-dev"],
        name: "external",
        is_router_external: true,
        provider_network_type: "flat",
        provider_physical_network: "external",
      },
    ]);
    assert.deepEqual(state.subnets, [
      {
        id: "subnets-1",
        tags: ["stratiform-dev"],
        network_id: "networks-1",
        name: "external",
        ip_version: 4,
        cidr: "10.64.1.0/24",
        gateway_ip: "10.64.1.1",
        allocation_pools: [{ start: "10.64.1.100", end: "10.64.1.249" }],
        is_dhcp_enabled: false,
      },
    ]);
  });

  it("is left alone by a second run, under whatever name", () => {
    const { status, calls } = run(made({ name: "internet" }));
    assert.deepEqual({ status, calls }, { status: 0, calls: [] });
  });

  it("is marked and finished where an earlier run ended between its calls", () => {
    const half = made({ tags: ["mine"], is_router_external: false });
    const { status, calls, state } = run({ networks: half.networks, subnets: [] });
    assert.equal(status, 0);
    assert.ok(!calls.some(([call]) => call === "create networks"));
    assert.deepEqual(state.networks[0]?.["tags"], ["mine", "stratiform-dev"]);
    assert.equal(state.networks[0]?.["is_router_external"], true);
    assert.equal(state.subnets.length, 1);
  });

  it("gets another gateway and range in one change", () => {
    const other = { ...wanted, subnet: { ...wanted.subnet, gateway: "10.64.1.2", start: "10.64.1.50" } };
    const { status, calls } = run(made(), other);
    assert.equal(status, 0);
    assert.deepEqual(calls, [
      ["update subnets", { gateway_ip: "10.64.1.2", allocation_pools: [{ start: "10.64.1.50", end: "10.64.1.249" }] }],
    ]);
  });

  const refusals: [string, State, unknown, RegExp][] = [
    [
      "another CIDR",
      made(),
      { ...wanted, subnet: { ...wanted.subnet, cidr: "10.9.0.0/24" } },
      /^networks\.external\.cidr: .* is 10\.64\.1\.0\/24, which cannot become 10\.9\.0\.0\/24; .*subnet delete subnets-1/,
    ],
    [
      "another kind of network under its mark",
      made({ provider_network_type: "vlan" }),
      wanted,
      /^networks\.external: .*provider_network_type is vlan, not flat, which Neutron cannot change/,
    ],
    [
      "two networks under its mark",
      { networks: [...made().networks, ...made({ id: "second" }).networks], subnets: [] },
      wanted,
      /^networks\.external: Neutron has 2 networks .*: networks-1, second/,
    ],
    [
      "what Neutron does not accept",
      { networks: [], subnets: [], refuses: "create subnets" },
      wanted,
      /^networks\.external: Neutron does not accept it: Invalid input$/,
    ],
  ];
  for (const [what, state, args, expected] of refusals) {
    it(`is refused for good with ${what}, in words that outlive the pod`, () => {
      const { status, lastWord, output } = run(state, args);
      assert.equal(status, 78, output);
      assert.match(lastWord, expected);
      assert.ok(output.includes(lastWord));
    });
  }

  it("fails otherwise when something else does, so that the job is tried anew", () => {
    const { status } = run({ networks: [], subnets: [] }, { cloud: "dev" });
    assert.equal(status, 1);
  });
});
