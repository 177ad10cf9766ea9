import * as assert from "node:assert/strict";
import { assertNoOrphans, killedUp, resume } from "../lab/support/faults";
import { plannedChanges } from "../lab/support/operations";
import { ownLab } from "../lab/support/own-lab";

const points = 10;

describe("kill -9 of pulumi up", function () {
  this.timeout(1_800_000);
  const lab = ownLab({ name: "kill", hosts: 3 });
  let seconds: number;

  before("one deployment is left alone, to know how long it takes", async () => {
    const begin = Date.now();
    await lab.site().up();
    seconds = (Date.now() - begin) / 1000;
    await lab.destroy();
  });

  for (let point = 1; point <= points; point++) {
    it(`after ${point} of ${points + 1} parts of a fresh deployment: cancel and the next up complete`, async () => {
      const site = lab.site();
      await killedUp(site, { seconds: (seconds * point) / (points + 1) });
      const text = await resume(site);
      // A step that was still under way was waited for: none began again from nothing.
      assert.doesNotMatch(text, /an earlier try was broken off/);
      await site.nodesReady(120);
      await assertNoOrphans(site);
      assert.deepEqual(await plannedChanges(site), []);
      await lab.destroy();
    });
  }

  it("in the middle of a destroy: cancel and the next destroy complete", async () => {
    const site = lab.site();
    await site.up();
    await killedUp(site, { seconds: 6 }, "destroy");
    await site.pulumiOk("cancel", "--yes");
    await lab.destroy();
  });
});
