import * as assert from "node:assert/strict";
import * as fc from "fast-check";
import type { HostRole, KubeadmClusterArgs, TaintEffect } from "../../components/cluster/args";
import { validateCluster } from "../../components/cluster/validate";
import { host, validArgs } from "./arguments";

const threeControls = [host(1, ["control"]), host(2, ["control"]), host(3, ["control"])];

/** Arguments with one mistake each, and what the one message must say. */
const mistakes: Record<string, [Partial<KubeadmClusterArgs>, RegExp]> = {
  "duplicate host name": [
    { hosts: [host(1, ["control"]), host(2, ["compute"], { name: "node-1" })] },
    /^hosts\[1\]\.name: "node-1" is also the name of hosts\[0\]; give/,
  ],
  "duplicate address": [
    { hosts: [host(1, ["control"]), host(2, ["compute"], { address: "10.20.0.11" })] },
    /^hosts\[1\]\.address: "10\.20\.0\.11" is also the address of hosts\[0\]; give/,
  ],
  "host name not a DNS label": [
    { hosts: [host(1, ["control"], { name: "Node_1" })] },
    /^hosts\[0\]\.name: "Node_1" is not a DNS label; use/,
  ],
  "host address not an address": [
    { hosts: [host(1, ["control"], { address: "10.20.0" })] },
    /^hosts\[0\]\.address: "10\.20\.0" is not an IPv4 address; write/,
  ],
  "no hosts": [{ hosts: [] }, /^hosts: no host has the role "control"; give/],
  "no control host": [{ hosts: [host(1, ["compute"])] }, /^hosts: no host has the role "control"; give/],
  "even number of control hosts": [
    { hosts: threeControls.slice(0, 2), endpoint: { virtualIp: "10.20.0.2" } },
    /^hosts: 2 control hosts bear no more losses than 1.*`degraded: true`/,
  ],
  "no role": [{ hosts: [host(1, ["control"]), host(2, [])] }, /^hosts\[1\]\.roles: a host needs a role; name/],
  "unknown role": [
    { hosts: [host(1, ["control"]), host(2, ["storage" as HostRole])] },
    /^hosts\[1\]\.roles\[0\]: "storage" is not a role; use one of control, compute, gateway$/,
  ],
  "role twice": [{ hosts: [host(1, ["control", "control"])] }, /^hosts\[0\]\.roles\[1\]: "control" stands twice/],
  "host key missing": [
    { hosts: [host(1, ["control"], { hostKey: undefined })] },
    /^hosts\[0\]\.hostKey: is missing.*ssh_host_ed25519_key\.pub/,
  ],
  "host key not a key": [
    { hosts: [host(1, ["control"], { hostKey: "SHA256:abc" })] },
    /^hosts\[0\]\.hostKey: is not an SSH public key; write/,
  ],
  "pod network not a network": [{ networks: { pods: "10.244.0.0" } }, /^networks\.pods: .* is not an IPv4 network/],
  "pod network with host bits": [
    { networks: { pods: "10.244.0.1/16" } },
    /^networks\.pods: .*write the network itself: "10\.244\.0\.0\/16"$/,
  ],
  "pod network too small": [
    { networks: { pods: "10.244.0.0/23" } },
    /^networks\.pods: .*too small for 3 hosts.*a \/22/,
  ],
  "service network too large": [
    { networks: { services: "172.0.0.0/8" } },
    /^networks\.services: a \/8 is not possible/,
  ],
  "networks overlap": [{ networks: { services: "10.244.128.0/20" } }, /^networks\.services: overlaps networks\.pods/],
  "pod network contains a host": [
    { networks: { pods: "10.20.0.0/16" }, hosts: [host(1, ["control"])] },
    /^networks\.pods: contains 10\.20\.0\.11 \(hosts\[0\]\.address\); choose/,
  ],
  "service network contains the virtual IP": [
    { networks: { services: "10.21.0.0/16" }, endpoint: { virtualIp: "10.21.0.1" } },
    /^networks\.services: contains 10\.21\.0\.1 \(endpoint\.virtualIp\); choose/,
  ],
  "virtual IP and external endpoint": [
    { endpoint: { virtualIp: "10.20.0.2", external: "lb.example" } },
    /^endpoint: only one of `virtualIp` and `external` can be given; remove one$/,
  ],
  "virtual IP of a host": [{ endpoint: { virtualIp: "10.20.0.11" } }, /^endpoint\.virtualIp: .*address of hosts\[0\]/],
  "no stable endpoint": [{ hosts: threeControls }, /^endpoint: 3 control hosts need an address .*set `virtualIp`/],
  "interface without virtual IP": [{ endpoint: { virtualIpInterface: "eth0" } }, /^endpoint\.virtualIpInterface: has/],
  "endpoint with port": [{ endpoint: { external: "lb.example:6443" } }, /^endpoint\.external: .*without port$/],
  "version with v": [{ kubernetesVersion: "v1.34.4" }, /^kubernetesVersion: "v1\.34\.4" is not a release/],
  "version of two numbers": [{ kubernetesVersion: "1.34" }, /^kubernetesVersion: "1\.34" is not .*all three numbers/],
  "version too old": [{ kubernetesVersion: "1.20.0" }, /^kubernetesVersion: 1\.20\.0 is not supported.*use a version/],
  "version too new": [{ kubernetesVersion: "1.99.0" }, /^kubernetesVersion: 1\.99\.0 is not supported.*use a version/],
  "version without digest": [
    { kubernetesVersion: "1.34.99" },
    /^artifacts\.digests: this release knows no digest of v1\.34\.99\/kubeadm, .*add each/,
  ],
  "bad digest": [
    { artifacts: { digests: { "v1.34.4/kubeadm": "sha256:12" } } },
    /^artifacts\.digests\["v1\.34\.4\/kubeadm"\]: is not a SHA-256 digest/,
  ],
  "artifact URL": [{ artifacts: { kubernetesUrl: "mirror" } }, /^artifacts\.kubernetesUrl: "mirror" is not the URL/],
  "mirror's certificate": [
    { imageMirror: { registry: "registry.example:5000", caCertificate: "/etc/ca.pem" } },
    /^imageMirror\.caCertificate: is not a certificate in PEM form; paste/,
  ],
  "mirror with scheme": [
    { imageMirror: { registry: "https://r.example" } },
    /^imageMirror\.registry: .*without scheme/,
  ],
  "label key": [
    { hosts: [host(1, ["control"], { labels: { "a/b/c": "" } })] },
    /^hosts\[0\]\.labels: "a\/b\/c" is not/,
  ],
  "label value": [
    { hosts: [host(1, ["control"], { labels: { rack: "a b" } })] },
    /^hosts\[0\]\.labels\["rack"\]: "a b"/,
  ],
  "taint effect": [
    { hosts: [host(1, ["control"], { taints: [{ key: "a", effect: "Never" as TaintEffect }] })] },
    /^hosts\[0\]\.taints\[0\]\.effect: "Never" is not an effect; use one of NoSchedule/,
  ],
  "cluster name": [{ clusterName: "my_cloud" }, /^clusterName: "my_cloud" is not a DNS label; use/],
  "port of a host": [{ hosts: [host(1, ["control"], { port: 70000 })] }, /^hosts\[0\]\.port: 70000 is not a TCP port/],
};

