import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { deployed, site } from "./lab";
import { plannedChanges, summary } from "./support/operations";
import { assertSays, refusal } from "./support/refusal";
import { textOf } from "./support/site";

describe("a cluster that is there", function () {
  this.timeout(600_000);
  before(deployed);

  describe("and unchanged", () => {
    it("is changed by no second up", async () => {
      const counts = summary(await site().up());
      assert.deepEqual(Object.keys(counts), ["unchanged"]);
      assert.ok((counts["unchanged"] ?? 0) > 20);
    });

    it("is as expected in a preview", async () => {
      await site().pulumiOk("preview", "--expect-no-changes");
    });

    it("shows no drift in a refresh", async () => {
      await site().pulumiOk("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    });
  });

  it("is put right by up --refresh when its objects were changed behind its back", async () => {
    const agent = ["-n", "kube-system", "get", "daemonset", "kube-router", "-o", "jsonpath={.spec}"];
    const settings = ["-n", "kube-system", "get", "configmap", "kube-router", "-o", "jsonpath={.data}"];
    const before = { agent: await site().kubectl(...agent), settings: await site().kubectl(...settings) };
    const patch = (kind: string, text: string): Promise<string> =>
      site().kubectl("-n", "kube-system", "patch", kind, "kube-router", "--type=merge", "-p", text);
    await patch("daemonset", '{"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":2}}}}');
    await patch("configmap", '{"data":{"cni.conflist":"{}"}}');

    const found = await site().pulumi(["refresh", "--preview-only", "--expect-no-changes"]);
    assert.notEqual(found.code, 0, "refresh found no drift");
    await site().up("--refresh");

    const after = { agent: await site().kubectl(...agent), settings: await site().kubectl(...settings) };
    assert.deepEqual(after, before);
    await site().pulumiOk("refresh", "--preview-only", "--expect-no-changes");
  });

  it("is reported by a preview when a host's file was changed behind its back, by host and file", async () => {
    const file = "/etc/containerd/config.toml";
    const [host = ""] = site().workers;
    await site().ssh(host, `cp -p ${file} /dev/shm/config.toml && echo '# changed by hand' >>${file}`);
    try {
      const result = await site().pulumi(["preview"]);
      assert.equal(result.code, 0, textOf(result));
      assertSays(textOf(result), `host ${host}: `, file, "was changed", "pulumi up");
    } finally {
      await site().ssh(host, `cp -p /dev/shm/config.toml ${file} && rm /dev/shm/config.toml`);
    }
    assert.doesNotMatch(textOf(await site().pulumi(["preview"])), /was changed/);
  });

  it("is put right by the command that this report names", async () => {
    const file = "/etc/sysctl.d/99-stratiform.conf";
    const [host = ""] = site().workers;
    const before = await site().ssh(host, `cat ${file}`);
    await site().ssh(host, `echo '# changed by hand' >>${file}`);
    const text = textOf(await site().pulumi(["preview"]));
    const target = /pulumi up --replace '([^']+)'/.exec(text)?.[1];
    assert.ok(target, text);
    await site().up("--replace", target);
    assert.equal(await site().ssh(host, `cat ${file}`), before);
    assert.deepEqual(await plannedChanges(site()), []);
  });
});

describe("a cluster that is there is not taken", function () {
  this.timeout(300_000);
  before(deployed);

  it("two minor versions up at once", async () => {
    const text = await refusal(site(), { change: version("1.36.1") });
    for (const host of site().hosts) {
      assertSays(text, `host ${host}: `, "it runs Kubernetes 1.34", "1.36.1", "one minor at a time", "1.35");
    }
  });

  it("down a version", async () => {
    const text = await refusal(site(), { change: version("1.33.13") });
    for (const host of site().hosts) {
      assertSays(text, `host ${host}: `, "it runs Kubernetes 1.34", "1.33.13", "never taken down");
    }
  });

  it("by a second stack", async () => {
    const state = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-second-stack-"));
    const env = { PULUMI_BACKEND_URL: `file://${state}` };
    try {
      const made = await site().pulumi(["stack", "init", await stackName()], env);
      assert.equal(made.code, 0, textOf(made));
      const text = await refusal(site(), { args: ["up", "--yes", "--skip-preview"], env });
      for (const host of site().hosts) {
        assertSays(text, `host ${host}: `, `it belongs to another cluster, "${site().cluster.name}"`, "destroy");
      }
    } finally {
      fs.rmSync(state, { recursive: true });
    }
    await site().nodesReady(60);
  });
});

function version(wanted: string): NonNullable<Parameters<typeof refusal>[1]>["change"] {
  return (stack) => {
    const { artifacts, ...cluster } = stack.config["stratiform:cluster"];
    // A version whose files are to be had: nothing else may be in the way.
    for (const program of ["kubeadm", "kubelet", "kubectl"]) {
      artifacts.digests[`v${wanted}/${program}`] = `sha256:${"0".repeat(64)}`;
    }
    stack.config["stratiform:cluster"] = { ...cluster, artifacts, kubernetesVersion: wanted };
  };
}

async function stackName(): Promise<string> {
  const stacks = JSON.parse((await site().pulumi(["stack", "ls", "--json"])).stdout) as {
    name: string;
    current: boolean;
  }[];
  return (stacks.find(({ current }) => current) ?? stacks[0])?.name ?? "dev";
}
