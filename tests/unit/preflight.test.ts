import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as path from "node:path";
import { type HostReport, interfacesOf, judge, parseReport } from "../../components/cluster/findings";
import { planCluster } from "../../components/cluster/plan";
import { host, validArgs } from "./arguments";

const now = 1_800_000_000;
const uid = "00ff";
const hosts = validArgs().hosts;
const control = hosts.find((host) => host.roles.includes("control"))?.name ?? "";

/** What `preflight.sh` prints about a host that is fit, with other lines instead of or beside them. */
function report(host: string, change: Record<string, string | string[]> = {}): HostReport {
  const lines: Record<string, string | string[]> = {
    os: "debian 12",
    architecture: "x86_64",
    machine_id: `id-of-${host}`,
    time: String(now),
    cpus: "4",
    memory_mib: "8000",
    free_mib: ["/var/lib 20000", "/opt 20000", "/run 800"],
    done: "yes",
    ...change,
  };
  const text = Object.entries(lines).flatMap(([key, value]) => [value].flat().map((one) => `${key} ${one}`));
  return parseReport(text.join("\n"));
}

function findings(
  change: Record<string, Record<string, string | string[]>> = {},
  known: string | undefined = undefined,
) {
  const plan = planCluster("test", validArgs());
  return judge(plan, known, new Map(hosts.map(({ name }) => [name, report(name, change[name] ?? {})])), now);
}

const ours = { claim_cluster_uid: uid, claim_cluster_name: "test", claim_host_name: control };

