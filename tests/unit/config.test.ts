import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as fc from "fast-check";
import { parse } from "yaml";
import { type RawConfig, stackConfig } from "../../config";
import { topLevelKeys } from "../../config/schema";
import { configFileOf, stackFileName } from "../../config/stack-file";
import { hostKey, privateKey } from "./arguments";

const repository = path.resolve(__dirname, "../..");
const key = "stratiform:sshPrivateKey";

const hosts = [
  { name: "node-1", address: "10.20.0.11", roles: ["control"], hostKey },
  { name: "node-2", address: "10.20.0.12", roles: ["compute"], hostKey },
];

function raw(cluster: unknown, more: Partial<RawConfig> = {}): RawConfig {
  const values = { "stratiform:cluster": JSON.stringify(cluster), [key]: privateKey };
  return { file: "Pulumi.dev.yaml", stack: "dev", values, secretKeys: [key], ...more };
}

/** The problems that a configuration is refused for, without the head line. */
function refusal(config: RawConfig): string[] {
  try {
    stackConfig(config);
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error), String(error));
    return error.message
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith(config.file));
  }
  throw new assert.AssertionError({ message: "the configuration was accepted" });
}

/** Mistakes inside `stratiform:cluster`, and the whole message for each. */
const mistakes: Record<string, [unknown, string]> = {
  "unknown key of a host": [
    { hosts: [hosts[0], { ...hosts[1], adress: "10.20.0.12" }] },
    ".hosts[1].adress: unknown key; did you mean `address`?",
  ],
  "unknown key that resembles none": [
    { hosts, flavour: "vanilla" },
    ".flavour: unknown key; remove it; known are name, hosts, ssh, kubernetesVersion, endpoint, networks, artifacts, " +
      "imageMirror, degraded, preflight",
  ],
  "the component's word for the name": [{ hosts, clusterName: "x" }, ".clusterName: unknown key; did you mean `name`?"],
  "the key inside": [
    { hosts, ssh: { privateKey: "x" } },
    ".ssh.privateKey: unknown key; secrets are top-level keys of their own: remove it and run " +
      "`pulumi config set --secret stratiform:sshPrivateKey < ~/.ssh/id_ed25519`",
  ],
  "unknown role": [
    { hosts: [{ ...hosts[0], roles: ["contol"] }] },
    '.hosts[0].roles[0]: "contol" is not possible; did you mean `control`?',
  ],
  "number for a text": [
    { hosts, kubernetesVersion: 1.34 },
    ".kubernetesVersion: is 1.34 but must be a text; put it in quotes",
  ],
  "text for a list": [
    { hosts: "node-1" },
    '.hosts: is "node-1" but must be a list; write "[…]" or one item a line, each after "- "',
  ],
  "missing key": [{ hosts: [{ ...hosts[0], address: undefined }] }, ".hosts[0].address: is missing; add it"],
  "problem that the component sees": [
    { hosts: [hosts[0], { ...hosts[1], name: "node-1" }] },
    '.hosts[1].name: "node-1" is also the name of hosts[0]; give each host one of its own',
  ],
  "cluster name": [
    { hosts, name: "My Cloud" },
    '.name: "My Cloud" is not a DNS label; use at most 63 lower-case letters, digits and "-"',
  ],
};

