import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const scripts = join(__dirname, "..", "..", "components", "cluster", "scripts");

/**
 * Runs a line of a host step with a stand-in of kubectl: of its calls the odd or the even ones are refused. What the steps
 * remember of a host lies in the directory where it runs.
 */
function step(line: string, refused: "odd" | "even", says: string): { status: number | null; stdout: string } {
  const directory = mkdtempSync(join(tmpdir(), "stratiform-ask-"));
  try {
    const kubectl = `kubectl() {
      echo "\${*:4}" >>calls
      if (($(wc -l <calls) % 2 == ${refused === "odd" ? 1 : 0})); then echo "connection refused" >&2; return 1; fi
      printf '%s' '${says}'
    }`;
    const program = `sleep() { command sleep 0.1; }; HOST_NAME=worker-1; source <(sed "s|^readonly state=.*|state=.|" "${scripts}/library.sh"); source "${scripts}/worker.sh"; host_conf=none; ${kubectl}\n${line}`;
    const { status, stdout } = spawnSync("bash", ["-c", program], {
      cwd: directory,
      encoding: "utf8",
      timeout: 20_000,
    });
    return { status, stdout };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe("host steps that ask the API", function () {
  this.timeout(30_000);

  for (const refused of ["odd", "even"] as const) {
    const question = 'if node_exists; then echo "there"; else echo "not there"; fi';

    it(`ask again where an API server has just begun anew (${refused} calls refused)`, () => {
      assert.deepEqual(step(question, refused, "node/worker-1"), { status: 0, stdout: "there\n" });
    });

    it(`take no refusal for the answer that a node is not there (${refused} calls refused)`, () => {
      assert.deepEqual(step(question, refused, ""), { status: 0, stdout: "not there\n" });
    });

    it(`label a node again where that was refused (${refused} calls refused)`, () => {
      const line = "NODE_LABELS=a=b; NODE_TAINTS=c=d:NoSchedule; converge_node >/dev/null; tail -n 1 calls";
      const { status, stdout } = step(line, refused, "|");
      assert.equal(status, 0);
      assert.match(stdout, /^annotate node worker-1 .*=a=b\|c=d:NoSchedule$/m);
    });

    it(`delete the node of a worker that leaves again where that was refused (${refused} calls refused)`, () => {
      // Of the host itself nothing is there but the mark that it joined.
      const host =
        'touch initialised; for f in lock write_host_kubeconfig is_ours drain systemctl; do eval "$f() { :; }"; done';
      const line = `set -e; ${host}; remove >/dev/null; tail -n 1 calls; ls initialised 2>/dev/null || echo left`;
      assert.deepEqual(step(line, refused, "node/worker-1"), {
        status: 0,
        stdout: "delete node worker-1 --ignore-not-found\nleft\n",
      });
    });
  }

  it("forget the pod network of an earlier try before they join again, for the next one is another", () => {
    // Everything that would touch this computer only tells that it was called.
    const told = ["kubeadm", "ip", "rm", "install", "cp"].map((name) => `${name}() { echo "${name} $*" >>order; }`);
    const nothing =
      'for f in lock write_host_kubeconfig is_node wait_for_images converge_node compgen; do eval "$f() { :; }"; done';
    const line = [
      ...[nothing, "is_node() { return 1; }", "JOIN_CONFIG=none", ...told],
      ...["mkdir run", 'eval "$(declare -f apply | sed "s|/run/stratiform|run|g")"', "apply >/dev/null"],
      "grep -E '^(rm|ip|kubeadm) ' order",
    ].join("\n");
    const { status, stdout } = step(line, "even", "");
    assert.equal(status, 0);
    const calls = stdout.trim().split("\n");
    assert.match(calls[0] ?? "", /^kubeadm reset/);
    assert.match(calls.at(-1) ?? "", /^kubeadm join/);
    assert.deepEqual(calls.slice(1, -1), [
      "rm -f /etc/cni/net.d/10-kuberouter.conflist",
      "rm -rf /var/lib/cni/networks/stratiform",
      "ip link delete kube-bridge",
    ]);
  });
});