describe("preflight", () => {
  it("finds nothing wrong with hosts that are fit", () => {
    assert.deepEqual(findings(), { errors: [], warnings: [] });
    assert.deepEqual(findings({ [control]: { ...ours, initialised: "yes", kubelet_version: "1.34.4" } }, uid), {
      errors: [],
      warnings: [],
    });
  });

  const mistakes: [string, Record<string, string | string[]>, RegExp][] = [
    ["a host that failed", { failed: "cannot be reached at 10.0.0.1:22" }, /cannot be reached/],
    ["another system", { os: "fedora 43" }, /"fedora 43".*supported are debian 12/],
    ["another architecture", { architecture: "aarch64" }, /aarch64/],
    ["another cluster's host", { ...ours, claim_cluster_uid: "beef", claim_cluster_name: "old" }, /"old" \(beef\)/],
    ["a host of this cluster under another name", { ...ours, claim_host_name: "was" }, /under the name "was"/],
    ["a foreign node", { foreign: "kubernetes" }, /data of kubernetes that is not ours/],
    [
      "a containerd with others' images",
      { containerd_in_use: "yes" },
      /containerd holds images or containers of others/,
    ],
    ["a firewall", { firewall: "ufw" }, /ufw is active/],
    ["a port in use", { port_in_use: "6443" }, /port 6443 is in use/],
    ["a full disk", { free_mib: ["/var/lib 12"] }, /only 12 MiB are free under \/var\/lib/],
    ["a clock that is off", { time: String(now - 45) }, /differs from this computer's by 45 s/],
    ["an address of nobody", { address_missing: "10.9.9.9" }, /no interface of it has the address 10\.9\.9\.9/],
    ["a mirror out of reach", { artifact_unreachable: "https://m/kubelet curl: (7)" }, /cannot reach the release file/],
    [
      "a wrong digest",
      { artifact_digest: "https://m/kubelet sha256:a sha256:b" },
      /digest sha256:a, expected sha256:b/,
    ],
    ["a registry out of reach", { registry_unreachable: "r:5000 curl: (7)" }, /cannot reach the registry r:5000/],
    ["a version to go down from", { kubelet_version: "1.35.1" }, /never taken down a version/],
    ["a version too far", { kubelet_version: "1.32.13" }, /one minor at a time; set 1\.33\.x first/],
    ["a small control host", { cpus: "1" }, /a control host needs 2 and 1700/],
  ];
  for (const [name, change, expected] of mistakes) {
    it(`refuses ${name}, and names the host`, () => {
      const { errors } = findings({ [control]: change }, uid);
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.match(errors[0] ?? "", new RegExp(`^host ${control}: `));
      assert.match(errors[0] ?? "", expected);
    });
  }

  it("refuses an interface that a host does not have, and names the inputs that say so, and those that it has", () => {
    const interfaces = { provider: "eth9", tunnel: "eth8" };
    const plan = planCluster(
      "test",
      validArgs({
        hosts: [host(1, ["control"]), host(2, ["compute", "gateway"], { interfaces })],
        endpoint: { virtualIp: "10.20.0.5", virtualIpInterface: "bond0" },
      }),
    );
    const examined = (name: string, change: Record<string, string[]>) =>
      report(name, { interface: ["eth0", "eth1"], ...change });
    const { errors } = judge(
      plan,
      undefined,
      new Map([
        ["node-1", examined("node-1", { interface_missing: ["bond0"] })],
        ["node-2", examined("node-2", { interface_missing: ["eth9", "eth8"] })],
      ]),
      now,
    );
    assert.deepEqual(errors, [
      'host node-1: it has no interface "bond0" (stratiform:cluster.endpoint.virtualIpInterface); write one that it has: eth0, eth1',
      'host node-2: it has no interface "eth9" (stratiform:cluster.hosts[1].interfaces.provider, or stratiform:cloud.networks.external.interface); write one that it has: eth0, eth1',
      'host node-2: it has no interface "eth8" (stratiform:cluster.hosts[1].interfaces.tunnel); write one that it has: eth0, eth1',
    ]);
  });

  it("refuses a provider interface that carries the host's own address", () => {
    const plan = planCluster(
      "test",
      validArgs({ hosts: [host(1, ["control"], { interfaces: { provider: "eth0" } })] }),
    );
    const errorsOf = (card: string) =>
      judge(plan, undefined, new Map([["node-1", report("node-1", { address_interface: card })]]), now).errors;
    assert.match(
      errorsOf("eth0").join("\n"),
      /^host node-1: its interface eth0 carries its own address, .*interfaces\.provider.*; write another/,
    );
    assert.deepEqual(errorsOf("eth1"), []);
  });

  it("asks of each host the interfaces that its part of the stack names", () => {
    const plan = planCluster(
      "test",
      validArgs({
        hosts: [host(1, ["control"], { interfaces: { provider: "eth1" } }), host(2, ["compute"])],
        endpoint: { virtualIp: "10.20.0.5", virtualIpInterface: "eth0" },
      }),
    );
    const [first, second] = plan.args.hosts;
    assert.ok(first && second);
    assert.deepEqual([...interfacesOf(plan, first).keys()], ["eth1", "eth0"]);
    // Only control hosts hold the virtual IP.
    assert.deepEqual([...interfacesOf(plan, second).keys()], []);
  });

  it("is told by the host which interfaces it has, and which of those asked for it has not (preflight.sh)", () => {
    const script = path.join(__dirname, "../../components/cluster/scripts/preflight.sh");
    const inputs = { HOST_ADDRESS: "127.0.0.1", KUBERNETES_VERSION: "v1.34.4", INTERFACES: "lo eth-none" };
    const { stdout, stderr } = spawnSync("bash", [script], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], ...inputs, PROBE_URLS: "", PROBE_CA: "", REGISTRY: "", REGISTRY_CA: "" },
    });
    const found = parseReport(stdout);
    assert.ok(found.has("done"), stderr);
    assert.deepEqual(found.get("interface_missing"), ["eth-none"]);
    assert.deepEqual(found.get("address_interface"), ["lo"]);
    assert.ok(!found.get("interface")?.includes("lo"));
  });

  it("refuses any claimed host while the cluster has not been made", () => {
    assert.match(findings({ [control]: ours }).errors.join(), /belongs to another cluster/);
  });

  it("refuses two machines with one machine-id, and names both", () => {
    const [first, second] = hosts;
    const { errors } = findings({ [second?.name ?? ""]: { machine_id: `id-of-${first?.name}` } });
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? "", new RegExp(`${first?.name} and ${second?.name} have the same machine-id`));
  });

  it("says everything about every host at once", () => {
    const { errors } = findings(Object.fromEntries(hosts.map(({ name }) => [name, { os: "x", foreign: "etcd" }])));
    assert.equal(errors.length, 2 * hosts.length);
  });

  it("warns of what somebody else changed or stopped, without refusing", () => {
    const { errors, warnings } = findings(
      { [control]: { ...ours, changed_file: "/etc/containerd/config.toml", stopped: "containerd" } },
      uid,
    );
    assert.deepEqual(errors, []);
    assert.equal(warnings.length, 2);
    assert.match(warnings.join("\n"), new RegExp(`host ${control}: /etc/containerd/config.toml was changed`));
  });
});

describe("preflight of a control plane", () => {
  it("refuses a new control host while those that hold the cluster are down", () => {
    const names = ["a", "b", "c"];
    const three = validArgs({
      hosts: names.map((name, index) => host(index + 1, ["control"], { name })),
      endpoint: { virtualIp: "10.20.0.10" },
    });
    const plan = planCluster("test", three);
    const down = { ...ours, initialised: "yes", stopped: "kubelet" };
    const reports = new Map(
      names.map((name) => [name, report(name, name === "a" ? {} : { ...down, claim_host_name: name })]),
    );
    assert.match(judge(plan, uid, reports, now).errors.join("\n"), /a cannot join.*\(b, c\); start them first/);
  });
});
