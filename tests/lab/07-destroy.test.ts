import * as assert from "node:assert/strict";
import { assertBare, deployed, site } from "./lab";
import { namespace, networkPolicy, pod, service, volumeClaim, webServer } from "./support/objects";
import { assertSays } from "./support/refusal";
import { textOf } from "./support/site";

describe("pulumi destroy", function () {
  this.timeout(600_000);

  before(async () => {
    await deployed();
    // A cluster in use: what pods, Services, policies and volumes leave on a host must go too.
    const { busybox: image, workers } = site();
    await site().apply(
      namespace("used"),
      ...workers.map((node) =>
        pod(`used-${node}`, { image, node, namespace: "used", labels: { app: "used" }, script: webServer(8080) }),
      ),
      service("used", { app: "used" }, 8080, "used"),
      networkPolicy("used", "used", { podSelector: {}, policyTypes: ["Ingress"] }),
      volumeClaim("used", "used"),
      pod("used-data", {
        image,
        namespace: "used",
        claim: "used",
        script: "echo x >/data/x; while :; do sleep 60; done",
      }),
    );
    await site().podsReady("used", ...workers.map((node) => `used-${node}`), "used-data");
    // What a later stratum would put there to undo its own work.
    for (const host of site().hosts) {
      await releaseHook(host, "echo released >/dev/shm/released");
    }
  });

  after(async () => {
    for (const host of site().hosts) {
      await site().ssh(host, "rm -f /dev/shm/released /dev/shm/tried");
    }
  });

  it("keeps a host whose release fails, names it, and completes the next time", async () => {
    const [host = ""] = site().workers;
    await releaseHook(
      host,
      "[ -e /dev/shm/tried ] || { touch /dev/shm/tried; exit 1; }; echo released >/dev/shm/released",
    );
    const failed = await site().pulumi(["destroy", "--yes", "--skip-preview"]);
    assert.notEqual(failed.code, 0);
    assertSays(textOf(failed), host, "50-test failed", "was not released");
    await site().pulumiOk("destroy", "--yes", "--skip-preview");
  });

  it("leaves no resource in the stack", async () => {
    const { stdout } = await site().pulumi(["stack", "export"]);
    const state = JSON.parse(stdout) as { deployment: { resources?: unknown[]; pending_operations?: unknown[] } };
    assert.deepEqual(state.deployment.resources ?? [], []);
    assert.deepEqual(state.deployment.pending_operations ?? [], []);
  });

  it("runs what later strata left to be undone", async () => {
    for (const host of site().hosts) {
      assert.equal((await site().ssh(host, "cat /dev/shm/released")).trim(), "released");
    }
  });

  it("gives every host back as it was before the first up", async () => {
    await assertBare();
  });
});

function releaseHook(host: string, program: string): Promise<string> {
  const file = "/etc/stratiform/release.d/50-test";
  return site().ssh(host, `printf '%s\n' '#!/bin/sh' '${program}' >${file} && chmod 755 ${file}`);
}
