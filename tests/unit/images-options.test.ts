import * as assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkOptions } from "../../components/kit/options";
import { optionSources } from "../../images/option-supplement";
import {
  committedOptions,
  compactOptions,
  formatOptions,
  type GeneratedOption,
  optionsFile,
} from "../../images/options";

function option(more: Partial<GeneratedOption>): GeneratedOption {
  return {
    dest: "one",
    name: "one",
    type: "string value",
    choices: [],
    min: null,
    max: null,
    default: null,
    sample_default: null,
    deprecated_for_removal: false,
    deprecated_reason: null,
    deprecated_opts: [],
    ...more,
  };
}

function compact(more: Partial<GeneratedOption>) {
  return compactOptions({ options: { cache: { opts: [option(more)] } } })["cache"];
}

describe("option list from the generator", () => {
  it("says nothing where there is nothing to say", () => {
    assert.deepEqual(compact({}), { one: { type: "string" } });
  });

  it("has kinds, choices, ranges and defaults", () => {
    assert.deepEqual(compact({ type: "floating point value", min: 0, max: 10, default: 0.5 }), {
      one: { type: "float", min: 0, max: 10, default: 0.5 },
    });
    assert.deepEqual(
      compact({
        choices: [
          ["a", null],
          ["b", "help"],
        ],
        default: "a",
      }),
      {
        one: { type: "string", choices: ["a", "b"], default: "a" },
      },
    );
    assert.deepEqual(compact({ type: "boolean value", default: false }), { one: { type: "boolean", default: false } });
  });

  it("has an example where the default is this computer's own", () => {
    assert.deepEqual(compact({ default: "build-host-7", sample_default: "node1" }), {
      one: { type: "string", default: "node1" },
    });
  });

  it("has what is deprecated, and old names as they stand in a file", () => {
    assert.deepEqual(compact({ deprecated_for_removal: true }), { one: { type: "string", deprecated: true } });
    assert.deepEqual(compact({ deprecated_for_removal: true, deprecated_reason: "Not\nused. " }), {
      one: { type: "string", deprecated: "Not used." },
    });
    const old = [
      { group: "DEFAULT", name: "log-file" },
      { group: null, name: "uno" },
      { group: "memcache", name: null },
      { group: null, name: "one" },
    ];
    assert.deepEqual(compact({ deprecated_opts: old }), {
      one: { type: "string", was: ["DEFAULT.log_file", "cache.uno", "memcache.one"] },
    });
  });

  it("names options as they stand in a file, in order", () => {
    const opts = [option({ dest: "watch_log_file", name: "watch-log-file" }), option({ dest: "a" })];
    const list = compactOptions({ options: { z: { opts }, DEFAULT: { opts: [] } } });
    assert.deepEqual(Object.keys(list), ["DEFAULT", "z"]);
    assert.deepEqual(Object.keys(list["z"] ?? {}), ["a", "watch_log_file"]);
  });

  it("refuses a kind of value that it does not know", () => {
    assert.throws(() => compact({ type: "colour value" }), /option one in \[cache\] is a "colour value"/);
  });
});

describe("option lists of the repository", () => {
  it("are there for every service that has options, and for no other", () => {
    const services = Object.keys(optionSources);
    assert.deepEqual(
      readdirSync(join(optionsFile("any"), "..")).sort(),
      services.map((service) => `${service}.json`).sort(),
    );
  });

  for (const [service, source] of Object.entries(optionSources)) {
    it(`of ${service} is what the generator of this repository writes, one option a line`, async () => {
      const list = await committedOptions(service);
      const text = readFileSync(optionsFile(service), "utf8");
      assert.equal(formatOptions(list), text);
      const options = Object.values(list.files)
        .flatMap((sections) => Object.values(sections).map(Object.keys))
        .flat();
      assert.ok(options.length > 100, `${options.length} options`);
      assert.ok(text.split("\n").length < options.length + 120, "more lines than options and sections need");
      assert.ok(
        !/help/.test(text.replace(/"[a-z_]*help[a-z_]*"/g, "")) && text.length < 150 * options.length,
        "not compact",
      );
      assert.deepEqual(Object.keys(list.files), Object.keys(source.files));
      assert.deepEqual(list.dynamic ?? [], source.dynamic ?? []);
    });
  }

  it("of keystone lets the check see mistakes, and pass what code makes up at run time", async () => {
    const list = await committedOptions("keystone");
    const where = (file: string, section: string, name: string) => `${file} ${section} ${name}`;
    const check = (sections: Record<string, Record<string, string | number | boolean>>) =>
      checkOptions(list, { "keystone.conf": sections }, where);
    assert.deepEqual(check({ token: { expiration: 3600 }, openid: { remote_id_attribute: "X" } }), {
      errors: [],
      warnings: [],
    });
    assert.match(check({ token: { expiraton: 3600 } }).errors.join(), /did you mean `expiration`/);
    assert.match(check({ token: { expiration: "long" } }).errors.join(), /whole number/);
    assert.match(check({ DEFAULT: { logdir: "/x" } }).warnings.join(), /write \[DEFAULT\] log_dir/);
    assert.match(check({ cache: { backend: "redis" } }).errors.join(), /redis/);
  });
});
