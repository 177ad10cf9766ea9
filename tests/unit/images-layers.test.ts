import * as assert from "node:assert/strict";
import { posix } from "node:path";
import * as fc from "fast-check";
import { parsePackages } from "../../images/packages";
import { spdxDocument } from "../../images/sbom";
import { type Inventory, parseInventory, whiteouts } from "../../images/whiteouts";

function inventory(record: Record<string, string>): Inventory {
  return new Map(Object.entries(record));
}

/** What a container's file system holds when a layer is laid on another: whiteouts first, then the layer's own. */
function laidOn(before: Inventory, marks: readonly string[], own: Inventory): Map<string, string> {
  const result = new Map(before);
  const remove = (path: string) => {
    for (const one of [...result.keys()]) if (one === path || one.startsWith(`${path}/`)) result.delete(one);
  };
  for (const mark of marks) remove(posix.join(posix.dirname(mark), posix.basename(mark).replace(/^\.wh\./, "")));
  for (const [path, type] of own) {
    // Only a directory laid on a directory keeps what is in it.
    if (!(type === "d" && result.get(path) === "d")) remove(path);
    result.set(path, type);
  }
  return result;
}

/** File systems of few names, so that two of them meet often. */
const fileSystem = fc
  .array(fc.tuple(fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }), fc.constantFrom("f", "l")))
  .map((entries): Inventory => {
    const result = new Map<string, string>();
    for (const [parts, type] of entries) {
      const parents = parts.slice(0, -1).map((_part, index) => parts.slice(0, index + 1).join("/"));
      if (parents.some((parent) => (result.get(parent) ?? "d") !== "d")) continue;
      if (result.get(parts.join("/")) === "d") continue;
      for (const parent of parents) result.set(parent, "d");
      result.set(parts.join("/"), type);
    }
    return result;
  });

describe("whiteouts of a layer", () => {
  it("stand beside what was taken away", () => {
    const before = inventory({ etc: "d", "etc/a": "f", "etc/b": "f", top: "f" });
    assert.deepEqual(whiteouts(before, inventory({ etc: "d", "etc/b": "f" })), ["etc/.wh.a", ".wh.top"]);
  });

  it("name a directory once, not what was in it", () => {
    const before = inventory({ var: "d", "var/log": "d", "var/log/apt": "d", "var/log/apt/term.log": "f" });
    assert.deepEqual(whiteouts(before, inventory({ var: "d", "var/log": "d" })), ["var/log/.wh.apt"]);
  });

  it("are not put into what is no directory any more", () => {
    const before = inventory({ lib: "d", "lib/x": "f" });
    assert.deepEqual(whiteouts(before, inventory({ lib: "l" })), []);
  });

  it("name each file of a directory that was made anew", () => {
    const before = inventory({ cache: "d", "cache/old": "f", "cache/both": "f" });
    assert.deepEqual(whiteouts(before, inventory({ cache: "d", "cache/both": "f" })), ["cache/.wh.old"]);
  });

  it("with the layer's own files give just what was there when the layer was made", () => {
    fc.assert(
      fc.property(fileSystem, fileSystem, (before, after) => {
        const own = new Map([...after].filter(([path, type]) => before.get(path) !== type || type === "f"));
        // Directories above a file are in the layer too, as overlayfs has them.
        for (const path of [...own.keys()]) {
          for (let parent = posix.dirname(path); parent !== "."; parent = posix.dirname(parent)) own.set(parent, "d");
        }
        const ordered = new Map([...own].sort(([left], [right]) => (left < right ? -1 : 1)));
        const result = laidOn(before, whiteouts(before, after), ordered);
        assert.deepEqual([...result].sort(), [...after].sort());
      }),
    );
  });

  it("are found from what the builder writes down, whatever the names", () => {
    const text = "d etc\0f etc/a name\nwith all\0l etc/link\0";
    assert.deepEqual(
      [...parseInventory(text)],
      [
        ["etc", "d"],
        ["etc/a name\nwith all", "f"],
        ["etc/link", "l"],
      ],
    );
  });
});

describe("package list of an image", () => {
  const text = [
    "installed\tlibc6\t2.41-12\tamd64\tglibc\t2.41-12",
    "installed\tlibstdc++6\t14.2.0-19\tamd64\tgcc-14\t14.2.0-19",
    "config-files\told\t1\tall\told\t1",
    "installed\tkeystone\t2:27.0.0-3+deb13u6\tall\tkeystone\t2:27.0.0-3+deb13u6",
    "",
  ].join("\n");
  const digest = `sha256:${"a".repeat(64)}`;
  const image = { name: "keystone", digest, version: "27", debianRelease: "trixie", packages: parsePackages(text) };
  const document = JSON.parse(JSON.stringify(spdxDocument(image, "2026-11-24T12:00:00Z")));

  it("has what is installed, and nothing that only left its configuration", () => {
    assert.deepEqual(
      image.packages.map(({ name }) => name),
      ["libc6", "libstdc++6", "keystone"],
    );
  });

  it("is SPDX 2.3, with every package in the image", () => {
    assert.equal(document.spdxVersion, "SPDX-2.3");
    const ids = document.packages.map((one: { SPDXID: string }) => one.SPDXID);
    assert.equal(new Set(ids).size, 4);
    for (const id of ids) assert.match(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
    const contained = document.relationships.filter(
      (one: { relationshipType: string }) => one.relationshipType === "CONTAINS",
    );
    assert.deepEqual(
      contained.map((one: { relatedSpdxElement: string }) => one.relatedSpdxElement),
      ids.slice(1),
    );
  });

  it("names each package as a package URL, with its version escaped", () => {
    const locators = document.packages
      .slice(1)
      .map((one: { externalRefs: { referenceLocator: string }[] }) => one.externalRefs[0]?.referenceLocator);
    assert.equal(locators[1], "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=trixie");
    assert.equal(locators[2], "pkg:deb/debian/keystone@2%3A27.0.0-3%2Bdeb13u6?arch=all&distro=trixie");
  });
});
