import * as assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { imageReference, type ReleaseArgs } from "../../components/kit/release";
import { checkRelease } from "../../components/kit/release-check";
import { pushOrder } from "../../images/push";
import {
  formatRelease,
  localReleaseName,
  parseRelease,
  readReleaseFile,
  writeReleaseFile,
} from "../../images/release-file";
import { repositoryDirectory } from "../../lab/toolchain/cache";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const release: ReleaseArgs = {
  name: "2025.1-2",
  series: "2025.1",
  kubernetesVersion: "1.34.4",
  predecessor: "2025.1-1",
  images: {
    mariadb: { path: "stratiform/mariadb", digest, version: "1:11.8.9+ds-0+deb13u1" },
    keystone: { path: "stratiform/keystone", digest },
  },
};

describe("release file", () => {
  it("reads as it was written, comment and all", async () => {
    const directory = await mkdtemp(join(tmpdir(), "stratiform-test-"));
    try {
      const file = join(directory, "below", "2025.1-2.yaml");
      await writeReleaseFile(file, release, ["What it is.", "", "For whom."]);
      assert.deepEqual(await readReleaseFile(file), release);
      assert.ok((await readFile(file, "utf8")).startsWith("# What it is.\n#\n# For whom.\nname: 2025.1-2\n"));
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("keeps a series a text, and is the same for the same release", () => {
    const text = formatRelease(release);
    assert.match(text, /^series: "2025.1"$/m);
    const { images, ...rest } = release;
    const other = Object.fromEntries(Object.entries(images).reverse());
    assert.equal(formatRelease({ images: other, ...rest }), text);
  });

  it("has one line for a digest and for a long version", () => {
    const version = "1".repeat(200);
    const text = formatRelease({ ...release, images: { keystone: { path: "a/b", digest, version } } });
    assert.match(text, new RegExp(`^    version: ["']?${version}["']?$`, "m"));
  });

  it("names the file, the place and the problem if it is no release", () => {
    const text = formatRelease(release).replace(digest, "latest");
    assert.throws(
      () => parseRelease(text, "my.yaml"),
      /^Error: my\.yaml is no release:\n {2}\.images\.\w+\.digest: "latest"/,
    );
    assert.throws(() => parseRelease("a: [", "my.yaml"), /my\.yaml: this is no YAML/);
    assert.throws(() => parseRelease("", "my.yaml"), /my\.yaml is no release/);
  });

  it("made on this computer is named after what is in it, in the form that a cloud accepts", () => {
    const { name: _name, ...rest } = release;
    const name = localReleaseName(rest);
    assert.deepEqual(checkRelease({ ...release, name }), []);
    const other = {
      ...rest,
      images: { ...rest.images, keystone: { path: "stratiform/keystone", digest: digest.replace("0", "1") } },
    };
    assert.notEqual(localReleaseName(other), name);
    assert.equal(localReleaseName({ ...rest }), name);
  });
});

describe("push of images", () => {
  const image = (name: string, ...digests: string[]) => ({
    name,
    image: {
      layers: digests.map((one) => ({ digest: one, contentDigest: one, file: one, size: 1 })),
      ...{ config: "", manifest: "", digest: name },
    },
  });
  const names = (images: readonly { name: string }[]) => images.map(({ name }) => name);

  it("sends a layer that several images have once, before the others", () => {
    const images = [
      image("memcached", "base", "memcached"),
      image("keystone", "base", "python", "keystone"),
      image("client", "base", "python"),
    ];
    const { first, rest } = pushOrder(images);
    assert.deepEqual([names(first), names(rest)], [["keystone"], ["memcached", "client"]]);
  });

  it("sends images that share nothing side by side", () => {
    const { first, rest } = pushOrder([image("a", "one"), image("b", "two")]);
    assert.deepEqual([names(first), names(rest)], [[], ["a", "b"]]);
  });
});

describe("releases of the repository", () => {
  it("can be read, are named after their file, and have every image of the catalogue", async () => {
    const directory = join(repositoryDirectory, "releases");
    const files = (await readdir(directory)).filter((file) => file.endsWith(".yaml"));
    assert.ok(files.length > 0);
    for (const file of files) {
      const found = await readReleaseFile(join(directory, file));
      assert.equal(`${found.name}.yaml`, file);
      assert.deepEqual(Object.keys(found.images).sort(), Object.keys(debianCatalogue).sort());
      assert.match(imageReference(found, "registry:5000", "keystone"), /^registry:5000\/stratiform\/keystone@sha256:/);
    }
  });
});
