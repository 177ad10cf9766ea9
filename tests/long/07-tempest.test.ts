import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { TerminalReporter } from "../../lab/report";
import { runTempest } from "../../lab/tempest";
import { Cloud } from "../lab/support/cloud";
import { ownLab } from "../lab/support/own-lab";
import { textOf } from "../lab/support/site";

/** Fewer would mean that whole services were left out: smoke has 96 tests with volumes and object storage (Tempest 43). */
const fewestTests = 70;

describe("Tempest against a cloud", function () {
  this.timeout(10_800_000);
  const lab = ownLab({ name: "tempest", hosts: 3, cloud: true });
  let folder: string;

  before(async () => {
    await lab.site().up();
    const cloud = await Cloud.open(lab.site());
    await cloud.well(900);
    folder = fs.mkdtempSync(path.join(lab.site().lab.directory, "tempest-"));
  });

  it("smoke: no test fails", async () => {
    const begin = Date.now();
    const outcome = await runTempest(lab.site().lab, { smoke: true, out: folder }, new TerminalReporter());
    const { passed, failed, skipped } = outcome.counts;
    const seconds = ((Date.now() - begin) / 1000).toFixed(0);
    console.log(`      smoke: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`);
    assert.equal(failed, 0, fs.readFileSync(path.join(folder, "report.txt"), "utf8"));
    assert.ok(passed + skipped >= fewestTests, `only ${passed + skipped} tests`);
  });

  it("leaves results and logs in the folder, and nothing in cloud and cluster", async () => {
    const files = [
      "junit.xml",
      "report.html",
      "report.txt",
      "results.json",
      "run.log",
      "tempest.log",
      "tempest.subunit",
    ];
    for (const file of files) assert.ok(fs.statSync(path.join(folder, file)).size > 0, file);
    const images = await lab.site().lab.openstack(["image", "list", "--format", "value", "--column", "Name"]);
    assert.equal(images.code, 0, textOf(images));
    assert.doesNotMatch(images.stdout, /^stratiform-tempest/m);
    const selector = "app.kubernetes.io/name=tempest";
    assert.equal(await lab.site().kubectl("-n", "openstack", "get", "job,secret", "-l", selector, "-o", "name"), "");
  });

  it("runs the tests that a regex names, and says so where there are none", async () => {
    const report = new TerminalReporter();
    const one = await runTempest(lab.site().lab, { regex: "test_list_api_versions|test_api_versions" }, report);
    assert.equal(one.counts.failed, 0);
    await assert.rejects(runTempest(lab.site().lab, { regex: "no_such_test_anywhere" }, report), /ran no test/);
  });
});
