import * as assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { atRate, byClients, failures, loadFigures, meanAndDeviation, type Sample } from "../lab/support/cloud-load";
import { Identity, send, shownCertificate } from "../lab/support/cloud-requests";
import { pause } from "../lab/support/wait";
import { issueCertificate } from "./certificates";

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

describe("a request of a probe", () => {
  const issued = issueCertificate(["IP:127.0.0.1"]);
  let server: https.Server;
  let url: string;
  let connections: number;
  /** What the server does with a request. */
  let answer: (request: { socket: { destroy(): void } }, response: ServerResponse) => void;

  before(async () => {
    server = https.createServer({ cert: issued.certificate, key: issued.key }, (request, response) =>
      answer(request, response),
    );
    server.on("secureConnection", () => connections++);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/v3`;
  });

  beforeEach(() => {
    connections = 0;
    answer = (_, response) => response.end("{}");
  });

  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const user = (ca: string) => new Identity({ authUrl: url, ca, username: "u", password: "p", project: "q" });

  it("has a connection of its own, or keeps one", async () => {
    for (let count = 0; count < 3; count++) await send({ url, ca: issued.authority });
    assert.equal(connections, 3);
    const agent = new https.Agent({ keepAlive: true, ca: issued.authority });
    for (let count = 0; count < 3; count++) await send({ url, agent, ca: issued.authority });
    assert.equal(connections, 4);
    agent.destroy();
  });

  it("is sent again where a kept connection was closed unread, and only there", async () => {
    const agent = new https.Agent({ keepAlive: true, ca: issued.authority });
    const kept = { url, agent, ca: issued.authority };
    assert.equal((await send(kept)).repeated, false);
    let first = true;
    answer = (request, response) => {
      if (first) request.socket.destroy();
      else response.end("{}");
      first = false;
    };
    assert.equal((await send(kept)).repeated, true);
    agent.destroy();
    answer = (request) => request.socket.destroy();
    await assert.rejects(send({ url, ca: issued.authority }), { code: "ECONNRESET" });
  });

  it("fails where an answer breaks off, or takes too long", async () => {
    answer = (request, response) => {
      response.writeHead(200, { "Content-Length": "100" });
      response.write("half");
      setTimeout(() => request.socket.destroy(), 20);
    };
    await assert.rejects(send({ url, ca: issued.authority }), { code: "ECONNRESET" });
    answer = () => undefined;
    await assert.rejects(send({ url, ca: issued.authority, limit: 0.2 }), { code: "TIMEOUT" });
  });

  it("checks the server's certificate", async () => {
    const other = issueCertificate(["IP:127.0.0.1"]);
    await assert.rejects(send({ url, ca: other.authority }), { code: /SIGNATURE|SELF_SIGNED|UNABLE/ });
    await assert.rejects(shownCertificate(url, other.authority));
    assert.match(await shownCertificate(url, issued.authority), /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });

  it("for a token fails with the status, and says how long the token holds", async () => {
    answer = (_, response) => {
      response.writeHead(503);
      response.end("no server is available");
    };
    await assert.rejects(user(issued.authority).token(), { code: "status 503" });
    await assert.rejects(user(issued.authority).version(), { code: "status 503" });
    const token = { issued_at: "2026-11-24T10:00:00.000000Z", expires_at: "2026-11-24T11:00:00.000000Z" };
    answer = (_, response) => {
      response.writeHead(201, { "X-Subject-Token": "gAAAA" });
      response.end(JSON.stringify({ token }));
    };
    assert.deepEqual(await user(issued.authority).token(), { id: "gAAAA", seconds: 3600, repeated: false });
  });
});
