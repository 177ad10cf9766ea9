import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as https from "node:https";
import * as path from "node:path";
import { atRate, byClients, failures, loadFigures, meanAndDeviation, type Sample } from "../lab/support/cloud-load";
import { Identity, send, shownCertificate } from "../lab/support/cloud-requests";
import { pause } from "../lab/support/wait";
import { authority, issue } from "./certificates";

/** Samples one after another, each of so many milliseconds. */
function series(begin: number, ...lengths: number[]): Sample[] {
  let at = begin;
  return lengths.map((length) => {
    const one = { begin: at, end: at + length };
    at += length;
    return one;
  });
}

const steady = Array.from({ length: 40 }, () => 100);

describe("the figures of a load", () => {
  it("are nothing where nothing happened", () => {
    const figures = loadFigures([...series(0, ...steady), ...series(4000, ...steady)], 4000);
    assert.deepEqual(figures.failures, {});
    assert.deepEqual([figures.window, figures.toBaseline, figures.baseline], [0, 0, 0.1]);
  });

  it("count failures by kind, from the fault on, and the time between first and last", () => {
    const failed = [
      { begin: 4000, end: 4100, failure: "status 503" },
      { begin: 4100, end: 4200, failure: "ECONNRESET" },
      { begin: 5000, end: 6300, failure: "status 503" },
    ];
    const early = { begin: 10, end: 20, failure: "status 500" };
    const figures = loadFigures([early, ...series(0, ...steady), ...failed], 4000);
    assert.deepEqual(figures.failures, { "status 503": 2, ECONNRESET: 1 });
    assert.equal(figures.window, 2.2);
    assert.equal(figures.toBaseline, 2.3);
  });

  it("say when answers take as long as before again", () => {
    const slow = Array.from({ length: 20 }, () => 300);
    const figures = loadFigures([...series(0, ...steady), ...series(4000, ...slow, ...steady, ...steady)], 4000);
    // Of twenty answers in a row, nine slow ones do not make the median slow.
    assert.ok(figures.toBaseline >= 6 && figures.toBaseline <= 7.2, String(figures.toBaseline));
    assert.equal(figures.worst, 0.3);
  });

  it("are given as mean and deviation of several runs", () => {
    assert.equal(meanAndDeviation([2, 4, 4, 4, 5, 5, 7, 9]), "5.0 ± 2.1");
    assert.equal(meanAndDeviation([3]), "3.0 ± 0.0");
  });
});

describe("a load", () => {
  it("keeps its rate although nothing is answered, and waits for what is under way", async () => {
    const load = atRate(50, async () => {
      await pause(300);
      return undefined;
    });
    await pause(220);
    assert.equal(load.samples.length, 0);
    const all = await load.stop();
    assert.ok(all.length >= 6 && all.length <= 11, String(all.length));
  });

  it("of clients has as many requests under way as there are clients, and tells failures from answers", async () => {
    let [underWay, most, count] = [0, 0, 0];
    const load = byClients(5, async () => {
      underWay++;
      most = Math.max(most, underWay);
      await pause(20);
      underWay--;
      if (count++ % 10 === 3) throw Object.assign(new Error("no"), { code: "status 503" });
      return undefined;
    });
    await pause(400);
    const all = await load.stop();
    assert.equal(most, 5);
    assert.equal(underWay, 0);
    assert.ok((failures(all)["status 503"] ?? 0) > 0);
    assert.ok(all.length > 10 * (failures(all)["status 503"] ?? 0) - 10);
  });
});
