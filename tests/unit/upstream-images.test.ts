import * as assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addonImages } from "../../components/cluster/versions";
import { imagesReachable, upstreamImages } from "../../lab/toolchain/upstream-images";

describe("upstream's images", () => {
  let directory: string;
  const { PATH, STRATIFORM_CACHE } = process.env;

  /** Puts a shell program first on PATH. */
  const program = async (name: string, text: string): Promise<string> => {
    const file = join(directory, "bin", name);
    await writeFile(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  };
  const asked = async (): Promise<string[]> =>
    (await readFile(join(directory, "asked"), "utf8").catch(() => "")).split("\n").filter(Boolean).sort();
  /** A skopeo that notes which image it is asked for, and finds those of the last argument's pattern. */
  const skopeoThatFinds = (pattern: string): Promise<string> =>
    program(
      "skopeo",
      `for image; do :; done; echo "$image" >>${directory}/asked; case "$image" in ${pattern}) ;; *) exit 1 ;; esac`,
    );

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "stratiform-test-"));
    await mkdir(join(directory, "bin"));
    process.env.PATH = `${join(directory, "bin")}:${PATH}`;
    process.env.STRATIFORM_CACHE = join(directory, "cache");
  });

  afterEach(async () => {
    process.env.PATH = PATH;
    if (STRATIFORM_CACHE === undefined) delete process.env.STRATIFORM_CACHE;
    else process.env.STRATIFORM_CACHE = STRATIFORM_CACHE;
    await rm(directory, { recursive: true });
  });

  it("are those that kubeadm names, and the add-ons without a registry's name", async () => {
    const list = "one.example/kube-proxy:v1.34.4\\none.example/coredns/coredns:v1.12.1";
    const kubeadm = await program(
      "kubeadm",
      `[ "$*" = "config images list --kubernetes-version v1.34.4" ] && printf '${list}\\n'`,
    );
    const images = await upstreamImages("1.34.4", kubeadm);
    assert.equal(images.get("kube-proxy:v1.34.4"), "one.example/kube-proxy:v1.34.4");
    assert.equal(images.get("coredns:v1.12.1"), "one.example/coredns/coredns:v1.12.1");
    const { repository, tag } = addonImages["kube-router"];
    assert.equal(images.get(`kube-router:${tag}`), `${repository}:${tag}`);
    assert.equal(images.size, 2 + Object.keys(addonImages).length);
  });

  it("can be had where one of each registry is found; only one of each is asked for", async () => {
    await skopeoThatFinds("*");
    assert.equal(await imagesReachable(["two.example/a:1", "two.example/b/c:1", "busybox:1", "some/thing:1"]), true);
    assert.deepEqual(await asked(), ["docker://some/thing:1", "docker://two.example/b/c:1"]);
  });

  it("cannot be had where one registry is out of reach, which later runs remember", async () => {
    await skopeoThatFinds("docker://three.example/*");
    assert.equal(await imagesReachable(["three.example/a:1", "four.example:5000/b:1"]), false);
    assert.deepEqual(await asked(), ["docker://four.example:5000/b:1", "docker://three.example/a:1"]);
    assert.deepEqual(await readdir(join(directory, "cache", "unreachable")), ["images of four.example:5000"]);
  });
});
