import * as assert from "node:assert/strict";
import { assertBare, site } from "../lab/lab";
import { type Cloud, coreDeployed, stackResources } from "../lab/support/cloud";
import { GuestServer } from "../lab/support/servers";

describe("the end of a cloud with a guest", function () {
  this.timeout(3_600_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await coreDeployed(site());
    await cloud.well(300);
    await new GuestServer(cloud, "stratiform-last").start();
  });

  /** What each host holds of guests and of networks for them: processes, devices, files. */
  async function remains(): Promise<string[]> {
    const program = [
      "pgrep -x -l 'qemu-system-.*|ovs.*|ovn.*|libvirtd'",
      "ip -o link show | grep -oE '^[0-9]+: (br-(int|ex|tun)|ovs-[a-z]+|tap[^:@]*|underlay[0-9]*|genev_sys[^:@]*)[:@]'",
      "ls -d /var/lib/stratiform /run/stratiform/* 2>/dev/null",
      "systemctl list-units --all --plain --no-legend --full '*-guest-*'",
      "true",
    ].join("\n");
    const found: string[] = [];
    for (const host of site().hosts) {
      const text = await site().ssh(host, program);
      found.push(...text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [`${host}: ${line.trim()}`])));
    }
    return found;
  }

  it("gives every host back as it was: no guest, bridge, tunnel or file is left", async () => {
    const used = (await remains()).join("\n");
    for (const thing of [/ qemu-system/, / br-int[:@]/, / br-ex[:@]/, / tap/, /\/var\/lib\/stratiform/, /-guest-/]) {
      assert.match(used, thing, "this test does not see what it looks for");
    }
    const begin = Date.now();
    await site().pulumiOk("destroy", "--yes", "--skip-preview");
    console.log(`      destroy took ${((Date.now() - begin) / 1000).toFixed(1)} s`);
    assert.deepEqual(await stackResources(site()), []);
    assert.deepEqual(await remains(), []);
    await assertBare();
  });
});
