import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse, stringify } from "yaml";
import { type RawConfig, stackConfig } from "../../config";
import { releaseNames } from "../../config/release";
import { hostKey, privateKey } from "./arguments";
import { type Issued, issueCertificate } from "./certificates";

const repository = path.resolve(__dirname, "../..");
const digest = `sha256:${"0".repeat(64)}`;
const images = ["mariadb", "memcached", "haproxy", "keepalived", "keystone", "client"];
const release = {
  name: "2025.1-1",
  series: "2025.1",
  kubernetesVersion: "1.34.4",
  images: Object.fromEntries(images.map((name) => [name, { path: `stratiform/${name}`, digest }])),
};
const cluster = {
  hosts: [
    { name: "node-1", address: "10.20.0.11", roles: ["control"], hostKey },
    { name: "node-2", address: "10.20.0.12", roles: ["compute"], hostKey },
  ],
};
const cloud = {
  release: "2025.1-1",
  services: ["keystone"],
  registry: "registry.example:5000",
  endpoint: { public: "10.20.0.250", internal: "10.20.0.251" },
};

/** The program's folder of these tests, with releases. */
let folder = "";
let issued: Issued;

function writeRelease(name: string, content: unknown): void {
  fs.writeFileSync(path.join(folder, "releases", `${name}.yaml`), stringify(content));
}

/** A configuration; secrets are secret unless `plain` names them. */
function raw(section: unknown, secrets: Record<string, string> = {}, plain: string[] = []): RawConfig {
  const named = Object.fromEntries(Object.entries(secrets).map(([key, value]) => [`stratiform:${key}`, value]));
  return {
    file: "Pulumi.dev.yaml",
    stack: "dev",
    values: {
      "stratiform:cluster": JSON.stringify(cluster),
      "stratiform:sshPrivateKey": privateKey,
      ...(section === undefined ? {} : { "stratiform:cloud": JSON.stringify(section) }),
      ...named,
    },
    secretKeys: ["stratiform:sshPrivateKey", ...Object.keys(named)].filter(
      (key) => !plain.includes(key.replace("stratiform:", "")),
    ),
    folder,
  };
}

/** The problems that a configuration is refused for, without the file and the head line. */
function refusal(config: RawConfig): string[] {
  try {
    stackConfig(config);
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error), String((error as Error).stack));
    return error.message
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith(config.file))
      .map((line) => line.slice(config.file.length + 2));
  }
  throw new assert.AssertionError({ message: "the configuration was accepted" });
}

