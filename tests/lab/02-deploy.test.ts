import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import { defaultPodNetwork } from "../../components/cluster/defaults";
import { deployed, site } from "./lab";
import { pod, service, volumeClaim, webServer } from "./support/objects";
import { filesWithSecrets, kubeconfigSecrets, pemSecret, type Secret } from "./support/secrets";
import { eventually } from "./support/wait";

/** Unit that writes down the process list of a host twice a second while the cluster is made. */
const watcher = "process-watch";
const processList = "/dev/shm/processes";

describe("pulumi up on bare hosts", function () {
  this.timeout(900_000);

  before(async () => {
    for (const host of site().hosts) {
      const loop = `while :; do ps -eo args= >>${processList}; sleep 0.5; done`;
      await site().ssh(host, `systemd-run --quiet --collect --unit=${watcher} bash -c '${loop}'`);
    }
    await deployed();
  });

  it("ends with all hosts as ready nodes, with a label per role", async () => {
    await site().nodesReady(60);
    for (const { name, roles } of site().cluster.hosts) {
      const labels = JSON.parse(await site().kubectl("get", "node", name, "--output", "jsonpath={.metadata.labels}"));
      for (const role of roles) {
        assert.equal(labels[`stratiform.dev/${role}`], "true", `label of role ${role} on ${name}`);
      }
    }
  });

  it("leaves every pod of the system running and ready", async () => {
    await eventually("the system's pods", 120, async () => {
      const text = await site().kubectl(
        ...["get", "pods", "--all-namespaces", "--output"],
        'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
      );
      const pods = text.trim().split("\n");
      assert.ok(pods.length >= 4 + 2 * site().hosts.length, text);
      assert.deepEqual(
        pods.filter((line) => !/ Running True$| Succeeded /.test(line)),
        [],
      );
      return true;
    });
  });

  it("lets nothing out of a host that is for a pod nobody has", async () => {
    const nobody = defaultPodNetwork.replace(/0\.0\/\d+$/, "255.254");
    for (const host of site().hosts) {
      const answer = await site().ssh(host, `ip route get ${nobody} 2>&1 || true`);
      assert.match(answer, /unreachable|No route to host/i, `${host}: ${answer}`);
    }
  });

  it("leaves no host deaf to its neighbours' routes", async () => {
    await eventually("the rules of kube-router's start to be gone", 30, async () => {
      for (const host of site().hosts) {
        assert.equal(await site().ssh(host, "iptables-save | grep -- '--dport 179' || true"), "", host);
      }
      return true;
    });
  });

  it("lets a host fill its disk up to a size, not to a part of it", async () => {
    for (const host of site().hosts) {
      const text = await site().kubectl("get", "--raw", `/api/v1/nodes/${host}/proxy/configz`);
      const { kubeletconfig } = JSON.parse(text) as { kubeletconfig: { evictionHard: Record<string, string> } };
      const { "nodefs.available": own, "imagefs.available": ofImages } = kubeletconfig.evictionHard;
      assert.deepEqual([own, ofImages], ["1Gi", "2Gi"], host);
    }
  });

  describe("gives what the outputs say", () => {
    let outputs: Record<string, unknown>;

    before(async () => {
      outputs = JSON.parse((await site().pulumi(["stack", "output", "--json"])).stdout);
    });

    it("a kubeconfig that is secret, and with which the API answers", async () => {
      assert.equal(outputs["kubeconfig"], "[secret]");
      const kubeconfig = (await site().pulumi(["stack", "output", "kubeconfig", "--show-secrets"])).stdout;
      const file = `/dev/shm/kubeconfig-${process.pid}`;
      fs.writeFileSync(file, kubeconfig, { mode: 0o600 });
      try {
        assert.match(await site().kubectl("--kubeconfig", file, "get", "--raw", "/readyz"), /^ok/);
        assert.match(await site().kubectl("--kubeconfig", file, "auth", "can-i", "*", "*"), /^yes/);
      } finally {
        fs.rmSync(file);
      }
    });

    it("the facts of the cluster", async () => {
      const { cluster } = site();
      assert.equal(outputs["clusterName"], cluster.name);
      assert.equal(outputs["kubernetesVersion"], cluster.kubernetesVersion ?? "1.34.4");
      assert.equal(outputs["apiServer"], `https://${cluster.hosts[0]?.address}:6443`);
      assert.deepEqual(
        (outputs["hosts"] as { name: string }[]).map(({ name }) => name),
        site().hosts,
      );
      const marked = await site().kubectl(
        ...["get", "storageclass", String(outputs["storageClass"]), "--output"],
        "jsonpath={.metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class}",
      );
      assert.equal(marked, "true");
    });

    it("nodes of that version", async () => {
      const versions = await site().kubectl(
        "get",
        "nodes",
        "--output",
        "jsonpath={.items[*].status.nodeInfo.kubeletVersion}",
      );
      assert.deepEqual(new Set(versions.split(" ")), new Set([`v${outputs["kubernetesVersion"]}`]));
    });
  });

  describe("makes a cluster on which", () => {
    before(async () => {
      const { workers, controls, busybox: image } = site();
      const servers = workers.map((node) =>
        pod(`web-${node}`, { image, node, labels: { app: "web" }, script: webServer(8080) }),
      );
      await site().apply(
        ...servers,
        service("web", { app: "web" }, 8080),
        pod("client", { image, node: controls[0] ?? "" }),
        volumeClaim("kept"),
        pod("writer", {
          image,
          claim: "kept",
          securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
          script: "id -G >/data/groups && while :; do sleep 3600; done",
        }),
      );
      await site().podsReady("default", ...workers.map((node) => `web-${node}`), "client");
    });

    it("a pod on each worker answers through a Service, from a pod on another host", async () => {
      const seen = new Set<string>();
      await eventually(
        "an answer of each worker's pod",
        120,
        async () => {
          seen.add((await site().exec("client", "busybox timeout 3 busybox wget -q -O- http://web")).trim());
          return seen.size === site().workers.length;
        },
        200,
      );
      assert.deepEqual(
        [...seen].sort(),
        site()
          .workers.map((node) => `web-${node}`)
          .sort(),
      );
    });

    it("the cluster's DNS answers by full name, on every host", async () => {
      const probes = [...site().workers.map((node) => `web-${node}`), "client"];
      for (const name of probes) {
        await eventually(`DNS in ${name}`, 60, async () => {
          const lookup = await site().exec(name, "busybox nslookup web.default.svc.cluster.local");
          return /Address.*10\.96\./.test(lookup) && !/can't resolve/.test(lookup);
        });
      }
    });

    it("a claim gets a volume of the default storage class, and the volume the pod's group", async () => {
      await site().podsReady("default", "writer");
      assert.match(await site().exec("writer", "cat /data/groups"), /\b2000\b/);
      assert.equal((await site().exec("writer", "busybox stat -c %g /data/groups")).trim(), "2000");
      const bound = await site().kubectl(
        "get",
        "pvc",
        "kept",
        "--output",
        "jsonpath={.status.phase} {.spec.storageClassName}",
      );
      assert.equal(bound, "Bound local-path");
    });

    after(async () => {
      await site().kubectl("delete", "pod/writer", "pvc/kept", "--wait=true");
    });
  });

  describe("keeps secrets", () => {
    let secrets: Secret[];

    before(async () => {
      const [control = ""] = site().controls;
      const kubeconfig = (await site().pulumi(["stack", "output", "kubeconfig", "--show-secrets"])).stdout;
      const key = await site().pulumi(["config", "get", "stratiform:sshPrivateKey"]);
      const pki = await site().ssh(
        control,
        "for f in ca.key etcd/ca.key sa.key; do echo $f; cat /etc/kubernetes/pki/$f; done",
      );
      secrets = [
        pemSecret("SSH key", key.stdout),
        ...kubeconfigSecrets(kubeconfig),
        ...pki.split(/^(?=\S+\.key$)/m).map((text) => pemSecret(text.split("\n")[0] ?? "", text.replace(/^.*\n/, ""))),
      ];
      assert.equal(secrets.length, 6);
    });

    it("out of the state, the stack file and the logs", () => {
      const { directory } = site().lab;
      const found = filesWithSecrets(directory, secrets, /\/pulumi-home\//);
      // What is there to be used: readable by its owner alone.
      const kept = new Set(["ssh_key", "kubeconfig"]);
      const wrong = found.filter((line) => {
        const file = line.slice(0, line.indexOf(": "));
        const name = file.slice(directory.length + 1);
        return !(kept.has(name.replace(/^.*\//, "")) && (fs.statSync(file).mode & 0o077) === 0);
      });
      assert.deepEqual(wrong, []);
    });

    it("out of the process lists of the hosts", async () => {
      for (const host of site().hosts) {
        const lists = await site().ssh(host, `systemctl stop ${watcher}; sort -u ${processList}`);
        assert.ok(lists.split("\n").length > 20, `the process lists of ${host} are empty`);
        assert.deepEqual(
          secrets.filter(({ piece }) => lists.includes(piece)).map(({ name }) => `${host}: ${name}`),
          [],
        );
      }
    });

    it("out of the journals of the hosts, and leaves no program of a step behind", async () => {
      for (const host of site().hosts) {
        const journal = await site().ssh(
          host,
          "journalctl --no-pager --output cat --lines 20000; cat /run/stratiform/*.log",
        );
        assert.deepEqual(
          secrets.filter(({ piece }) => journal.includes(piece)).map(({ name }) => `${host}: ${name}`),
          [],
        );
        assert.equal(
          await site().ssh(host, "ls /run/stratiform | grep -E '[.](sh|conf)$' | grep -v '^images.sh$' || true"),
          "",
        );
      }
    });
  });

  after(async () => {
    for (const host of site().hosts) {
      await site().ssh(host, `systemctl stop ${watcher} 2>/dev/null; rm -f ${processList}`);
    }
  });
});
