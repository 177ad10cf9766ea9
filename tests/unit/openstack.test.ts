import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import fc from "fast-check";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import type { OpenStackCloudArgs } from "../../components/openstack/args";
import { inOrder } from "../../components/openstack/cloud";
import { connections } from "../../components/openstack/connections";
import type { ServiceDefinition } from "../../components/openstack/definition";
import { define } from "../../components/openstack/facts";
import { blankSecrets } from "../../components/openstack/service-files";
import { numberedKeys } from "../../components/openstack/service-secrets";
import { shellWord, stepScript } from "../../components/openstack/steps";
import { factoriesOf, validateCloud } from "../../components/openstack/validate";
import { optionList } from "../../components/openstack/validate-options";
import { cloudArgs } from "../graph/programs/cloud-args";

function problems(change: Partial<OpenStackCloudArgs>): string[] {
  return validateCloud({ ...cloudArgs, ...change }).errors;
}

/** Every option that Keystone's definition sets, by file and section. */
function setOptions(): { file: string; section: string; option: string }[] {
  const { definitions } = define(cloudArgs, debianCatalogue, factoriesOf(cloudArgs, []));
  return definitions.flatMap((definition) =>
    [definition.config, definition.secretConfig?.(blankSecrets) ?? {}].flatMap((files) =>
      Object.entries(files).flatMap(([file, sections]) =>
        Object.entries(sections).flatMap(([section, options]) =>
          Object.keys(options).map((option) => ({ file, section, option })),
        ),
      ),
    ),
  );
}

/** A word with one letter left out, doubled, exchanged with its neighbour, or replaced. */
const misspelt = (word: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(word.length - 2), fc.constantFrom("drop", "double", "swap", "replace"), fc.constantFrom(..."qxzjk"))
    .map(([at, how, letter]) => {
      const [head, one = "", two = "", tail] = [word.slice(0, at), word[at], word[at + 1], word.slice(at + 2)];
      return (
        {
          drop: head + two + tail,
          double: head + one + one + two + tail,
          swap: head + two + one + tail,
          replace: head + letter + two + tail,
        }[how] ?? ""
      );
    })
    .filter((result) => result !== word);

describe("options of a cloud", () => {
  it("are refused when misspelt: a hundred misspellings of those that are set, against the release's own list", () => {
    const list = optionList("2025.1", "keystone");
    assert.ok(list);
    const all = setOptions();
    assert.ok(all.length > 15);
    const cases = fc
      .constantFrom(...all)
      .chain((place) => misspelt(place.option).map((option) => ({ ...place, option })))
      .filter(({ file, section, option }) => list.files[file]?.[section]?.[option] === undefined);
    fc.assert(
      fc.property(cases, ({ file, section, option }) => {
        const found = problems({ overrides: { keystone: { [file]: { [section]: { [option]: "1" } } } } });
        return found.length === 1 && found[0]?.startsWith(`overrides.keystone.${file}.${section}.${option}: `) === true;
      }),
      { numRuns: 100 },
    );
  });

  it("that the component owns are refused, with what sets them", () => {
    const override = { keystone: { "keystone.conf": { database: { connection: "mysql://somewhere" } } } };
    assert.deepEqual(problems({ overrides: override }), [
      "overrides.keystone.keystone.conf.database.connection: belongs to the component; it is made by the stack and kept secret; remove it",
    ]);
  });

  it("may be set for services of the cloud only", () => {
    const override = { "x.conf": { DEFAULT: { debug: true } } };
    const [unknown] = problems({ overrides: { glanse: override } });
    assert.match(unknown ?? "", /^overrides\.glanse: glanse is no service;/);
    const [left] = problems({ overrides: { glance: override } });
    assert.match(left ?? "", /^overrides\.glance: glance is not enabled; add it to services, or/);
  });

  it("that are on their way out give a warning, and no error", () => {
    const options = { max_param_size: 70, log_config: "/etc/keystone/logging.conf" };
    const { errors, warnings } = validateCloud({
      ...cloudArgs,
      overrides: { keystone: { "keystone.conf": { DEFAULT: options } } },
    });
    assert.deepEqual(errors, []);
    assert.match(warnings[0] ?? "", /^overrides\.keystone\.keystone\.conf\.DEFAULT\.max_param_size: .*no effect/);
    assert.match(warnings[1] ?? "", /^overrides\.keystone\.keystone\.conf\.DEFAULT\.log_config: .*log_config_append/);
    assert.equal(warnings.length, 2);
  });
});

describe("arguments of a cloud", () => {
  const image = { path: "stratiform/keystone", digest: `sha256:${"0".repeat(64)}` };
  const cases: [string, Partial<OpenStackCloudArgs>, RegExp][] = [
    [
      "an unknown service",
      { services: ["keyston"] },
      /^services\[0\]: unknown service keyston; did you mean `keystone`\?/,
    ],
    ["a service twice", { services: ["keystone", "keystone"] }, /^services\[1\]: keystone stands there twice/],
    ["no service", { services: [] }, /^services: is empty/],
    ["an unknown profile", { profile: "hq" as never }, /^profile: unknown profile hq; did you mean `ha`\?/],
    ["a registry with a scheme", { registry: "https://registry.example" }, /^registry: .* without "https:\/\/"/],
    ["no pod at all", { sizes: { keystone: { api: { replicas: 0 } } } }, /^sizes\.keystone\.api\.replicas: /],
    ["an even quorum", { sizes: { mariadb: { server: { replicas: 2 } } } }, /^sizes\.mariadb\.server\.replicas: /],
    [
      "a tag in the place of a digest",
      {
        release: {
          ...cloudArgs.release,
          images: { ...cloudArgs.release.images, keystone: { ...image, digest: "27.0" } },
        },
      },
      /^release\.images\.keystone\.digest: /,
    ],
    [
      "a release without an image",
      { release: { ...cloudArgs.release, images: { keystone: image } } },
      /^release\.images\.mariadb: |^release\.images: /,
    ],
    [
      "a certificate that is none",
      { certificate: { certificate: "x", privateKey: "y" } },
      /^certificate\.certificate: /,
    ],
  ];
  for (const [what, change, expected] of cases) {
    it(`are refused with ${what}, by path`, () => {
      const found = problems(change);
      assert.ok(
        found.some((problem) => expected.test(problem)),
        found.join("\n"),
      );
    });
  }

  it("are accepted as the tests use them", () => assert.deepEqual(problems({}), []));
});

