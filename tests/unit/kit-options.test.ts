import * as assert from "node:assert/strict";
import * as fc from "fast-check";
import type { OptionValue } from "../../components/kit/config";
import { checkOptions, type OptionList } from "../../components/kit/options";

const list: OptionList = {
  service: "keystone",
  series: "2025.1",
  version: "27.0.0",
  files: {
    "keystone.conf": {
      DEFAULT: {
        use_stderr: { type: "boolean", default: false },
        public_endpoint: { type: "uri" },
        log_dir: { type: "string", was: ["DEFAULT.logdir"] },
        admin_token: { type: "string", deprecated: "use bootstrap" },
        debug: { type: "boolean" },
      },
      token: {
        provider: { type: "string", choices: ["fernet", "jws"] },
        expiration: { type: "integer", min: 0, max: 2 ** 63, was: ["DEFAULT.token_lifetime"] },
        cache_on_issue: { type: "boolean", deprecated: true },
      },
      cache: {
        memcache_servers: { type: "list" },
        memcache_socket_timeout: { type: "float", min: 0 },
        backend_argument: { type: "multi" },
        pairs: { type: "dict" },
        port: { type: "port" },
      },
      keystone_authtoken: { auth_type: { type: "string" } },
    },
  },
  dynamic: ["keystone_authtoken", "backend_*"],
};

const where = (file: string, section: string, option: string): string =>
  ["overrides.keystone", file, section, option].filter((part) => part !== "").join(".");

function check(section: string, option: string, value: unknown): { errors: string[]; warnings: string[] } {
  return checkOptions(list, { "keystone.conf": { [section]: { [option]: value as OptionValue } } }, where);
}