/** Mistakes inside `stratiform:cloud`, and how the one message for each begins. */
const mistakes: Record<string, [object, string]> = {
  "unknown key": [{ ...cloud, profil: "lab" }, "stratiform:cloud.profil: unknown key; did you mean `profile`?"],
  "the component's word for the name": [
    { ...cloud, cloudName: "x" },
    "stratiform:cloud.cloudName: unknown key; did you mean `name`?",
  ],
  "unknown key of the endpoint": [
    { ...cloud, endpoint: { ...cloud.endpoint, publicAdress: "10.20.0.250" } },
    "stratiform:cloud.endpoint.publicAdress: unknown key; did you mean `publicAddress`?",
  ],
  "unknown key of a size": [
    { ...cloud, sizes: { keystone: { api: { replica: 3 } } } },
    "stratiform:cloud.sizes.keystone.api.replica: unknown key; did you mean `replicas`?",
  ],
  "unknown profile": [
    { ...cloud, profile: "smal" },
    'stratiform:cloud.profile: "smal" is not possible; did you mean `small`?',
  ],
  "unknown service": [
    { ...cloud, services: ["keystone", "keyston"] },
    "stratiform:cloud.services[1]: unknown service keyston; did you mean `keystone`?",
  ],
  "no service": [{ ...cloud, services: [] }, "stratiform:cloud.services: is empty;"],
  "no release": [{ ...cloud, release: undefined }, "stratiform:cloud.release: is missing; add it"],
  "a number for a release": [
    { ...cloud, release: 2025.1 },
    "stratiform:cloud.release: is 2025.1 but must be a text; put it in quotes",
  ],
  "unknown release": [
    { ...cloud, release: "2025.1-2" },
    'stratiform:cloud.release: unknown release "2025.1-2"; did you mean `2025.1-1`? releases/ has 2025.1-1, ',
  ],
  "unknown release that resembles none": [
    { ...cloud, release: "caracal" },
    'stratiform:cloud.release: unknown release "caracal"; releases/ has 2025.1-1, ',
  ],
  "a path without a file": [{ ...cloud, release: "./none.yaml" }, "stratiform:cloud.release: there is no file /"],
  "a release that is no YAML": [
    { ...cloud, release: "broken" },
    "stratiform:cloud.release: releases/broken.yaml is not YAML: ",
  ],
  "a release that lacks an image": [
    { ...cloud, release: "lacking" },
    "stratiform:cloud.release: releases/lacking.yaml: images.keystone: is missing",
  ],
  "a release with a tag for a digest": [
    { ...cloud, release: "tagged" },
    'stratiform:cloud.release: releases/tagged.yaml: images.keystone.digest: "latest" is a tag',
  ],
  "a release that is a text": [{ ...cloud, release: "text" }, "stratiform:cloud.release: releases/text.yaml"],
  "no registry": [{ ...cloud, registry: undefined }, "stratiform:cloud.registry: is missing;"],
  "a registry's URL": [
    { ...cloud, registry: "https://registry.example" },
    'stratiform:cloud.registry: "https://registry.example" is no registry;',
  ],
  "a name that cannot be": [
    { ...cloud, name: "My Cloud" },
    'stratiform:cloud.name: "My Cloud" cannot name a namespace',
  ],
  "no endpoint": [{ ...cloud, endpoint: undefined }, "stratiform:cloud.endpoint: is missing; add it"],
  "a host's address as endpoint": [
    { ...cloud, endpoint: { public: "10.20.0.12" } },
    "stratiform:cloud.endpoint.public: 10.20.0.12 is the address of host node-2;",
  ],
  "an endpoint's name without address": [
    { ...cloud, endpoint: { public: "cloud.example" } },
    "stratiform:cloud.endpoint.publicAddress: is missing, as public is a name;",
  ],
  "no replicas": [
    { ...cloud, sizes: { keystone: { api: { replicas: 0 } } } },
    "stratiform:cloud.sizes.keystone.api.replicas: 0 is not possible;",
  ],
  "an even number of what decides by majority": [
    { ...cloud, sizes: { mariadb: { server: { replicas: 2 } } } },
    "stratiform:cloud.sizes.mariadb.server.replicas: 2 members bear no more losses than 1",
  ],
  "an override of a service that is not there": [
    { ...cloud, overrides: { glance: { "glance-api.conf": { DEFAULT: { debug: true } } } } },
    "stratiform:cloud.overrides.glance: ",
  ],
  "an override that is empty": [
    { ...cloud, overrides: { keystone: { "keystone.conf": { DEFAULT: { debug: null } } } } },
    'stratiform:cloud.overrides.keystone["keystone.conf"].DEFAULT.debug: is no value of an option;',
  ],
  "an override that the component owns": [
    { ...cloud, overrides: { keystone: { "keystone.conf": { database: { connection: "mysql://x" } } } } },
    "stratiform:cloud.overrides.keystone.keystone.conf.database.connection: belongs to the component;",
  ],
  "the password inside": [
    { ...cloud, adminPassword: "x" },
    "stratiform:cloud.adminPassword: unknown key; secrets are top-level keys of their own: remove it and run " +
      "`pulumi config set --secret stratiform:adminPassword`",
  ],
};

