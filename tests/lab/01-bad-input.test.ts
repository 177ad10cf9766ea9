import * as assert from "node:assert/strict";
import { newSshKey } from "../ssh-keys";
import { assertBare, site } from "./lab";
import { assertSays, refusal } from "./support/refusal";
import type { ClusterConfig, HostConfig, StackFile } from "./support/site";

function cluster(stack: StackFile): ClusterConfig {
  return stack.config["stratiform:cluster"];
}

/** Host number `index` (from 0) of a stack file. */
function host(stack: StackFile, index: number): HostConfig {
  const found = cluster(stack).hosts[index];
  assert.ok(found);
  return found;
}

describe("bad input on bare hosts", function () {
  this.timeout(300_000);
  let names: [string, string, string];

  before(async function () {
    const [first, second, third] = site().hosts;
    names = [first ?? "", second ?? "", third ?? ""];
    if ((await site().ssh(names[0], "ls /etc/stratiform 2>/dev/null || true")) !== "") {
      this.skip();
    }
  });

  describe("hosts that are not reached", () => {
    let text: string;

    before(async () => {
      // Addresses from .100 up are no host's.
      text = await refusal(site(), {
        args: ["up", "--yes", "--skip-preview"],
        change: (stack) => {
          host(stack, 0).port = 2;
          host(stack, 1).address = host(stack, 1).address.replace(/\d+$/, "250");
          host(stack, 2).hostKey = newSshKey().public;
        },
      });
    });

    it("a wrong port is named, with host and address, and what to look at", () => {
      assertSays(text, `host ${names[0]}: `, /:2\b/, /sshd|port/);
    });

    it("an address where nobody is, is named with the host", () => {
      assertSays(text, `host ${names[1]}: `, ".250", /address|network|machine/);
    });

    it("a changed host key is named, and that somebody may stand between", () => {
      assertSays(text, `host ${names[2]}: `, /host key/, "hostKey");
    });
  });

  it("a wrong SSH key is refused by every host, and each is named", async () => {
    const { private: input } = newSshKey();
    const text = await refusal(site(), {
      prepare: async () => {
        const set = await site().lab.pulumi(["config", "set", "--secret", "stratiform:sshPrivateKey"], { input });
        assert.equal(set.code, 0, set.stderr);
      },
    });
    for (const name of names) {
      assertSays(text, `host ${name}: `, "refuses the SSH key", "authorized_keys");
    }
  });

  it("a user who is neither root nor has sudo", async () => {
    const make =
      "useradd --create-home --home-dir /tmp/plain --password '*' plain && install -d -m 700 -o plain /tmp/plain/.ssh && " +
      "install -m 600 -o plain /root/.ssh/authorized_keys /tmp/plain/.ssh/authorized_keys";
    const remove = "pkill -KILL -u plain; userdel --remove plain 2>/dev/null; ! id plain 2>/dev/null";
    try {
      for (const name of names) await site().ssh(name, make);
      const text = await refusal(site(), {
        change: (stack) => {
          cluster(stack).ssh.user = "plain";
        },
      });
      for (const name of names) {
        assertSays(text, `host ${name}: `, "plain", "sudo", "NOPASSWD");
      }
    } finally {
      for (const name of names) await site().ssh(name, remove);
    }
  });

  describe("hosts that are not fit", () => {
    let text: string;

    before(async () => {
      const [first, second, third] = names;
      try {
        await site().ssh(
          first,
          "systemd-run --quiet --collect --unit=port-taken socat TCP-LISTEN:6443,fork,reuseaddr -",
        );
        await site().ssh(
          second,
          "sed 's/^VERSION_ID=.*/VERSION_ID=\"9\"/' /etc/os-release >/tmp/os-release && mount --bind /tmp/os-release /etc/os-release",
        );
        await site().ssh(third, "mount -t tmpfs -o size=20m tmpfs /opt");
        await site().ssh(second, "cat /etc/machine-id >/tmp/machine-id.own");
        const id = (await site().ssh(third, "cat /etc/machine-id")).trim();
        await site().ssh(second, `echo ${id} >/tmp/machine-id && mount --bind /tmp/machine-id /etc/machine-id`);
        text = await refusal(site());
      } finally {
        await site().ssh(first, "systemctl stop port-taken; true");
        await site().ssh(
          second,
          "umount /etc/os-release; umount /etc/machine-id; rm -f /tmp/os-release /tmp/machine-id*",
        );
        await site().ssh(third, "umount /opt; true");
      }
    });

    it("a port in use", () => {
      assertSays(text, `host ${names[0]}: `, "port 6443 is in use", "stop what listens there");
    });

    it("an unsupported system", () => {
      assertSays(text, `host ${names[1]}: `, '"debian 9"', "supported are");
    });

    it("a full disk", () => {
      assertSays(text, `host ${names[2]}: `, /only \d+ MiB are free under \/opt/, "make room");
    });

    it("two hosts with one machine-id", () => {
      assertSays(text, `hosts ${names[1]} and ${names[2]} have the same machine-id`, "systemd-machine-id-setup");
    });

    it("all of it in one answer, which says that nothing was changed", () => {
      assertSays(text, "nothing was changed");
    });
  });

  it("interfaces that a host does not have, or that carry its own address", async () => {
    const text = await refusal(site(), {
      change: (stack) => {
        host(stack, 0)["interfaces"] = { provider: "eth77" };
        host(stack, 1)["interfaces"] = { provider: "eth0" };
      },
    });
    assertSays(
      text,
      `host ${names[0]}: `,
      'no interface "eth77"',
      "hosts[0].interfaces.provider",
      "write one that it has",
    );
    assertSays(
      text,
      `host ${names[1]}: `,
      "its interface eth0 carries its own address",
      "hosts[1].interfaces.provider",
    );
  });

  it("a host with a Kubernetes that is not ours", async () => {
    const directory = "/etc/kubernetes/manifests";
    try {
      await site().ssh(names[1], `install -d ${directory} && touch ${directory}/etcd.yaml`);
      assertSays(await refusal(site()), `host ${names[1]}: `, "not ours", "kubeadm reset");
    } finally {
      await site().ssh(names[1], "rm -r /etc/kubernetes");
    }
  });

  describe("mirrors", () => {
    let text: string;

    before(async () => {
      text = await refusal(site(), {
        change: (stack) => {
          const { artifacts, imageMirror } = cluster(stack);
          imageMirror.registry = imageMirror.registry.replace(/:\d+/, ":9");
          artifacts.cniUrl = artifacts.cniUrl.replace(/:\d+/, ":9");
          artifacts.digests["v1.34.4/kubelet"] = `sha256:${"0".repeat(64)}`;
        },
      });
    });

    it("a registry that is not reached", () => {
      for (const name of names) {
        assertSays(text, `host ${name}: `, "cannot reach the registry", ":9", "stratiform:cluster.imageMirror");
      }
    });

    it("an artifact mirror that is not reached", () => {
      for (const name of names) {
        assertSays(text, `host ${name}: `, "cannot reach the release file", ":9/", "stratiform:cluster.artifacts");
      }
    });

    it("an artifact mirror whose file has another digest", () => {
      for (const name of names) {
        assertSays(text, `host ${name}: `, "/kubelet has the digest", "expected sha256:000000", "artifacts.digests");
      }
    });
  });

  it("an unknown key in the stack file is answered with the nearest one", async () => {
    const text = await refusal(site(), {
      change: (stack) => {
        cluster(stack)["kubernetesVersoin"] = "1.34.4";
      },
    });
    assertSays(text, "stratiform:cluster", "kubernetesVersoin");
    assertSays(text, "did you mean", "kubernetesVersion");
  });

  it("a missing passphrase", async () => {
    const text = await refusal(site(), {
      env: { PULUMI_CONFIG_PASSPHRASE: undefined, PULUMI_CONFIG_PASSPHRASE_FILE: undefined },
    });
    assertSays(text, /[Pp]assphrase/, "");
    assertSays(text, "PULUMI_CONFIG_PASSPHRASE");
  });

  // A group of its own, since a group's own tests run before the groups within it.
  describe("after all of this", () => {
    it("nothing was changed on any host", async () => {
      await assertBare();
    });
  });
});
