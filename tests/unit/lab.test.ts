import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import type { HostArgs } from "../../components/cluster/args";
import { checkManifest } from "../../lab/check";
import { describeError, UserError } from "../../lab/error";
import { capture } from "../../lab/execute";
import { hostLimits, runArguments } from "../../lab/host";
import { reachableFrom } from "../../lab/kubeconfig";
import { completeOptions } from "../../lab/lab";
import { handedOn } from "../../lab/main";
import { mirrorDigests, mirrorFiles } from "../../lab/mirror";
import { checkLabName, hostRoles } from "../../lab/names";
import { chooseSubnets, hostAddress, overlap, routedNetworks } from "../../lab/network";
import { labEnvironment, pulumiArguments } from "../../lab/pulumi";
import type { LabRecord } from "../../lab/record";
import { TerminalReporter } from "../../lab/report";
import { processStart } from "../../lab/service";
import { type StackMachines, stackFileText } from "../../lab/stack-file";

const networks = {
  network: { name: "stratiform-dev-lab", subnet: "10.64.0.0/24", gateway: "10.64.0.1" },
  provider: { name: "stratiform-dev-provider", subnet: "10.64.1.0/24", gateway: "10.64.1.1" },
};

function host(number: number, key = "AAAA"): HostArgs {
  const name = `dev-${number}`;
  return { name, address: hostAddress("10.64.0.0/24", number), roles: ["compute"], hostKey: `ssh-ed25519 ${key}` };
}

function machines(hosts: HostArgs[]): StackMachines {
  return {
    name: "dev",
    hosts,
    kubernetesVersion: "1.34.4",
    artifacts: { kubernetesUrl: "https://10.64.0.1:8443/kubernetes", caCertificate: "line 1\nline 2\n" },
    imageMirror: { registry: "10.64.0.1:5000", tags: { pause: "3.10.1" } },
  };
}

const template = `# About the template.
config:
  # About the cluster.
  stratiform:cluster:
    name: dev
    hosts:
      - { name: node-1, address: 10.20.0.11, roles: [control] }
    ssh: { user: root }
    preflight: up
`;

interface Stack {
  config: { "stratiform:cluster": { hosts: HostArgs[]; [key: string]: unknown }; [key: string]: unknown };
  encryptionsalt?: string;
}

describe("lab: networks", () => {
  it("takes the first pair of subnets that overlaps nothing", () => {
    assert.deepEqual(chooseSubnets([]), { lab: "10.64.0.0/24", provider: "10.64.1.0/24" });
    assert.deepEqual(chooseSubnets(["10.64.1.128/25"]), { lab: "10.64.2.0/24", provider: "10.64.3.0/24" });
    assert.deepEqual(chooseSubnets(["10.64.0.0/16", "192.0.2.0/24", "fd00::/8"]).lab, "10.65.0.0/24");
    assert.throws(() => chooseSubnets(["10.0.0.0/8"]), UserError);
  });

  it("never overlaps what is in use, nor the default pod and service networks", () => {
    const network = fc
      .tuple(fc.integer({ min: 64, max: 95 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 14, max: 32 }))
      .map(([second, third, length]) => `10.${second}.${third}.0/${length}`);
    fc.assert(
      fc.property(fc.array(network, { maxLength: 12 }), (used) => {
        const { lab, provider } = chooseSubnets(used);
        for (const other of [...used, "10.96.0.0/16", "10.244.0.0/16"]) {
          assert.ok(!overlap(lab, other) && !overlap(provider, other), `${lab}, ${provider}, ${other}`);
        }
        assert.ok(!overlap(lab, provider));
      }),
    );
  });

  it("reads this computer's routes", () => {
    const json = '[{"dst":"default"},{"dst":"10.1.0.0/16"},{"dst":"10.2.0.1"},{"dst":"fe80::1"},{}]';
    assert.deepEqual(routedNetworks(json), ["10.1.0.0/16", "10.2.0.1/32", "fe80::1/128"]);
  });
});