describe("validateCluster", () => {
  it("finds nothing wrong with valid arguments", () => {
    assert.deepEqual(validateCluster(validArgs()), []);
    assert.deepEqual(validateCluster(validArgs({ hosts: threeControls, endpoint: { virtualIp: "10.20.0.2" } })), []);
    assert.deepEqual(validateCluster(validArgs({ hosts: threeControls, endpoint: { external: "lb.example" } })), []);
  });

  for (const [title, [change, message]] of Object.entries(mistakes)) {
    it(`names the mistake: ${title}`, () => {
      const problems = validateCluster(validArgs(change));
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", message);
    });
  }

  it("allows what is written out", () => {
    const two = { hosts: threeControls.slice(0, 2), endpoint: { virtualIp: "10.20.0.2" } };
    assert.deepEqual(validateCluster(validArgs({ ...two, degraded: true })), []);
    const keyless = [host(1, ["control"], { hostKey: undefined })];
    const ssh = { privateKey: "key", insecure: true };
    assert.deepEqual(validateCluster(validArgs({ hosts: keyless, ssh })), []);
    const digests = Object.fromEntries(
      ["kubeadm", "kubelet", "kubectl"].map((file) => [`v1.34.99/${file}`, `sha256:${"0".repeat(64)}`]),
    );
    assert.deepEqual(validateCluster(validArgs({ kubernetesVersion: "1.34.99", artifacts: { digests } })), []);
  });

  it("reports all mistakes at once", () => {
    const hosts = [host(1, []), host(1, ["compute"]), host(3, ["compute"], { hostKey: undefined })];
    assert.equal(validateCluster(validArgs({ hosts, kubernetesVersion: "1.34" })).length, 6);
  });

  it("accepts any number of distinct hosts, and refuses any repeated one", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 2, max: 200 }), { minLength: 1, maxLength: 60 }), (numbers) => {
        const hosts = [host(1, ["control"]), ...numbers.map((number) => host(number, ["compute"]))];
        assert.deepEqual(validateCluster(validArgs({ hosts })), []);
        const repeated = [...hosts, hosts[numbers.length] ?? host(1, ["compute"])];
        assert.equal(validateCluster(validArgs({ hosts: repeated })).length, 2);
      }),
      { numRuns: 50 },
    );
  });

  it("says that two networks overlap exactly if one contains the other's first address", () => {
    const network = fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 12, max: 20 }))
      .map(([part, prefix]) => {
        const first = ((100 * 2 ** 24 + part * 2 ** 12) >>> (32 - prefix)) * 2 ** (32 - prefix);
        return { first, size: 2 ** (32 - prefix), prefix };
      });
    const text = ({ first, prefix }: { first: number; prefix: number }): string =>
      `${[24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join(".")}/${prefix}`;
    fc.assert(
      fc.property(network, network, (pods, services) => {
        const inside = (inner: typeof pods, outer: typeof pods): boolean =>
          inner.first >= outer.first && inner.first < outer.first + outer.size;
        const problems = validateCluster(validArgs({ networks: { pods: text(pods), services: text(services) } }));
        const found = problems.some((problem) => problem.includes("overlaps"));
        assert.equal(found, inside(pods, services) || inside(services, pods), problems.join("\n"));
      }),
      { numRuns: 200 },
    );
  });

  it("never throws, whatever the texts are", () => {
    const word = fc.string();
    const anything = fc.record({ name: word, address: word, hostKey: word, labels: fc.dictionary(word, word) });
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 5 }), word, word, (hosts, pods, version) => {
        const args = { hosts: hosts.map((item) => ({ ...item, roles: [] })), networks: { pods } };
        const problems = validateCluster(validArgs({ ...args, kubernetesVersion: version }));
        assert.ok(problems.every((problem) => /^[a-zA-Z]+.*: .*/s.test(problem)));
      }),
      { numRuns: 100 },
    );
  });
});
