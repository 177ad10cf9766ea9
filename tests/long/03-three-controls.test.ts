import * as assert from "node:assert/strict";
import { plannedChanges } from "../lab/support/operations";
import { ownLab } from "../lab/support/own-lab";
import type { HostConfig } from "../lab/support/site";
import { eventually } from "../lab/support/wait";

describe("three control hosts with a virtual IP", function () {
  this.timeout(1_800_000);
  const lab = ownLab({ name: "trio", hosts: 4, control: 3 });
  let virtualIp: string;

  before(async () => {
    // The lab keeps addresses from .100 up for this.
    virtualIp = lab.site().cluster.hosts[0]?.address.replace(/\d+$/, "100") ?? "";
    lab.site().edit((cluster) => {
      cluster.endpoint = { virtualIp };
    });
    await lab.site().up();
  });

  /** The control hosts that hold the virtual IP. */
  async function holders(): Promise<string[]> {
    const found: string[] = [];
    for (const host of lab.site().controls) {
      const result = await lab.site().lab.ssh(host, `ip -o addr show to ${virtualIp}/32`);
      if (result.code === 0 && result.stdout.trim() !== "") found.push(host);
    }
    return found;
  }

  async function etcdMembers(by: string): Promise<string[]> {
    const pki = "/etc/kubernetes/pki/etcd";
    const text = await lab
      .site()
      .kubectl(
        ...["-n", "kube-system", "exec", `etcd-${by}`, "--", "etcdctl", "--endpoints=https://127.0.0.1:2379"],
        ...[`--cacert=${pki}/ca.crt`, `--cert=${pki}/server.crt`, `--key=${pki}/server.key`, "member", "list"],
      );
    return text
      .trim()
      .split("\n")
      .map((line) => line.split(", ")[2] ?? "")
      .sort();
  }

  it("are nodes and etcd members, and one of them holds the address of the API", async () => {
    const site = lab.site();
    await site.nodesReady(120);
    assert.deepEqual(await etcdMembers(site.controls[0] ?? ""), [...site.controls].sort());
    assert.equal((await holders()).length, 1);
    const { stdout } = await site.pulumi(["stack", "output", "apiServer"]);
    assert.equal(stdout.trim(), `https://${virtualIp}:6443`);
    assert.deepEqual(await plannedChanges(site), []);
  });

  it("answer at the same address when its holder's power is cut, and the holder rejoins unaided", async () => {
    const site = lab.site();
    const [holder = ""] = await holders();
    await site.lab.powerOff(holder);
    await eventually("the API at its address", 120, async () =>
      /^ok/.test(await site.kubectl("get", "--raw", "/readyz", "--request-timeout=5s")),
    );
    // Not only reading: etcd has a majority.
    await eventually("a change to be taken", 120, async () => {
      await site.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "written-without-holder" } });
      return true;
    });
    await site.lab.powerOn(holder);
    await site.nodesReady(300);
    await eventually("one holder", 60, async () => (await holders()).length === 1);
    await site.pulumiOk("preview", "--expect-no-changes");
  });

  for (const which of ["last", "first"] as const) {
    it(`let the ${which} one go and take it back`, async () => {
      const site = lab.site();
      const whole = site.cluster.hosts;
      const controls = site.controls;
      const leaving = (which === "last" ? controls[controls.length - 1] : controls[0]) ?? "";
      const staying = controls.filter((name) => name !== leaving);
      site.edit((cluster) => {
        cluster.hosts = without(cluster.hosts, leaving);
      });
      assert.notEqual((await site.pulumi(["preview"])).code, 0, "two control hosts were accepted without `degraded`");
      site.edit((cluster) => {
        cluster.degraded = true;
      });
      await site.up();
      await site.nodesReady(120);
      assert.deepEqual(await etcdMembers(staying[0] ?? ""), [...staying].sort());
      await lab.assertBareHost(leaving);

      site.edit((cluster) => {
        cluster.hosts = whole;
        delete cluster.degraded;
      });
      await site.up();
      await site.nodesReady(120);
      assert.deepEqual(await etcdMembers(leaving), [...controls].sort());
      assert.deepEqual(await plannedChanges(site), []);
    });
  }

  it("are given back as they were", async () => {
    await lab.destroy();
  });
});

function without(hosts: HostConfig[], name: string): HostConfig[] {
  return hosts.filter((host) => host.name !== name);
}