describe("lab: hosts", () => {
  it("gives roles: the first ones control, the very first is the gateway, the rest compute", () => {
    assert.deepEqual(hostRoles(1, 3, 1), ["control", "gateway"]);
    assert.deepEqual(hostRoles(2, 3, 1), ["compute"]);
    assert.deepEqual(hostRoles(2, 4, 3), ["control"]);
    assert.deepEqual(hostRoles(1, 1, 1), ["control", "gateway", "compute"]);
    assert.deepEqual(hostRoles(3, 3, 3), ["control", "compute"]);
  });

  it("takes names that are DNS labels", () => {
    assert.equal(checkLabName("t1"), "t1");
    for (const name of ["", "Dev", "1a", "a-", "a_b", "../x", "a".repeat(21)]) {
      assert.throws(() => checkLabName(name), UserError, name);
    }
  });

  it("fixes names of interfaces, addresses and what podman may not do by itself", () => {
    const limits = { nofile: 20000, nproc: 16000 };
    const args = runArguments({
      lab: "dev",
      number: 2,
      image: "i:1",
      networks,
      publicKey: "/k",
      limits,
      runtime: "runc",
    });
    const text = args.join(" ");
    assert.match(text, /--network stratiform-dev-lab:ip=10\.64\.0\.12,interface_name=eth0/);
    assert.match(text, /--network stratiform-dev-provider:ip=10\.64\.1\.12,interface_name=eth1/);
    assert.match(text, /--runtime runc .*--privileged --systemd=false --cgroupns=private/);
    assert.match(text, /--volume stratiform-dev-2-etcd:\/var\/lib\/etcd/);
    assert.match(text, /i:1 \/sbin\/init$/);
  });

  it("asks for no more than this computer's hard limits", () => {
    const line = (name: string, soft: string, hard: string) =>
      `${name.padEnd(26)}${soft.padEnd(21)}${hard.padEnd(21)}units\n`;
    const low = line("Max processes", "100", "9000") + line("Max open files", "1024", "4096");
    assert.deepEqual(hostLimits(low), { nofile: 4096, nproc: 9000 });
    const high = line("Max processes", "unlimited", "unlimited") + line("Max open files", "1024", "1048576");
    assert.deepEqual(hostLimits(high), { nofile: 20000, nproc: 16000 });
  });

  it("puts options, what is there, and defaults together", () => {
    const record: LabRecord = { name: "dev", stack: "dev", kubernetes: ["1.34.4"], hosts: [], ...networks };
    const four = [1, 2, 3, 4].map((number) => ({
      ...{ name: `dev-${number}`, address: "", providerAddress: "", container: "", number },
    }));
    assert.deepEqual(completeOptions({}, undefined), {
      ...{ name: "dev", stack: "dev", hosts: 3, control: 1, kubernetes: ["1.34.4"], bare: false, cloud: false },
      services: ["keystone", "placement", "glance", "neutron", "nova"],
    });
    assert.deepEqual(completeOptions({ services: ["keystone"] }, undefined).services, ["keystone"]);
    assert.equal(completeOptions({ cloud: true }, record).cloud, true);
    assert.equal(completeOptions({}, { ...record, cloud: true }).cloud, true);
    assert.equal(completeOptions({}, record).hosts, 3);
    assert.equal(completeOptions({ hosts: 2 }, { ...record, hosts: four }).hosts, 4);
    assert.deepEqual(completeOptions({ kubernetes: ["1.35.4"] }, record).kubernetes, ["1.35.4", "1.34.4"]);
    assert.throws(() => completeOptions({ stack: "other" }, record), /has the stack dev/);
    assert.throws(() => completeOptions({ hosts: 2, control: 3 }, undefined), /--control/);
    assert.throws(() => completeOptions({ hosts: 65 }, undefined), /1 to 64 hosts/);
  });
});

