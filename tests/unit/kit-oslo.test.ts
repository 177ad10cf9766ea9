import * as assert from "node:assert/strict";
import * as fc from "fast-check";
import type { ConfigSections, OptionValue } from "../../components/kit/config";
import { disjoint, mergeFiles, renderOslo, renderValue } from "../../components/kit/oslo";

type Read = Record<string, Record<string, string[]>>;

/**
 * Reads a file as oslo.config does (oslo_config/iniparser.py, 9.7): lines that begin with white space continue, values
 * lose white space at their ends and then one pair of equal quotes; after that `\$` and `$$` mean `$`.
 */
function read(text: string): Read {
  const result: Read = {};
  let section: Record<string, string[]> | undefined;
  for (const line of text.split("\n").map((one) => one.trimEnd())) {
    if (line === "" || /^[#;]/.test(line)) {
      continue;
    }
    assert.ok(!/^[ \t]/.test(line), `a continuation: ${line}`);
    if (line.startsWith("[")) {
      assert.ok(line.endsWith("]") && line.length > 2, line);
      const title = line.slice(1, -1);
      section = result[title] ?? {};
      result[title] = section;
      continue;
    }
    const at = /[:=]/.exec(line)?.index ?? assert.fail(`no assignment: ${line}`);
    let value = line.slice(at + 1).trim();
    if (/^["']/.test(value) && value.endsWith(value.slice(0, 1))) {
      value = value.slice(1, -1);
    }
    value = value.replace(/\\\$/g, "$$$$").replace(/\$\$/g, "$$");
    const name = line.slice(0, at).trim();
    const options = section ?? assert.fail("no section");
    options[name] = [...(options[name] ?? []), value];
  }
  return result;
}

/** A list, as oslo_config/types.py reads it. */
function readList(text: string): string[] {
  const inner = text.trim().replace(/,+$/, "");
  return inner === "" ? [] : inner.split(",").map((one) => one.trim());
}

/** A mapping, as oslo_config/types.py reads it. */
function readDict(text: string): Record<string, string> {
  return Object.fromEntries(
    text.trim() === ""
      ? []
      : text.split(",").map((pair) => {
          const at = pair.indexOf(":");
          return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
        }),
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
const refused = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]|\\\$/;
/** Texts with what could be misread: quotes, separators, white space at the ends, `$`. */
const text = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(..."\"'$ab,:=#;[] \t\\{}é") }),
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.string(),
  )
  .filter((one) => !refused.test(one));
const word = text
  .map((one) => one.replace(/[,:]/g, ""))
  .filter((one) => one !== "" && one === one.trim() && !refused.test(one));
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/).filter((one) => one !== "__proto__");
const section = fc.oneof(fc.constant("DEFAULT"), fc.stringMatching(/^[a-z][a-z0-9_:.-]{0,12}$/));

/** A value with what oslo.config should read. */
const value: fc.Arbitrary<{ value: OptionValue; lines: (read: string[]) => void }> = fc.oneof(
  text.map((one) => ({ value: one, lines: (found: string[]) => assert.deepEqual(found, [one]) })),
  fc.oneof(fc.boolean(), fc.integer()).map((one) => ({
    value: one,
    lines: (found: string[]) => assert.deepEqual(found, [String(one)]),
  })),
  fc.array(text, { minLength: 1 }).map((multi) => ({
    value: { multi },
    lines: (found: string[]) => assert.deepEqual(found, multi),
  })),
  fc.array(word).map((list) => ({
    value: list,
    lines: (found: string[]) => assert.deepEqual(found.map(readList), [list]),
  })),
  fc.dictionary(name, word).map((dict) => ({
    value: dict,
    lines: (found: string[]) => assert.deepEqual(found.map(readDict), [{ ...dict }]),
  })),
);