describe("kit: options", () => {
  const accepted: [string, string, unknown][] = [
    ["DEFAULT", "use_stderr", true],
    ["DEFAULT", "use_stderr", "Yes"],
    ["DEFAULT", "use_stderr", 0],
    ["DEFAULT", "log_dir", ""],
    ["DEFAULT", "log_dir", 1234],
    ["DEFAULT", "public_endpoint", "https://a:5000"],
    ["token", "provider", "jws"],
    ["token", "expiration", 3600],
    ["token", "expiration", "3600"],
    ["cache", "memcache_servers", ["a:1", "b:2"]],
    ["cache", "memcache_servers", []],
    ["cache", "memcache_servers", "a:1,b:2"],
    ["cache", "memcache_socket_timeout", 0.5],
    ["cache", "memcache_socket_timeout", 1e-7],
    ["cache", "backend_argument", { multi: ["a:b", "c:d"] }],
    ["cache", "backend_argument", "a:b"],
    ["cache", "pairs", { a: "1" }],
    ["cache", "pairs", "a:1,b:2"],
    ["cache", "port", 65535],
    ["keystone_authtoken", "username", "nova"],
    ["backend_nfs", "nfs_mount_options", ["a"]],
  ];
  for (const [section, option, value] of accepted) {
    it(`accepts [${section}] ${option} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(check(section, option, value), { errors: [], warnings: [] });
    });
  }

  const refused: [string, string, unknown, string][] = [
    ["token", "expiratoin", 1, ".token.expiratoin: unknown option; did you mean `expiration`?"],
    ["DEFAULT", "expiration", 1, ".DEFAULT.expiration: unknown option; `expiration` stands in [token]"],
    ["token", "qqqqqqq", 1, ".token.qqqqqqq: unknown option; remove it; the release has none like it"],
    ["token", "constructor", 1, ".token.constructor: unknown option; remove it; the release has none like it"],
    ["tokn", "zzz", 1, ".tokn.zzz: unknown section; did you mean the section `token`?"],
    ["tokn", "provider", "fernet", ".tokn.provider: unknown section; `provider` stands in [token]"],
    ["token", "provider", "fernett", '.token.provider: "fernett" is not possible; did you mean `fernet`?'],
    ["token", "provider", "uuid", '.token.provider: "uuid" is not possible; use one of fernet, jws'],
    ["token", "expiration", -1, ".token.expiration: -1 is too small; write 0 or more"],
    ["token", "expiration", 1.5, ".token.expiration: is 1.5 but must be a whole number"],
    ["token", "expiration", "1h", '.token.expiration: is "1h" but must be a whole number'],
    ["token", "expiration", [1], ".token.expiration: is [1] but must be a whole number"],
    ["DEFAULT", "use_stderr", "maybe", '.DEFAULT.use_stderr: is "maybe" but must be true or false'],
    ["DEFAULT", "log_dir", true, ".DEFAULT.log_dir: is true but must be a text"],
    ["DEFAULT", "log_dir", ["a"], '.DEFAULT.log_dir: is ["a"] but must be a text'],
    [
      "DEFAULT",
      "log_dir",
      null,
      '.DEFAULT.log_dir: is empty; write a value, or "" for an empty one, or leave the option out',
    ],
    ["DEFAULT", "log_dir", { multi: ["a"] }, ".DEFAULT.log_dir: has several values, but takes one; it must be a text"],
    ["cache", "memcache_socket_timeout", "1s", '.cache.memcache_socket_timeout: is "1s" but must be a number'],
    ["cache", "memcache_servers", { a: "b" }, '.cache.memcache_servers: is {"a":"b"} but must be a list, "[one, two]"'],
    [
      "cache",
      "memcache_servers",
      ["a,b"],
      '.cache.memcache_servers: item "a,b" holds ",", which ends an item; remove it',
    ],
    ["cache", "pairs", "a", '.cache.pairs: is "a" but must be a mapping, "{ key: value }"'],
    ["cache", "port", 65536, ".cache.port: 65536 is too large; write 65535 or less"],
    [
      "cache",
      "backend_argument",
      ["a"],
      '.cache.backend_argument: is ["a"] but must be a mapping of values that stand one in a line, "{ multi: [one, two] }"',
    ],
    ["keystone_authtoken", "auth_type", ["a"], '.keystone_authtoken.auth_type: is ["a"] but must be a text'],
    [
      "keystone_authtoken",
      "a b",
      "x",
      '.keystone_authtoken.a b: "a b" cannot name an option; use letters, digits, "_", "-" and "."',
    ],
  ];
  for (const [section, option, value, message] of refused) {
    it(`refuses [${section}] ${option} = ${JSON.stringify(value)}`, () => {
      assert.deepEqual(check(section, option, value).errors, [`overrides.keystone.keystone.conf${message}`]);
    });
  }

  it("refuses unknown files and what is no mapping", () => {
    const errors = (files: unknown) => checkOptions(list, files as Parameters<typeof checkOptions>[1], where).errors;
    assert.deepEqual(errors({ "keyston.conf": {} }), [
      "overrides.keystone.keyston.conf: unknown file; did you mean `keystone.conf`?",
    ]);
    assert.match(errors({ "keystone.conf": null })[0] ?? "", /keystone\.conf: must be a mapping of sections; write/);
    assert.match(
      errors({ "keystone.conf": { token: [] } })[0] ?? "",
      /conf\.token: must be a mapping of options; write/,
    );
  });

  it("warns of deprecated options and old names, with the successor", () => {
    assert.deepEqual(check("DEFAULT", "logdir", "/x"), {
      errors: [],
      warnings: ["overrides.keystone.keystone.conf.DEFAULT.logdir: is an old name; write [DEFAULT] log_dir instead"],
    });
    assert.deepEqual(check("DEFAULT", "token_lifetime", 5).warnings, [
      "overrides.keystone.keystone.conf.DEFAULT.token_lifetime: is an old name; write [token] expiration instead",
    ]);
    assert.match(check("DEFAULT", "token_lifetime", "x").errors[0] ?? "", /must be a whole number$/);
    assert.deepEqual(check("DEFAULT", "admin_token", "x").warnings, [
      "overrides.keystone.keystone.conf.DEFAULT.admin_token: is deprecated: use bootstrap",
    ]);
    assert.deepEqual(check("token", "cache_on_issue", true).warnings, [
      "overrides.keystone.keystone.conf.token.cache_on_issue: is deprecated",
    ]);
  });

  it("refuses 100 misspellings of every option, and proposes the option", () => {
    const sections = list.files["keystone.conf"] ?? {};
    const listed = Object.entries(sections).filter(([section]) => section !== "keystone_authtoken");
    for (const [section, options] of listed) {
      for (const option of Object.keys(options)) {
        fc.assert(
          fc.property(misspelling(option), (wrong) => {
            const { errors } = check(section, wrong, "x");
            assert.equal(errors.length, 1, `${wrong} for ${option}`);
            assert.match(errors[0] ?? "", /: unknown option; did you mean `/);
          }),
          { numRuns: 100 },
        );
      }
    }

    function misspelling(option: string): fc.Arbitrary<string> {
      const place = fc.nat(option.length - 1);
      const letter = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz_");
      const known = new Set(
        listed.flatMap(([, options]) => [
          ...Object.keys(options),
          ...Object.values(options).flatMap((entry) => (entry.was ?? []).map((old) => old.split(".")[1])),
        ]),
      );
      return fc
        .oneof(
          place.map((at) => option.slice(0, at) + option.slice(at + 1)),
          fc.tuple(place, letter).map(([at, one]) => option.slice(0, at) + one + option.slice(at)),
          fc.tuple(place, letter).map(([at, one]) => option.slice(0, at) + one + option.slice(at + 1)),
          place.map(
            (at) =>
              option.slice(0, at) +
              option
                .slice(at, at + 2)
                .split("")
                .reverse()
                .join("") +
              option.slice(at + 2),
          ),
        )
        .filter((wrong) => !known.has(wrong) && /^[a-z]/.test(wrong));
    }
  });

  it("knows sections that an option names, with the options of their kind", () => {
    const stores: OptionList = {
      service: "glance",
      series: "2025.1",
      named: { "DEFAULT.enabled_backends": { file: "store.file" } },
      files: {
        "glance-api.conf": {
          DEFAULT: { enabled_backends: { type: "dict" } },
          "store.file": { datadir: { type: "string" }, chunk: { type: "integer" } },
        },
      },
    };
    const problems = (enabled: OptionValue, sections: Record<string, Record<string, OptionValue>>) =>
      checkOptions(stores, { "glance-api.conf": { DEFAULT: { enabled_backends: enabled }, ...sections } }, where)
        .errors;
    for (const enabled of [{ fast: "file" }, "slow:file, fast:file"]) {
      assert.deepEqual(problems(enabled, { fast: { datadir: "/x" } }), []);
      assert.match(problems(enabled, { fast: { datadri: "/x" } }).join(), /fast\.datadri: .*did you mean `datadir`/);
      assert.match(problems(enabled, { fast: { chunk: "big" } }).join(), /whole number/);
      assert.match(problems(enabled, { other: { datadir: "/x" } }).join(), /other\.datadir: unknown section/);
    }
    assert.match(problems({ fast: "tape" }, { fast: { datadir: "/x" } }).join(), /unknown section/);
  });
});