describe("stack configuration", () => {
  it("becomes the cluster's arguments, with a secret key", async () => {
    const cluster = { name: "prod", hosts, ssh: { user: "admin" }, kubernetesVersion: "1.34.4", degraded: false };
    const { name, cluster: args } = stackConfig(raw(cluster));
    assert.equal(name, "prod");
    const { ssh, ...rest } = args;
    assert.deepEqual(rest, { hosts, kubernetesVersion: "1.34.4", degraded: false, clusterName: "prod" });
    assert.equal(ssh.user, "admin");
    assert.ok(await pulumi.isSecret(pulumi.output(ssh.privateKey)));
    assert.equal(stackConfig(raw({ hosts })).name, "dev");
  });

  for (const [title, [cluster, message]] of Object.entries(mistakes)) {
    it(`refuses: ${title}`, () => {
      assert.deepEqual(refusal(raw(cluster)), [`Pulumi.dev.yaml: stratiform:cluster${message}`]);
    });
  }

  it("reports all problems in one error, each with file and path", () => {
    const cluster = {
      hosts: [
        { ...hosts[0], hostKey: undefined, adress: "x" },
        { ...hosts[1], name: "node-1" },
      ],
    };
    const values = { ...raw(cluster).values, "stratiform:clusters": "x", "other:key": "x" };
    const problems = refusal(raw(cluster, { values, secretKeys: [] }));
    assert.equal(problems.length, 5, problems.join("\n"));
    assert.ok(
      problems.some((problem) => problem.includes("stratiform:clusters: unknown key; did you mean `cluster`?")),
    );
  });

  it("refuses a key in plain text, with the command that sets it", () => {
    const [problem] = refusal(raw({ hosts }, { secretKeys: [] }));
    assert.match(
      problem ?? "",
      /sshPrivateKey: stands there in plain text; run `pulumi config set --secret stratiform:/,
    );
    assert.ok(!problem?.includes("not a key"));
  });

  it("says how to set a missing key", () => {
    const { values } = raw({ hosts });
    const [problem] = refusal(raw({ hosts }, { values: { "stratiform:cluster": values["stratiform:cluster"] ?? "" } }));
    assert.match(
      problem ?? "",
      /sshPrivateKey: is missing; set it: `pulumi config set --secret .* < ~\/\.ssh\/id_ed25519`/,
    );
  });

  it("refuses a secret where plain values are expected", () => {
    const config = raw({ hosts: "very secret" }, { secretKeys: ["stratiform:cluster", key] });
    const [problem, ...more] = refusal(config);
    assert.match(problem ?? "", /cluster: contains a secret.*`pulumi config set --path/);
    assert.deepEqual(more, [], "a further message could quote the secret");
  });

  it("refuses a passphrase in plain text", () => {
    const values = { ...raw({ hosts }).values, "stratiform:sshPrivateKeyPassphrase": "secret" };
    const [problem] = refusal(raw({ hosts }, { values }));
    assert.match(problem ?? "", /sshPrivateKeyPassphrase: stands there in plain text; run `pulumi config set --secret/);
  });

  it("says what is missing if there is nothing", () => {
    const problems = refusal({ file: "Pulumi.dev.yaml", stack: "dev", values: {}, secretKeys: [] });
    assert.deepEqual(
      problems.map((problem) => problem.split(":").slice(1, 4).join(":").trim()),
      [
        "stratiform:sshPrivateKey: is missing; set it",
        "stratiform:cluster: is missing; describe the hosts there, as Pulumi.dev.yaml of the repository shows",
      ],
    );
  });

  it("answers any value with arguments or with a RunError", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.ok(refusal(raw(value)).length > 0);
        assert.ok(refusal(raw({ hosts: [value], ssh: value })).length > 0);
      }),
      { numRuns: 100 },
    );
  });
});

describe("stack files", () => {
  it("are named as the CLI was told", () => {
    assert.equal(configFileOf(["pulumi", "up", "--config-file", "/lab/Pulumi.dev.yaml", "-y"]), "/lab/Pulumi.dev.yaml");
    assert.equal(configFileOf(["pulumi", "up", "--config-file=x.yaml"]), "x.yaml");
    assert.equal(configFileOf(["pulumi", "up"]), undefined);
    assert.equal(stackFileName("prod"), "Pulumi.prod.yaml");
  });

  it("have a schema in Pulumi.yaml that declares exactly the known keys", () => {
    const project = parse(fs.readFileSync(path.join(repository, "Pulumi.yaml"), "utf8")) as { config: object };
    assert.deepEqual(
      Object.keys(project.config),
      topLevelKeys.map((name) => `stratiform:${name}`),
    );
  });

  it("have a template of at most 15 lines, valid but for its host keys, without secret and salt", () => {
    const text = fs.readFileSync(path.join(repository, "Pulumi.dev.yaml"), "utf8");
    assert.ok(text.trimEnd().split("\n").length <= 15);
    assert.doesNotMatch(text, /secure:|encryptionsalt|PRIVATE KEY/);
    const template = parse(text.replaceAll("ssh-ed25519 …", hostKey)) as { config: Record<string, unknown> };
    assert.equal(stackConfig(raw(template.config["stratiform:cluster"])).name, "dev");
  });
});