const service = (name: string, more: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
  name,
  config: {},
  processes: [{ name: "api", port: 1, talksTo: ["mariadb"] }],
  ...more,
});

describe("definitions", () => {
  it("come in the order of their needs, and a circle is named", () => {
    const [a, b, c] = [service("a", { needs: ["b"] }), service("b", { needs: ["c"] }), service("c")];
    assert.deepEqual(
      inOrder([a, b, c]).map((one) => one.name),
      ["c", "b", "a"],
    );
    assert.throws(() => inOrder([a, b, service("c", { needs: ["a"] })]), /in a circle: a → b → c → a/);
  });

  it("say who may reach whom", () => {
    const net = connections([
      service("keystone", { catalog: [{ type: "identity", port: 5000 }], serviceUser: false, databases: ["keystone"] }),
      service("nova", {
        processes: [{ name: "api", port: 8774, talksTo: ["edge", "keystone"] }, { name: "conductor" }],
      }),
    ]);
    assert.deepEqual(net.callersOf("keystone", "api"), [
      { service: "edge", process: "haproxy" },
      { service: "nova", process: "api" },
    ]);
    assert.deepEqual(net.targetsOf("nova", "conductor"), []);
    const callers = JSON.stringify(net.callersOf("mariadb", "proxy"));
    assert.match(callers, /"service":"keystone","process":"steps"/);
    assert.ok(!callers.includes("nova"));
  });
});

describe("steps and keys", () => {
  it("quote every word for the shell", () => {
    assert.deepEqual(["a-b=c/d", "it's", "a b", "$x"].map(shellWord), ["a-b=c/d", `'it'\\''s'`, "'a b'", "'$x'"]);
  });

  it("name programs by the catalogue, and refuse those that it does not have", () => {
    const entry = { uid: 1, gid: 1, programs: { manage: ["/opt/manage"] }, paths: {} };
    const step = { name: "sync", commands: [["manage", "db", "sync"]], environment: { PASSWORD: "word" } };
    assert.match(
      stepScript("image", entry, step),
      /PASSWORD="\$\(cat \/etc\/stratiform\/input\/word\)"[\s\S]*\n\/opt\/manage db sync\n/,
    );
    assert.throws(
      () => stepScript("image", entry, { name: "x", commands: [["other"]] }),
      /has no program other .* it has manage/,
    );
  });

  it("run commands beside each other where they may, each with its own variables, and fail if one fails", () => {
    const entry = { uid: 1, gid: 1, programs: { sh: ["/bin/sh"] }, paths: {} };
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-step-"));
    try {
      fs.writeFileSync(path.join(directory, "input"), "secret\n");
      const say = (words: string) => ["sh", "-c", words];
      const step = (last: string) => ({
        name: "schema",
        beside: true,
        commands: [
          // Ends only when the next one has begun.
          say(`while [ ! -e ${directory}/begun ]; do sleep 0.1; done; echo "one \${NAME:-none}"`),
          { command: say(`: >${directory}/begun; echo "two $NAME"`), environment: { NAME: "input" } },
          say(last),
        ],
      });
      const run = (last: string) => {
        const script = stepScript("image", entry, step(last)).split("/etc/stratiform/input").join(directory);
        return spawnSync("/bin/sh", ["-c", script], { encoding: "utf8", timeout: 20_000 });
      };
      const { status, stdout } = run("true");
      assert.equal(status, 0, stdout);
      assert.deepEqual(
        stdout
          .split("\n")
          .filter((line) => /^(one|two) /.test(line))
          .sort(),
        ["one none", "two secret"],
      );
      assert.equal(run("exit 3").status, 3);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it("run a sequence beside others one after another, and end it where one fails", () => {
    const entry = { uid: 1, gid: 1, programs: { sh: ["/bin/sh"] }, paths: {} };
    const say = (words: string) => ["sh", "-c", words];
    const run = (...sequence: string[]) => {
      const step = { name: "x", beside: true, commands: [{ sequence: sequence.map(say) }, say("true")] };
      return spawnSync("/bin/sh", ["-c", stepScript("image", entry, step)], { encoding: "utf8" });
    };
    const said = (stdout: string) => stdout.split("\n").filter((line) => /^(one|two)$/.test(line));
    const well = run("sleep 0.2; echo one", "echo two");
    assert.deepEqual([well.status, said(well.stdout)], [0, ["one", "two"]]);
    const ill = run("exit 3", "echo two");
    assert.deepEqual([ill.status, said(ill.stdout)], [3, []]);
  });

  it("are as Fernet wants them: numbered, 32 bytes, URL-safe", () => {
    const keys = numberedKeys(Buffer.alloc(64, 0xfb).toString("base64"), 2);
    assert.deepEqual(Object.keys(keys), ["0", "1"]);
    for (const key of Object.values(keys)) {
      assert.match(key, /^[A-Za-z0-9_-]{43}=$/);
      assert.equal(Buffer.from(key, "base64url").length, 32);
    }
  });
});
