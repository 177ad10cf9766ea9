import * as assert from "node:assert/strict";
import { plannedChanges } from "./operations";
import type { Site } from "./site";
import { eventually, pause } from "./wait";

/** Longest time without an answer of the API after a power cut, in seconds: a bound against hanging, no measure of speed. */
const longestOutage = 120;

/** An address of the hosts' network that is no host's: the lab keeps those from .100 up free. */
export function freeAddress(site: Site): string {
  return site.cluster.hosts[0]?.address.replace(/\d+$/, "100") ?? "";
}

/** The control hosts that hold a virtual IP. */
async function holders(site: Site, virtualIp: string): Promise<string[]> {
  const found: string[] = [];
  for (const host of site.controls) {
    const result = await site.lab.ssh(host, `ip -o addr show to ${virtualIp}/32`);
    if (result.code === 0 && result.stdout.trim() !== "") found.push(host);
  }
  return found;
}

/** Names of etcd's members, sorted, as the member on one host has them. */
export async function etcdMembers(site: Site, by: string): Promise<string[]> {
  const pki = "/etc/kubernetes/pki/etcd";
  const text = await site.kubectl(
    ...["-n", "kube-system", "exec", `etcd-${by}`, "--", "etcdctl", "--endpoints=https://127.0.0.1:2379"],
    ...[`--cacert=${pki}/ca.crt`, `--cert=${pki}/server.crt`, `--key=${pki}/server.key`, "member", "list"],
  );
  return text
    .trim()
    .split("\n")
    .map((line) => line.split(", ")[2] ?? "")
    .sort();
}

/** Fails unless all control hosts are nodes and etcd members, one holds the virtual IP, and the API's address is that. */
export async function assertControlPlane(site: Site, virtualIp: string): Promise<void> {
  await site.nodesReady(120);
  assert.deepEqual(await etcdMembers(site, site.controls[0] ?? ""), [...site.controls].sort());
  assert.equal((await holders(site, virtualIp)).length, 1, "hosts that hold the virtual IP");
  const { stdout } = await site.pulumi(["stack", "output", "apiServer"]);
  assert.equal(stdout.trim(), `https://${virtualIp}:6443`);
  assert.deepEqual(await plannedChanges(site), []);
}

/**
 * Cuts the power of the host that holds the virtual IP while the API is called there. Fails unless the API answers again
 * at that address, reading and writing, and the host rejoins unaided when it has power again.
 *
 * @returns the longest time without an answer, in seconds
 */
export async function loseHolder(site: Site, virtualIp: string): Promise<number> {
  const [holder = ""] = await holders(site, virtualIp);
  const calls = watchApi(site);
  try {
    await site.lab.powerOff(holder);
    // Not only reading: etcd has a majority.
    await eventually("a change to be taken without the holder", longestOutage, async () => {
      await site.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "written-without-holder" } });
      return true;
    });
    const [next = ""] = await holders(site, virtualIp);
    assert.notEqual(next, "", `nobody holds ${virtualIp} after ${holder}`);
    await site.lab.powerOn(holder);
    await site.nodesReady(300);
    await eventually("one holder", 60, async () => (await holders(site, virtualIp)).length === 1);
    await site.pulumiOk("preview", "--expect-no-changes");
  } finally {
    calls.end();
    // Where the test failed before: what comes after it needs the host.
    await site.lab.powerOn(holder);
  }
  const outage = await calls.outage;
  assert.ok(outage < longestOutage, `the API gave no answer for ${outage.toFixed(1)} s`);
  return outage;
}

/** Calls the API at its address until told to end; then says for how long it gave no answer at most, in seconds. */
function watchApi(site: Site): { end: () => void; outage: Promise<number> } {
  let over = false;
  const watch = async (): Promise<number> => {
    let longest = 0;
    let last = Date.now();
    while (!over) {
      const answer = await site.lab.kubectl(["get", "--raw", "/readyz", "--request-timeout=2s"]);
      if (answer.code === 0) {
        longest = Math.max(longest, Date.now() - last);
        last = Date.now();
      }
      await pause(300);
    }
    return Math.max(longest, Date.now() - last) / 1000;
  };
  return {
    end: () => {
      over = true;
    },
    outage: watch(),
  };
}