describe("stack configuration of a cloud", () => {
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-config-"));
    fs.mkdirSync(path.join(folder, "releases"));
    writeRelease("2025.1-1", release);
    writeRelease("lacking", { ...release, images: { ...release.images, keystone: undefined } });
    writeRelease("tagged", { ...release, images: { ...release.images, keystone: { path: "a/b", digest: "latest" } } });
    writeRelease("text", "nothing");
    fs.writeFileSync(path.join(folder, "releases", "broken.yaml"), "images: [");
    issued = issueCertificate();
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it("becomes the cloud's arguments, with the release read and defaults filled in", () => {
    const sizes = { keystone: { api: { replicas: 5, cpu: "1" } } };
    const overrides = { keystone: { "keystone.conf": { DEFAULT: { debug: true } } } };
    const { cloud: args } = stackConfig(raw({ ...cloud, sizes, overrides }));
    assert.deepEqual(args, {
      cloudName: "openstack",
      profile: "small",
      region: "RegionOne",
      release,
      registry: "registry.example:5000",
      services: ["keystone"],
      endpoint: cloud.endpoint,
      hosts: [
        { name: "node-1", address: "10.20.0.11", roles: ["control"] },
        { name: "node-2", address: "10.20.0.12", roles: ["compute"] },
      ],
      sizes,
      overrides,
    });
  });

  it("takes the registry of the cluster's image mirror, and a release by its path", () => {
    const config = raw({ ...cloud, registry: undefined, release: "releases/2025.1-1.yaml", name: "blue" });
    const imageMirror = { registry: "mirror.example:5000" };
    config.values["stratiform:cluster"] = JSON.stringify({ ...cluster, imageMirror });
    const { cloud: args } = stackConfig(config);
    assert.equal(args?.registry, "mirror.example:5000");
    assert.equal(args?.cloudName, "blue");
    assert.deepEqual(args?.release, release);
  });

  it("is none where there is none", () => {
    for (const section of [undefined, {}]) {
      assert.equal(stackConfig(raw(section)).cloud, undefined);
    }
  });

  for (const [title, [section, message]] of Object.entries(mistakes)) {
    it(`refuses: ${title}`, () => {
      const problems = refusal(raw(section));
      assert.ok(problems[0]?.startsWith(message), problems.join("\n"));
      assert.ok(problems.every((problem) => problem.startsWith("stratiform:cloud.")));
      if (!/release/.test(title)) {
        assert.equal(problems.length, 1, problems.join("\n"));
      }
    });
  }

  it("reports problems of cluster and cloud at once", () => {
    const config = raw({ ...cloud, profil: "lab", release: "2025.1-9", endpoint: { public: "10.20.0.12" } });
    config.values["stratiform:cluster"] = JSON.stringify({ ...cluster, flavour: "vanilla" });
    config.values["stratiform:clod"] = "x";
    const places = refusal(config).map((problem) => problem.split(": ")[0]);
    for (const place of ["clod", "cluster.flavour", "cloud.profil", "cloud.release", "cloud.endpoint.public"]) {
      assert.ok(places.includes(`stratiform:${place}`), places.join(" "));
    }
  });

  it("takes given certificates with their secret keys", async () => {
    const { cloud: args } = stackConfig(
      raw({ ...cloud, certificate: issued.certificate }, { endpointPrivateKey: issued.key, adminPassword: "long one" }),
    );
    assert.equal(args?.certificate?.certificate, issued.certificate);
    assert.ok(await pulumi.isSecret(pulumi.output(args?.certificate?.privateKey)));
    assert.ok(await pulumi.isSecret(pulumi.output(args?.adminPassword)));
    const signed = stackConfig(
      raw({ ...cloud, authority: issued.authority }, { authorityPrivateKey: issued.authorityKey }),
    );
    assert.equal(signed.cloud?.certificate?.authority, issued.authority);
  });

  it("refuses a certificate without its key, or with another's", () => {
    const [missing, ...more] = refusal(raw({ ...cloud, certificate: issued.certificate }));
    assert.equal(
      missing,
      "stratiform:endpointPrivateKey: is missing; set it: " +
        "`pulumi config set --secret stratiform:endpointPrivateKey < endpoint.key`",
    );
    assert.deepEqual(more, []);
    const [other] = refusal(
      raw({ ...cloud, certificate: issued.certificate }, { endpointPrivateKey: issued.authorityKey }),
    );
    assert.match(other ?? "", /^stratiform:endpointPrivateKey: is not the key of stratiform:cloud\.certificate;/);
    const [orphan] = refusal(raw(cloud, { authorityPrivateKey: issued.authorityKey }));
    assert.match(orphan ?? "", /^stratiform:authorityPrivateKey: has no meaning without stratiform:cloud\.authority;/);
  });

  it("refuses a certificate that is not for the endpoint", () => {
    const endpoint = { public: "10.20.0.240" };
    const config = raw({ ...cloud, endpoint, certificate: issued.certificate }, { endpointPrivateKey: issued.key });
    assert.match(refusal(config)[0] ?? "", /^stratiform:cloud\.certificate: .*10\.20\.0\.240/);
  });

  it("refuses secrets in plain text, with the command that sets them", () => {
    const given = {
      endpointPrivateKey: issued.key,
      authorityPrivateKey: issued.authorityKey,
      adminPassword: "secret word",
    };
    const section = { ...cloud, certificate: issued.certificate };
    for (const key of ["endpointPrivateKey", "adminPassword"] as const) {
      const [problem, ...more] = refusal(raw(section, { endpointPrivateKey: issued.key, [key]: given[key] }, [key]));
      assert.match(
        problem ?? "",
        new RegExp(`^stratiform:${key}: stands there in plain text; run .pulumi config set --secret`),
      );
      assert.deepEqual(more, []);
      assert.ok(!problem?.includes("secret word"));
    }
    const [authority] = refusal(raw({ ...cloud, authority: issued.authority }, given, ["authorityPrivateKey"])).filter(
      (problem) => problem.includes("plain text"),
    );
    assert.match(authority ?? "", /^stratiform:authorityPrivateKey: /);
  });

  it("refuses a secret where plain values are expected, and does not quote it", () => {
    const config = raw({ ...cloud, profile: "very secret" });
    config.secretKeys.push("stratiform:cloud");
    const [problem, ...more] = refusal(config);
    assert.match(problem ?? "", /^stratiform:cloud: contains a secret.*`pulumi config set --path/);
    assert.deepEqual(more, []);
  });

  it("refuses secrets of a cloud that is not there", () => {
    const [problem] = refusal(raw(undefined, { adminPassword: "x" }));
    assert.match(problem ?? "", /^stratiform:adminPassword: has no meaning without stratiform:cloud;/);
  });

  it("refuses a password that no file can hold", () => {
    const [problem] = refusal(raw(cloud, { adminPassword: "two\nlines" }));
    assert.match(problem ?? "", /^stratiform:adminPassword: has line breaks/);
    assert.ok(stackConfig(raw(cloud, { adminPassword: "one line\n" })).cloud);
  });

  it("lists releases, the latest last", () => {
    for (const name of ["2025.1-10", "2025.1-9"]) {
      writeRelease(name, release);
    }
    assert.deepEqual(
      releaseNames(path.join(folder, "releases")).filter((name) => name.startsWith("2025")),
      ["2025.1-1", "2025.1-9", "2025.1-10"],
    );
    assert.deepEqual(releaseNames("/nowhere"), []);
  });
});

describe("stack files of the repository", () => {
  for (const stack of ["dev", "prod"]) {
    it(`Pulumi.${stack}.yaml is valid but for its secrets, without salt`, () => {
      const text = fs.readFileSync(path.join(repository, `Pulumi.${stack}.yaml`), "utf8");
      assert.doesNotMatch(text, /secure:|encryptionsalt|PRIVATE KEY/);
      const { config } = parse(text.replaceAll("ssh-ed25519 …", hostKey)) as { config: Record<string, unknown> };
      const result = stackConfig({
        ...raw(config["stratiform:cloud"]),
        stack,
        values: {
          ...Object.fromEntries(Object.entries(config).map(([key, value]) => [key, JSON.stringify(value)])),
          "stratiform:sshPrivateKey": privateKey,
        },
        folder: repository,
      });
      assert.equal(result.name, stack);
      assert.equal(result.cloud?.profile, stack === "prod" ? "ha" : "small");
      assert.equal(
        result.cluster.hosts.filter((host) => host.roles.includes("control")).length,
        stack === "prod" ? 3 : 1,
      );
    });
  }
});