describe("lab: stack file", () => {
  it("is made from the template, with the lab's machines for its hosts", () => {
    const text = stackFileText(machines([host(1), host(2)]), undefined, template);
    const cluster = (parse(text) as Stack).config["stratiform:cluster"];
    assert.deepEqual(cluster.hosts, [host(1), host(2)]);
    assert.equal(cluster.preflight, "up");
    assert.equal(cluster.kubernetesVersion, "1.34.4");
    assert.deepEqual(cluster.artifacts, machines([]).artifacts);
    assert.doesNotMatch(text, /About the template|node-1/);
    assert.match(text, /^# Stack file of the lab/);
    assert.match(text, /- \{ ?name: dev-1, /);
  });

  it("keeps what others wrote into it", () => {
    const first = stackFileText(machines([host(1)]), undefined, template);
    const edited = `${first
      .replace("kubernetesVersion: 1.34.4", "kubernetesVersion: 1.33.1 # mine")
      .replace("roles: [ compute ]", "roles: [ control ], labels: { a: b }")
      .replace("roles: [compute]", "roles: [control], labels: { a: b }")}  other:key: value\nencryptionsalt: v1:abc\n`;
    const again = stackFileText(machines([host(1, "BBBB"), host(2)]), edited, template);
    const stack = parse(again) as Stack;
    const { hosts, kubernetesVersion } = stack.config["stratiform:cluster"];
    assert.equal(kubernetesVersion, "1.33.1");
    assert.match(again, /# mine/);
    assert.deepEqual(hosts[0], { ...host(1, "BBBB"), roles: ["control"], labels: { a: "b" } });
    assert.deepEqual(hosts[1], host(2));
    assert.equal(stack.config["other:key"], "value");
    assert.equal(stack.encryptionsalt, "v1:abc");
    assert.equal(stackFileText(machines([host(1, "BBBB"), host(2)]), again, template), again);
  });

  it("does not put a host in again that was taken out", () => {
    const text = stackFileText(machines([host(1)]), undefined, template);
    const again = stackFileText(machines([host(1), host(2), host(3)]), text, template, ["dev-1", "dev-2"]);
    const names = (parse(again) as Stack).config["stratiform:cluster"].hosts.map(({ name }) => name);
    assert.deepEqual(names, ["dev-1", "dev-3"]);
  });

  it("is refused with its place if it cannot be read", () => {
    assert.throws(() => stackFileText(machines([]), "config: [", template), UserError);
    assert.throws(() => stackFileText(machines([]), "config: {}", template), /stratiform:cluster/);
  });
});

describe("lab: commands", () => {
  const completed = (...args: string[]) => pulumiArguments(args, "dev", "/lab/Pulumi.dev.yaml");
  const added = ["--stack", "dev", "--config-file", "/lab/Pulumi.dev.yaml"];

  it("adds the stack and its file to Pulumi commands that take them", () => {
    assert.deepEqual(completed("up", "--yes"), ["up", ...added, "--yes"]);
    assert.deepEqual(completed("--non-interactive", "preview", "--diff"), [
      "--non-interactive",
      ...["preview", ...added, "--diff"],
    ]);
    assert.deepEqual(completed("config", "set", "a", "b"), ["config", ...added, "set", "a", "b"]);
    assert.deepEqual(completed("stack", "output"), ["--cwd", "/lab", "stack", "output"]);
    assert.deepEqual(completed("-C", "elsewhere", "stack", "output"), ["-C", "elsewhere", "stack", "output"]);
    assert.deepEqual(completed("cancel", "--yes"), ["--cwd", "/lab", "cancel", "--yes"]);
    assert.deepEqual(completed(), []);
  });

  it("leaves the user's own choice alone", () => {
    for (const args of [
      ["up", "-s", "x"],
      ["up", "--stack=x"],
      ["up", "--config-file", "f"],
      ["up", "--help"],
    ]) {
      assert.deepEqual(completed(...args), args);
    }
  });

  it("hands command lines on as they are", () => {
    assert.deepEqual(handedOn(["--", "preview", "--diff"]).rest, ["preview", "--diff"]);
    assert.deepEqual(handedOn(["--name", "t1", "--", "exec", "p", "--", "ls"]), {
      ...{ name: "t1", rest: ["exec", "p", "--", "ls"] },
    });
    assert.deepEqual(handedOn(["--name=t2", "get", "pods"]), { name: "t2", rest: ["get", "pods"] });
  });

  it("keeps the user's own backend and passphrase", () => {
    const tools = { pulumi: process.execPath, kubectl: process.execPath, path: ["/"], standIns: true, origin: "" };
    const record: LabRecord = { name: "dev", stack: "dev", kubernetes: [], hosts: [], tools, ...networks };
    const plain = labEnvironment(record, { PATH: "/bin" });
    assert.equal(plain.PATH, "/:/bin");
    assert.match(plain.PULUMI_BACKEND_URL ?? "", /^file:\/\/.*\/labs\/dev\/state\?metadata=skip$/);
    assert.match(plain.PULUMI_CONFIG_PASSPHRASE_FILE ?? "", /\/labs\/dev\/passphrase$/);
    assert.equal(plain.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION, "true");
    assert.equal(plain.KUBECONFIG, undefined);
    const own = labEnvironment(record, { PULUMI_BACKEND_URL: "s3://b", PULUMI_CONFIG_PASSPHRASE: "" });
    assert.equal(own.PULUMI_BACKEND_URL, "s3://b");
    assert.equal(own.PULUMI_CONFIG_PASSPHRASE_FILE, undefined);
    assert.throws(() => labEnvironment({ ...record, tools: { ...tools, kubectl: "/gone" } }), /gone.*npm run lab/);
  });

  it("turns a host's kubeconfig into one for this computer", () => {
    const config = parse(reachableFrom("clusters: [{ cluster: { server: 'https://api.x:6443' } }]", "10.64.0.11"));
    assert.deepEqual(config.clusters[0].cluster, { server: "https://10.64.0.11:6443", "tls-server-name": "api.x" });
  });

  it("keeps both streams and the exit code of what it runs", async () => {
    const result = await capture("sh", ["-c", "cat; echo problem >&2; exit 3"], { input: "text" });
    assert.deepEqual(result, { code: 3, stdout: "text", stderr: "problem\n" });
    assert.equal((await capture("sh", ["-c", "kill -9 $$"])).code, 137);
    await assert.rejects(capture("/no/such/program", []), UserError);
  });

  it("knows a process by its start time, not by its number alone", () => {
    assert.match(processStart(process.pid) ?? "", /^\d+$/);
    assert.notEqual(processStart(process.pid), processStart(1));
    assert.equal(processStart(2 ** 22 + 1), undefined);
  });
});

describe("lab: mirror, check, messages", () => {
  const release = { version: "1.34.4", directory: "/b", origin: "built" as const };
  const cni = { version: "v1.7.1", archive: "/c/cni-plugins-linux-amd64-v1.7.1.tgz", digest: "sha256:c" };

  it("has the layout of the upstream sites", () => {
    const digests = { kubeadm: "sha256:1", kubelet: "sha256:2", kubectl: "sha256:3", "kube-proxy": "sha256:4" };
    assert.deepEqual(mirrorFiles([{ ...release, digests }], cni), {
      "cni/v1.7.1/cni-plugins-linux-amd64-v1.7.1.tgz": cni.archive,
      "kubernetes/v1.34.4/bin/linux/amd64/kubeadm": "/b/kubeadm",
      "kubernetes/v1.34.4/bin/linux/amd64/kubelet": "/b/kubelet",
      "kubernetes/v1.34.4/bin/linux/amd64/kubectl": "/b/kubectl",
    });
    assert.equal(mirrorDigests([{ ...release, digests }], cni)["v1.34.4/kubelet"], "sha256:2");
    assert.throws(() => mirrorDigests([{ ...release, digests: {} }], cni), /no digest of kubeadm/);
  });

  it("checks with one web server per node and a Service", () => {
    const kinds = checkManifest("r/busybox:1")
      .split("---\n")
      .map((text) => parse(text).kind);
    assert.deepEqual(kinds, ["Namespace", "DaemonSet", "Service"]);
  });

  it("says what begins, where it is, and how long it took", async () => {
    const lines: string[] = [];
    const report = new TerminalReporter({ write: (line) => lines.push(line), interval: 20, width: 60 });
    const slow = report.phase("Slow", async (progress) => {
      progress("half way ".repeat(20));
      await new Promise((resolve) => setTimeout(resolve, 70));
      return 1;
    });
    const failing = report.phase("Failing", () => Promise.reject(new Error("no")));
    await assert.rejects(failing, /no/);
    assert.equal(await slow, 1);
    const text = lines.join("\n");
    assert.match(text, /▸ Slow[\s\S]*✗ Failing \(0\.0 s\)[\s\S]*… Slow \(0 s\): half way[\s\S]*✓ Slow \(0\.\d s\)/);
    assert.ok(lines.filter((line) => line.includes("half way")).every((line) => line.length <= 70));
    assert.deepEqual(
      report.times.map(({ title, done }) => [title, done]),
      [
        ["Failing", false],
        ["Slow", true],
      ],
    );
    assert.match(report.table(), /Failing \(failed\)[\s\S]*Slow/);
  });

  it("shows a stack only where nobody could have put it right, and only on request", () => {
    assert.equal(describeError(new UserError("a; do b"), false), "a; do b");
    assert.match(describeError(new Error("x"), false), /^x\nDEBUG=1/);
    assert.match(describeError(new Error("x"), true), /at /);
  });
});
