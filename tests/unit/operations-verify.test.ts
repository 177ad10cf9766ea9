import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import {
  tellingLines,
  type VerificationEvent,
  verificationEvent,
  verificationFiles,
  verificationProgram,
  verificationSteps,
} from "../../components/operations/verification";
import { clientArguments } from "../../lab/client";
import { converse } from "../../lab/converse";
import { stepTable, verifyArguments } from "../../lab/verify";

describe("verification of a cloud", () => {
  it("passes its own tests (verify.py and verify_steps.py, with a stand-in for the SDK)", () => {
    const run = spawnSync("python3", [path.join(__dirname, "python/verify_test.py")], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stderr, /^Ran [1-9]\d* tests/m);
  });

  it("runs with the files that are shipped, and no other beside them", () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-verify-files-"));
    try {
      for (const file of verificationFiles) fs.copyFileSync(file, path.join(directory, path.basename(file)));
      const program = path.join(directory, path.basename(verificationProgram));
      const run = spawnSync("python3", ["-B", program, "--help"], { encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
      assert.match(run.stdout, /--guest-image/);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  const events: VerificationEvent[] = [
    { event: "begin", step: "image", services: ["glance"] },
    { event: "end", step: "image", seconds: 2.04, detail: "id" },
    { event: "progress", text: "removes" },
    { event: "fail", step: "ssh", seconds: 300, error: "nobody answers\nmore", services: ["neutron"] },
    { event: "done", seconds: 310, failed: true },
  ];

  it("is told by lines that are events, and by no others", () => {
    assert.deepEqual(verificationEvent(JSON.stringify(events[0])), events[0]);
    for (const line of ["", "Warning: old library", "3", "{}", '"event"'])
      assert.equal(verificationEvent(line), undefined);
  });

  it("gives each step its time, and a failed one its reason", () => {
    assert.deepEqual(verificationSteps(events), [
      { step: "image", seconds: 2.04, detail: "id", failed: false },
      { step: "ssh", seconds: 300, detail: "nobody answers", failed: true },
    ]);
    const table = stepTable(events);
    assert.match(table, /image\s.*2\.0/);
    assert.match(table, /ssh \(failed\)\s.*300\.0.*nobody answers/);
    assert.match(table, /all\s.*310\.0/);
  });

  it("asks for the mark of the built guest, and for none of another one", () => {
    const files = { image: "/g.qcow2", publicKey: "/k.pub" };
    const mark = (args: string[]): string | undefined => args[args.indexOf("--mark") + 1];
    assert.equal(mark(verifyArguments({}, files)), "stratiform-guest: ready");
    assert.equal(mark(verifyArguments({ image: "other" }, files)), "");
    assert.deepEqual(verifyArguments({ hosts: 2, external: "provider", keep: true }, files).slice(-5), [
      "--hosts",
      "2",
      "--external",
      "provider",
      "--keep",
    ]);
  });

  it("shows of a log what is wrong, and the end of it", () => {
    const log = ["ok 1", "ERROR nova.compute disk full", "ok 2", "ok 3", "ok 4", ""].join("\n");
    assert.deepEqual(tellingLines(log, 3), ["ERROR nova.compute disk full", "ok 3", "ok 4"]);
    assert.deepEqual(tellingLines("", 3), []);
    assert.equal(tellingLines(Array(100).fill("ERROR x").join("\n"), 5).length, 5);
  });

  it("runs in the client's image, and sees its own files beside the client's", () => {
    const files = { clouds: "/lab/clouds.yaml", ca: "/lab/ca.crt", cloud: "openstack" };
    const args = clientArguments(files, "client", ["--events"], {
      user: "0:0",
      input: true,
      program: ["python3", "-B", "/verify.py"],
      readable: ["/verify.py", "/g.qcow2"],
    });
    assert.deepEqual(args.slice(-5), ["client", "python3", "-B", "/verify.py", "--events"]);
    for (const file of ["/verify.py", "/g.qcow2", "/lab/clouds.yaml"]) assert.ok(args.includes(`${file}:${file}:ro`));
    assert.ok(args.includes("--interactive"));
  });
});

describe("a program that is spoken with", () => {
  const shell = (program: string) => ({ program: "sh", args: ["-c", program] });

  it("gets an answer a line, and is heard to its end", async () => {
    const heard: string[] = [];
    const end = await converse(
      shell('echo ask; read answer; echo "got $answer"; echo why >&2; exit 3'),
      async (line) => {
        heard.push(line);
        return line === "ask" ? "42" : undefined;
      },
    );
    assert.deepEqual(heard, ["ask", "got 42"]);
    assert.deepEqual(end, { code: 3, errors: "why" });
  });

  it("is ended when its caller fails", async () => {
    const begin = Date.now();
    const failing = converse(shell("echo ask; exec sleep 30"), async () => {
      throw new Error("no answer");
    });
    await assert.rejects(failing, /no answer/);
    assert.ok(Date.now() - begin < 10_000);
  });

  it("that is not there is named", async () => {
    await assert.rejects(
      converse({ program: "no-such-program", args: [] }, async () => undefined),
      /no-such-program/,
    );
  });
});