describe("kit: oslo", () => {
  it("writes a file", () => {
    const sections: ConfigSections = {
      token: { provider: "fernet", expiration: 14400 },
      empty: {},
      DEFAULT: { use_stderr: true, log_dir: "", debug: false },
      "file:fast": {
        servers: ["a:1", "b:2"],
        none: [],
        pairs: { a: "1", b: "x:y" },
        driver: { multi: ["one", "two"] },
        format: "%(asctime)s $x",
        pause: 0.5,
      },
    };
    assert.equal(
      renderOslo(sections),
      `[DEFAULT]
use_stderr = true
log_dir =
debug = false

[token]
provider = fernet
expiration = 14400

[file:fast]
servers = a:1,b:2
none =
pairs = a:1,b:x:y
driver = one
driver = two
format = %(asctime)s $$x
pause = 0.5
`,
    );
    assert.equal(renderOslo({}), "");
  });

  it("is read back by oslo.config as it was given", () => {
    const file = fc.dictionary(section, fc.dictionary(name, value, { minKeys: 1 }), { maxKeys: 4 });
    fc.assert(
      fc.property(file, (sections) => {
        const given: ConfigSections = Object.fromEntries(
          Object.entries(sections).map(([key, options]) => [
            key,
            Object.fromEntries(Object.entries(options).map(([option, one]) => [option, one.value])),
          ]),
        );
        const found = read(renderOslo(given));
        assert.deepEqual(Object.keys(found).sort(), Object.keys(sections).sort());
        for (const [key, options] of Object.entries(sections)) {
          assert.deepEqual(Object.keys(found[key] ?? {}), Object.keys(options));
          for (const [option, one] of Object.entries(options)) {
            one.lines(found[key]?.[option] ?? []);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("puts values in quotes only where oslo.config would cut something off", () => {
    assert.deepEqual(renderValue(" a "), ['" a "']);
    assert.deepEqual(renderValue('"a"'), ['""a""']);
    assert.deepEqual(renderValue("'"), ['"\'"']);
    assert.deepEqual(renderValue("it's"), ["it's"]);
    assert.deepEqual(renderValue("\"a'"), ["\"a'"]);
  });

  const refusals: [string, OptionValue, RegExp][] = [
    ["a line break", "a\nb = c", /line break/],
    ["a carriage return", "a\rb", /line break/],
    ["a line break in a list", ["a\nb"], /line break/],
    ["a line break in a repeated option", { multi: ["a\nb"] }, /line break/],
    ["a comma in an item", ["a,b"], /item "a,b" holds ","/],
    ["an empty item", ["a", ""], /empty item/],
    ["an item with white space at its end", ["a "], /white space/],
    ["a colon in a key", { "a:b": "c" }, /holds ":"/],
    ["a comma in a mapping's value", { a: "b,c" }, /holds ","/],
    ["an empty key", { "": "c" }, /empty item/],
    ["a repeated option without values", { multi: [] }, /no value/],
    ["an escape that would be lost", "a\\$b", /reads as "\$"/],
    ["a number that is none", Number.NaN, /NaN is no number/],
  ];
  for (const [what, wrong, message] of refusals) {
    it(`refuses ${what}`, () => {
      assert.throws(() => renderOslo({ token: { provider: wrong } }), { message: /^\[token\] provider: .*[;:] / });
      assert.throws(() => renderValue(wrong), { message });
    });
  }

  it("refuses names that cannot stand in a file", () => {
    for (const wrong of ["", "a]b", "[a", " a", "a\nb"]) {
      assert.throws(() => renderOslo({ [wrong]: { a: "b" } }), /cannot name a section/, wrong);
    }
    for (const wrong of ["", "a b", "a=b", "a:b", "#a", "[a", "a\n"]) {
      assert.throws(() => renderOslo({ a: { [wrong]: "b" } }), /cannot name an option/, wrong);
    }
  });

  it("merges an override into files without touching either", () => {
    const base = { "a.conf": { DEFAULT: { x: 1, y: 2 }, other: { z: 3 } } };
    const before = JSON.stringify(base);
    assert.deepEqual(mergeFiles(base, { "a.conf": { DEFAULT: { y: 5, w: 6 }, more: { v: [] } }, "b.conf": {} }), {
      "a.conf": { DEFAULT: { x: 1, y: 5, w: 6 }, other: { z: 3 }, more: { v: [] } },
      "b.conf": {},
    });
    assert.equal(JSON.stringify(base), before);
  });

  it("finds options that stand in the plain and in the secret part", () => {
    const plain = { "a.conf": { database: { max_pool_size: 5, connection: "x" }, token: { a: 1 } } };
    assert.deepEqual(disjoint(plain, { "a.conf": { database: { connection: "y" } }, "b.conf": { token: { a: 1 } } }), [
      "a.conf.database.connection",
    ]);
    assert.deepEqual(disjoint(plain, {}), []);
  });
});
