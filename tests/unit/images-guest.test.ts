import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { guestMark } from "../../images/guest";

const guest = path.resolve(__dirname, "../../images/guest");

/** Programs that stand in for the guest's: each writes down how it was called. */
describe("the guest", () => {
  let folder: string;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-guest-"));
    for (const program of ["ip", "wget", "mkfs.ext4", "mkfs.ext2", "id"]) {
      fs.writeFileSync(
        path.join(folder, program),
        `#!/bin/sh\nfor w in ${program} "$@"; do printf '[%s]' "$w"; done\necho\n`,
      );
      fs.chmodSync(path.join(folder, program), 0o755);
    }
  });

  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Runs one of its scripts; paths of the guest's own files are in the folder. */
  function runScript(name: string, args: string[], env: Record<string, string> = {}) {
    const text = fs.readFileSync(path.join(guest, name), "utf8").replace("/etc/resolv.conf", `${folder}/resolv.conf`);
    const options = { env: { PATH: `${folder}:/usr/bin:/bin`, ...env }, encoding: "utf8" } as const;
    const result = spawnSync("sh", ["-c", text, name, ...args], options);
    return { code: result.status, lines: result.stdout.trim().split("\n"), errors: result.stderr };
  }

  const answer = { interface: "eth0", ip: "10.0.0.5", mask: "24", mtu: "1442", router: "10.0.0.1", dns: "10.0.0.2" };

  it("takes address, MTU and the routes of option 121, which stand for the router's", () => {
    const staticroutes = "169.254.169.254/32 10.0.0.2 10.9.0.0/24 0.0.0.0 0.0.0.0/0 10.0.0.1";
    const { lines } = runScript("udhcpc.sh", ["bound"], { ...answer, router: "10.0.0.99", staticroutes });
    assert.deepEqual(lines, [
      "[ip][link][set][eth0][mtu][1442]",
      "[ip][addr][replace][10.0.0.5/24][dev][eth0]",
      "[ip][route][replace][169.254.169.254/32][via][10.0.0.2][dev][eth0]",
      "[ip][route][replace][10.9.0.0/24][dev][eth0]",
      "[ip][route][replace][0.0.0.0/0][via][10.0.0.1][dev][eth0]",
    ]);
    assert.equal(fs.readFileSync(path.join(folder, "resolv.conf"), "utf8"), "nameserver 10.0.0.2\n");
  });

  it("takes the router where there is no option 121, and leaves the MTU where none is given", () => {
    const { lines } = runScript("udhcpc.sh", ["renew"], { ...answer, mtu: "" });
    assert.deepEqual(lines, [
      "[ip][addr][replace][10.0.0.5/24][dev][eth0]",
      "[ip][route][replace][default][via][10.0.0.1][dev][eth0]",
    ]);
  });

  it("keeps its address while it asks again", () => {
    assert.deepEqual(runScript("udhcpc.sh", ["deconfig"], answer).lines, ["[ip][link][set][eth0][up]"]);
  });

  it("has as much of curl as its users call", () => {
    const curl = (...args: string[]) => runScript("curl.sh", args);
    assert.deepEqual(curl("http://a/b").lines, ["[wget][-q][-T][30][-O][-][http://a/b]"]);
    assert.deepEqual(curl("-sS", "-m", "5", "-H", "X-A: b c", "-o", "/tmp/f", "a/b").lines, [
      "[wget][-q][-T][5][-O][/tmp/f][--header=X-A: b c][http://a/b]",
    ]);
    assert.deepEqual(curl("-X", "POST", "-d", "x=1 2", "http://a").lines, [
      "[wget][-q][-T][30][-O][-][--post-data][x=1 2][http://a]",
    ]);
    assert.equal(curl("-X", "PUT", "http://a").code, 2);
    assert.equal(curl().code, 2);
  });

  it("makes file systems and takes sudo as tests call them", () => {
    assert.deepEqual(runScript("mkfs.sh", ["-t", "ext4", "/dev/vdb"]).lines, ["[mkfs.ext4][/dev/vdb]"]);
    assert.deepEqual(runScript("mkfs.sh", ["/dev/vdb"]).lines, ["[mkfs.ext2][/dev/vdb]"]);
    assert.deepEqual(runScript("sudo.sh", ["-n", "id", "-u"]).lines, ["[id][-u]"]);
  });

  it("says on its console what its readers look for", () => {
    const rc = fs.readFileSync(path.join(guest, "rc"), "utf8");
    assert.match(rc, new RegExp(`say\\(\\) \\{ echo "${guestMark} \\$\\*"`));
    assert.match(rc, /say "ready: /);
  });

  it("has only scripts that the shell can read", () => {
    for (const name of fs.readdirSync(guest)) {
      if (name === "inittab") continue;
      const read = spawnSync("sh", ["-n", path.join(guest, name)], { encoding: "utf8" });
      assert.equal(read.status, 0, `${name}: ${read.stderr}`);
    }
  });
});
