import * as assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { script } from "../../images/chroot";
import { optionSources } from "../../images/option-supplement";
import { imageRecipes, recipeChain, recipeOf, recipeProblems } from "../../images/recipes";
import { fixedUid, fixedUsers } from "../../images/users";
import { sourcesOf } from "../../lab/toolchain/debian";
import { composeImage } from "../../lab/toolchain/oci";

describe("recipes of images", () => {
  it("fit together", () => {
    assert.deepEqual(recipeProblems(imageRecipes), []);
  });

  it("are refused with a parent that is missing or stands behind, a name twice, or nothing in them", () => {
    const base = { name: "base", packages: ["tini"] };
    assert.deepEqual(recipeProblems([{ name: "a", parent: "base" }, base]), [
      "image a: its parent base does not stand before it",
    ]);
    assert.deepEqual(recipeProblems([base, base]), ["image base is there twice"]);
    assert.deepEqual(recipeProblems([{ name: "empty" }]), ["image empty has neither a parent nor packages"]);
    assert.deepEqual(recipeProblems([{ name: "Two Words", packages: ["tini"] }]), [
      "image name Two Words cannot stand in a registry",
    ]);
  });

  it("name scripts that exist, and every script is in use", () => {
    const named = imageRecipes.flatMap((recipe) => (recipe.setup === undefined ? [] : [recipe.setup]));
    for (const setup of named) assert.ok(existsSync(script(setup)), setup);
    const builder = ["enter.sh", "finish.sh", "install.sh", "pack.sh", "unpack.sh"];
    assert.deepEqual(readdirSync(script(".")).sort(), [...builder, ...new Set(named)].sort());
  });

  it("give no user's number twice, and none that Debian gives out itself", () => {
    assert.equal(new Set(fixedUsers.map(({ uid }) => uid)).size, fixedUsers.length);
    assert.equal(new Set(fixedUsers.map(({ name }) => name)).size, fixedUsers.length);
    for (const { name, uid } of fixedUsers) assert.ok(uid >= 42400 && uid < 42500, `${name} ${uid}`);
  });

  it("use the numbers that volumes of other deployments have", () => {
    const known = { keystone: 42425, glance: 42415, nova: 42436, neutron: 42435, mysql: 42434, rabbitmq: 42439 };
    for (const [name, uid] of Object.entries(known)) assert.equal(fixedUid(name), uid, name);
  });

  it("are laid on each other down to the base", () => {
    assert.deepEqual(
      recipeChain("keystone").map(({ name }) => name),
      ["base", "python", "keystone"],
    );
    assert.deepEqual(
      recipeChain("nova-compute").map(({ name }) => name),
      ["base", "python", "nova", "nova-compute"],
    );
    for (const name of ["client", "glance", "neutron", "placement", "tempest"]) {
      assert.equal(recipeOf(name).parent, "python", name);
    }
    for (const name of ["libvirt", "ovn", "rabbitmq"]) assert.equal(recipeOf(name).parent, "base", name);
    assert.throws(() => recipeOf("keyston"), /there is no image keyston; there are base, /);
  });
});

describe("catalogue of Debian's images", () => {
  const published = imageRecipes.filter((recipe) => recipe.versionOf !== undefined);

  it("has an entry for every image that is published, and for no other", () => {
    assert.deepEqual(Object.keys(debianCatalogue).sort(), published.map(({ name }) => name).sort());
  });

  for (const recipe of published) {
    it(`gives ${recipe.name} programs of its own`, () => {
      const programs = Object.keys(debianCatalogue[recipe.name]?.programs ?? {});
      assert.ok(programs.some((name) => !["sh", "python3", "openstack", "uwsgi"].includes(name)));
    });

    it(`names the user of ${recipe.name} as the recipe does`, () => {
      const entry = debianCatalogue[recipe.name];
      assert.equal(entry?.uid, recipe.uid ?? 0);
      assert.equal(entry?.gid, recipe.uid ?? 0);
    });
  }

  it("has a shell in every image, and only absolute paths", () => {
    for (const [name, entry] of Object.entries(debianCatalogue)) {
      assert.ok(entry.programs["sh"], name);
      for (const [program] of Object.values(entry.programs)) assert.match(program ?? "", /^\//, name);
      for (const path of Object.values(entry.paths)) assert.match(path, /^\//, name);
    }
  });

  it("has the WSGI applications of every API, as one line of uwsgi's configuration each", () => {
    const applications = Object.entries(debianCatalogue).flatMap(([name, entry]) =>
      Object.keys(entry.wsgi ?? {}).map((process) => `${name} ${process}`),
    );
    assert.deepEqual(applications.sort(), [
      "glance api",
      "keystone api",
      "neutron api",
      "nova api",
      "nova metadata",
      "placement api",
    ]);
    for (const entry of Object.values(debianCatalogue)) {
      for (const line of Object.values(entry.wsgi ?? {})) {
        assert.match(line, /^(module=[a-z_.]+:application|wsgi-file=\/[a-z/-]+)$/);
        assert.ok(entry.programs["uwsgi"]);
      }
    }
  });

  it("is what option lists are asked from", () => {
    for (const [service, source] of Object.entries(optionSources)) {
      assert.ok(debianCatalogue[source.image ?? service], service);
    }
  });
});

describe("toolchain for images", () => {
  it("takes this computer's sources of the wanted release", () => {
    const listing = "Debian|trixie|http://a/|trixie|main\nDebian|bookworm|http://b/|bookworm|main\n";
    assert.deepEqual(sourcesOf(listing, "trixie"), ["deb http://a/ trixie main"]);
  });

  it("takes the same places for another release, without what only some releases have", () => {
    const listing = [
      "Debian|bookworm|http://b/|bookworm|main",
      "Debian|bookworm-security|http://s/|stable-security|main",
      "Debian|bookworm-backports|http://b/|bookworm-backports|main",
      "Other|bookworm|http://o/|bookworm|main",
      "",
    ].join("\n");
    assert.deepEqual(sourcesOf(listing, "trixie"), ["deb http://b/ trixie main", "deb http://s/ trixie-security main"]);
    assert.deepEqual(sourcesOf("Ubuntu|noble|http://u/|noble|main", "trixie"), []);
  });

  it("puts user, environment and labels into an image, and leaves images without them as they were", () => {
    const settings = { user: "42425:42425", environment: { HOME: "/tmp" }, workingDirectory: "/", labels: { a: "b" } };
    const { config } = JSON.parse(composeImage([], settings).config);
    assert.equal(config.User, "42425:42425");
    assert.deepEqual(config.Env.slice(1), ["HOME=/tmp"]);
    assert.equal(config.WorkingDir, "/");
    assert.deepEqual(config.Labels, { a: "b" });
    const plain = composeImage([], { entrypoint: ["/bin/true"] });
    assert.equal(
      plain.config,
      '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:' +
        '/sbin:/bin"],"Entrypoint":["/bin/true"]},"rootfs":{"type":"layers","diff_ids":[]}}',
    );
  });
});
