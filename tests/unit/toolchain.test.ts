import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "semver";
import { packDirectory } from "../../lab/toolchain/archive";
import { cacheDirectory, digestOf, hashOf, madeOnce, repositoryDirectory, withLock } from "../../lab/toolchain/cache";
import { downloadFile, reachable } from "../../lab/toolchain/download";
import { composeImage, layerMadeOnce, writeLayout } from "../../lab/toolchain/oci";
import { type Computer, missingPrerequisites, oldestGo } from "../../lab/toolchain/prerequisites";
import { run } from "../../lab/toolchain/process";
import { ensurePulumi } from "../../lab/toolchain/pulumi";
import type { Reporter } from "../../lab/toolchain/reporter";

const titles: string[] = [];
const report: Reporter = {
  phase: (title, work) => {
    titles.push(title);
    return work(() => undefined);
  },
};

describe("toolchain", () => {
  let directory: string;
  const ownCache = process.env.STRATIFORM_CACHE;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "stratiform-test-"));
    process.env.STRATIFORM_CACHE = join(directory, "cache");
    titles.length = 0;
  });

  afterEach(async () => {
    if (ownCache === undefined) delete process.env.STRATIFORM_CACHE;
    else process.env.STRATIFORM_CACHE = ownCache;
    await rm(directory, { recursive: true });
  });

  describe("results made once", () => {
    it("are made once and then only found", async () => {
      let times = 0;
      const make = async (place: string) => {
        times++;
        await writeFile(join(place, "result"), "complete");
      };
      const first = await madeOnce("thing", "abc", "Make the thing", report, make);
      const second = await madeOnce("thing", "abc", "Make the thing", report, make);
      assert.equal(first, second);
      assert.equal(first, join(cacheDirectory(), "builds", "thing-abc"));
      assert.equal(times, 1);
      assert.deepEqual(titles, ["Make the thing"], "what is found is not reported as work");
    });

    it("leave nothing when they fail, and are made by the next run", async () => {
      const failing = madeOnce("thing", "abc", "Make the thing", report, async (place) => {
        await writeFile(join(place, "half"), "half");
        throw new Error("broke in the middle");
      });
      await assert.rejects(failing, /broke in the middle/);
      assert.deepEqual(await readdir(join(cacheDirectory(), "builds")), []);
      const place = await madeOnce("thing", "abc", "Make the thing", report, (empty) =>
        writeFile(join(empty, "ok"), ""),
      );
      assert.deepEqual(await readdir(place), ["ok"]);
    });

    it("are not trusted after a killed run, whose rest is removed", async () => {
      const script = `
        const { madeOnce } = require("./lab/toolchain/cache");
        const fs = require("node:fs");
        void madeOnce("thing", "abc", "", { phase: (_title, work) => work(() => {}) }, async (place) => {
          fs.writeFileSync(place + "/half", "half");
          console.log("started");
          await new Promise((resolve) => setTimeout(resolve, 60000));
        });`;
      const killed = spawn(process.execPath, ["--import", "tsx", "-e", script], { cwd: repositoryDirectory });
      await new Promise((started) => killed.stdout.once("data", started));
      killed.kill("SIGKILL");
      await new Promise((ended) => killed.once("exit", ended));
      const builds = join(cacheDirectory(), "builds");
      assert.equal((await readdir(builds)).length, 1, "the killed run left its unfinished directory");
      const place = await madeOnce("thing", "abc", "", report, (empty) => writeFile(join(empty, "ok"), ""));
      assert.deepEqual(await readdir(place), ["ok"]);
      assert.deepEqual(await readdir(builds), ["thing-abc"]);
    }).timeout(20_000);

    it("are made by one of two runs that start together", async () => {
      let times = 0;
      const make = async (place: string) => {
        times++;
        await new Promise((later) => setTimeout(later, 100));
        await writeFile(join(place, "result"), "");
      };
      await Promise.all([1, 2, 3].map(() => madeOnce("thing", "abc", "", report, make)));
      assert.equal(times, 1);
    });
  });

  describe("lock", () => {
    it("lets one in at a time and is free after a failure", async () => {
      const events: string[] = [];
      const work = (name: string, fails: boolean) => async () => {
        events.push(`${name} in`);
        await new Promise((later) => setTimeout(later, 50));
        events.push(`${name} out`);
        if (fails) throw new Error(name);
      };
      const results = await Promise.allSettled([withLock("l", work("a", true)), withLock("l", work("b", false))]);
      assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      assert.equal(events[0]?.[0], events[1]?.[0], events.join(", "));
      assert.equal(events[2]?.[0], events[3]?.[0], events.join(", "));
    });
  });

  describe("hash", () => {
    it("changes with each value, file name and file content, and with nothing else", async () => {
      const file = join(directory, "go.mod");
      const renamed = join(directory, "go.sum");
      await writeFile(file, "one");
      await writeFile(renamed, "one");
      const hash = (values: string[], files: string[]) => hashOf({ values, files, root: directory });
      const first = await hash(["a", "b"], [file]);
      assert.match(first, /^[0-9a-f]{16}$/);
      await utimes(file, 1, 1);
      assert.equal(await hash(["a", "b"], [file]), first, "times do not count");
      assert.notEqual(await hash(["ab"], [file]), first);
      assert.notEqual(await hash(["a", "b"], [renamed]), first);
      assert.equal(await hash(["a"], [file, renamed]), await hash(["a"], [renamed, file]));
      await writeFile(file, "two");
      assert.notEqual(await hash(["a", "b"], [file]), first);
    });
  });

  describe("archive", () => {
    it("has the same bytes whatever the times, the owner and the order of creation", async () => {
      const digests: string[] = [];
      for (const names of [
        ["bridge", "portmap"],
        ["portmap", "bridge"],
      ]) {
        const tree = join(directory, names.join("-"));
        await mkdir(tree);
        for (const name of names) {
          await writeFile(join(tree, name), name);
          await chmod(join(tree, name), 0o755);
          await utimes(join(tree, name), digests.length + 1, digests.length + 1);
        }
        await packDirectory(tree, `${tree}.tgz`);
        digests.push(await digestOf(`${tree}.tgz`));
      }
      assert.equal(digests[0], digests[1]);
      const listing = await run("tar", ["-tzf", join(directory, "bridge-portmap.tgz")]);
      assert.deepEqual(listing.trim().split("\n"), ["./", "./bridge", "./portmap"]);
    });
  });

  describe("image", () => {
    const layer = () =>
      layerMadeOnce("program", "abc", "", report, async (archive) => {
        const tree = join(directory, "tree");
        await mkdir(tree);
        await writeFile(join(tree, "pause"), "program");
        await packDirectory(tree, archive);
      });

    it("has a digest that depends on its layers and settings only", async () => {
      const made = await layer();
      const image = composeImage([made], { entrypoint: ["/pause"] });
      assert.equal(image.digest, composeImage([await layer()], { entrypoint: ["/pause"] }).digest);
      assert.notEqual(image.digest, composeImage([made], { entrypoint: ["/other"] }).digest);
    });

    it("is written as a layout whose blobs are named by their digests", async () => {
      const image = composeImage([await layer()], { entrypoint: ["/pause"] });
      const layout = join(directory, "layout");
      await writeLayout(image, layout);
      const blobs = join(layout, "blobs", "sha256");
      const names = await readdir(blobs);
      assert.equal(names.length, 3);
      for (const name of names) assert.equal(await digestOf(join(blobs, name)), `sha256:${name}`);
      const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
      assert.equal(index.manifests[0].digest, image.digest);
    });
  });

  describe("download", () => {
    const content = "release file";
    const wrong = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const server = createServer((request, response) => {
      if (request.url === "/file") response.end(content);
      else response.writeHead(404).end();
    });
    let origin: string;

    before(async () => {
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    after(() => server.close());

    it("is kept if its digest is the pinned one", async () => {
      const file = join(directory, "file");
      await writeFile(file, content);
      const digest = await digestOf(file);
      await rm(file);
      assert.equal(await reachable(origin), true);
      await downloadFile(`${origin}/file`, file, digest, () => undefined);
      assert.equal(await readFile(file, "utf8"), content);
    });

    it("of another digest fails, says both digests and leaves no file", async () => {
      const download = downloadFile(`${origin}/file`, join(directory, "file"), wrong, () => undefined);
      await assert.rejects(download, new RegExp(`/file: digest sha256:[0-9a-f]{64}, expected ${wrong}`));
      assert.deepEqual(await readdir(directory), []);
    });

    it("of a missing file fails with the address and the answer", async () => {
      const download = downloadFile(`${origin}/none`, join(directory, "file"), wrong, () => undefined);
      await assert.rejects(download, /\/none: HTTP 404/);
    });
  });

  describe("Pulumi as installed", () => {
    const path = process.env.PATH;
    const home = process.env.PULUMI_HOME;

    afterEach(() => {
      process.env.PATH = path;
      if (home === undefined) delete process.env.PULUMI_HOME;
      else process.env.PULUMI_HOME = home;
    });

    it("is used with its language host and plugins, and nothing is built", async () => {
      const programs = join(directory, "bin");
      await mkdir(programs);
      await writeFile(join(programs, "pulumi"), "#!/bin/sh\necho v3.900.0\n", { mode: 0o755 });
      await writeFile(join(programs, "pulumi-language-nodejs"), "", { mode: 0o755 });
      process.env.PATH = `${programs}:${path}`;
      process.env.PULUMI_HOME = join(directory, "home");
      for (const name of ["command", "kubernetes", "random", "tls"]) {
        const { version } = JSON.parse(
          await readFile(join(repositoryDirectory, "node_modules", "@pulumi", name, "package.json"), "utf8"),
        );
        const place = join(directory, "home", "plugins", `resource-${name}-v${version}`);
        await mkdir(place, { recursive: true });
        await writeFile(join(place, `pulumi-resource-${name}`), "");
      }
      const toolchain = await ensurePulumi(report);
      assert.equal(toolchain.pulumi, join(programs, "pulumi"));
      assert.deepEqual(toolchain.path, [programs]);
      assert.deepEqual(
        toolchain.plugins.map(({ name, origin }) => `${name} ${origin}`),
        ["command installed", "kubernetes installed", "random installed", "tls installed"],
      );
      assert.match(toolchain.origin, /Pulumi 3\.900\.0 as installed/);
      assert.deepEqual(titles, []);
    });
  });

  describe("server out of reach", () => {
    it("is found out within seconds and remembered for later runs", async () => {
      assert.equal(await reachable("http://127.0.0.1:9"), false);
      assert.deepEqual(await readdir(join(cacheDirectory(), "unreachable")), ["127.0.0.1:9"]);
    });
  });

  describe("prerequisites", () => {
    const good: Computer = {
      platform: "linux",
      architecture: "x64",
      node: "20.19.0",
      root: true,
      go: "1.26.0",
      builds: true,
      apt: true,
    };

    it("are met by a Linux computer with root, Node.js and Go", () => {
      assert.deepEqual(missingPrerequisites(good), []);
      assert.deepEqual(missingPrerequisites({ ...good, go: undefined, builds: false }), [], "Go is for building only");
    });

    it("name the newest Go that a module of this repository asks for", async () => {
      const entries = await readdir(join(repositoryDirectory, "tools"), { recursive: true });
      const files = entries.filter((entry) => entry.endsWith("go.mod")).map((entry) => join("tools", entry));
      const asked: string[] = [];
      for (const file of [...files, "lab/plugins/go.mod"]) {
        const version = /^go (\d+\.\d+\.\d+)$/m.exec(await readFile(join(repositoryDirectory, file), "utf8"))?.[1];
        asked.push(version ?? `${file} names no version`);
      }
      assert.equal(asked.sort(compare).at(-1), oldestGo);
    });

    it("are named all at once, each with what to install", () => {
      const missing = missingPrerequisites({
        platform: "darwin",
        architecture: "arm64",
        node: "18.1.0",
        root: false,
        go: "1.19.8",
        builds: true,
        apt: false,
      });
      assert.equal(missing.length, 5);
      assert.match(missing.join("\n"), /Linux.*Node\.js 20\.19.*sudo.*apt-get.*Go 1\.26.*1\.19\.8.*go\.dev/s);
    });
  });

  describe("program that fails", () => {
    it("is reported with its command, exit code and last lines of standard error", async () => {
      const failing = run("sh", ["-c", "echo out; echo cause >&2; exit 3"]);
      await assert.rejects(failing, (error: Error) => {
        assert.match(error.message, /^sh -c .*exit code 3\n {2}cause$/s);
        return true;
      });
    });

    it("is ended at its limit", async () => {
      await assert.rejects(run("sleep", ["30"], { timeout: 100 }), /ended by SIGTERM \(limit 0.1 s\)/);
    });
  });
});
