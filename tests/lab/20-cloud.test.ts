import * as assert from "node:assert/strict";
import { site } from "./lab";
import { type Cloud, cloudDeployed, plannedResources, space } from "./support/cloud";
import { outsideClient } from "./support/cloud-client";
import { summary } from "./support/operations";
import { textOf } from "./support/site";

describe("a cloud on the cluster", function () {
  this.timeout(1_800_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await cloudDeployed(site());
  });

  it("has all its pods ready when up ends, and gives tokens", async () => {
    await cloud.assertReady();
    assert.ok((await cloud.admin.token()).id.length > 100);
  });

  describe("gives what the outputs say", () => {
    it("credentials that are secret, and a CA certificate that is not", async () => {
      const outputs = JSON.parse((await site().pulumi(["stack", "output", "--json"])).stdout) as Record<
        string,
        unknown
      >;
      assert.equal(outputs["clouds.yaml"], "[secret]");
      assert.match(String(outputs["caCertificate"]), /^-----BEGIN CERTIFICATE-----/);
      assert.doesNotMatch(JSON.stringify(outputs), new RegExp(cloud.admin.credentials.password));
    });

    it("https endpoints alone, which are those of the catalogue", async () => {
      const { endpoints } = await cloud.admin.call<{ endpoints: EndpointEntry[] }>("GET", "/endpoints");
      const { services } = await cloud.admin.call<{ services: { id: string; type: string }[] }>("GET", "/services");
      const urls = (type: string, kind: string): string[] =>
        endpoints
          .filter((one) => services.some(({ id, type: its }) => id === one.service_id && its === type))
          .filter((one) => one.interface === kind)
          .map(({ url }) => url);
      assert.ok(cloud.outputs.endpoints.some(({ service }) => service === "keystone"));
      for (const { type, publicUrl, internalUrl } of cloud.outputs.endpoints) {
        assert.deepEqual(urls(type, "public"), [publicUrl], `public endpoint of ${type}`);
        assert.deepEqual(urls(type, "internal"), [internalUrl], `internal endpoint of ${type}`);
      }
      assert.deepEqual(
        endpoints.filter(({ url, region }) => !url.startsWith("https://") || region !== cloud.outputs.region),
        [],
      );
      assert.equal(cloud.outputs.endpoint, cloud.admin.credentials.authUrl);
    });
  });

  describe("gives a token to", () => {
    const issue = ["token", "issue", "--format", "json"];
    const outside = (ca: string | undefined) =>
      outsideClient(issue, { cloudsYaml: cloud.outputs["clouds.yaml"], ca, cloud: space });

    it("python-openstackclient from PyPI, with nothing but clouds.yaml and ca.crt", async () => {
      const result = await outside(cloud.outputs.caCertificate);
      assert.equal(result.code, 0, textOf(result));
      const token = JSON.parse(result.stdout) as { id: string; user_id: string };
      assert.ok(await cloud.admin.isValid(token.id, (await cloud.admin.token()).id));
    });

    it("and to nobody who trusts another CA", async () => {
      const another = String((site().cluster.imageMirror as { caCertificate?: string }).caCertificate);
      assert.match(another, /BEGIN CERTIFICATE/);
      for (const ca of [another, undefined]) {
        const result = await outside(ca);
        assert.notEqual(result.code, 0, `a client that trusts ${ca ? "another CA" : "the system's CAs"} got a token`);
        assert.match(textOf(result), /certificate verify failed|CERTIFICATE_VERIFY_FAILED/i);
      }
    });

    it("the client of the release's own image", async () => {
      const result = await site().lab.openstack(issue);
      assert.equal(result.code, 0, textOf(result));
      assert.ok((JSON.parse(result.stdout) as { id: string }).id.length > 100);
    });
  });

  describe("that is unchanged", () => {
    it("is changed by no second up", async () => {
      const counts = summary(await site().up());
      assert.deepEqual(Object.keys(counts), ["unchanged"]);
      assert.ok((counts["unchanged"] ?? 0) > 60, `${counts["unchanged"]} resources are no cloud`);
    });

    it("shows no drift in a refresh", async () => {
      await site().pulumiOk("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    });

    it("keeps keys that were rotated behind its back, and calls that no drift", async () => {
      const name = "keystone-fernet-keys";
      const data = async (): Promise<Record<string, string>> =>
        JSON.parse(await site().kubectl("-n", space, "get", "secret", name, "-o", "jsonpath={.data}"));
      const before = await data();
      const older = await cloud.admin.token();
      // As keystone-manage does it: the staged key becomes the one that encrypts, and a new one is staged.
      const next = String(Math.max(...Object.keys(before).map(Number)) + 1);
      const fresh = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
      const key = Buffer.from(fresh.replace(/\+/g, "-").replace(/\//g, "_")).toString("base64");
      const patch = JSON.stringify({ data: { [next]: before["0"], "0": key } });
      await site().kubectl("-n", space, "patch", "secret", name, "--type=merge", "-p", patch);
      const rotated = await data();
      assert.equal(Object.keys(rotated).length, Object.keys(before).length + 1);

      assert.deepEqual(await plannedResources(site()), []);
      await site().up();
      assert.deepEqual(await data(), rotated);
      await site().up("--refresh");
      assert.deepEqual(await data(), rotated);
      assert.ok(
        await cloud.admin.isValid(older.id, (await cloud.admin.token()).id),
        "a token from before is not valid",
      );
    });
  });

  it("runs its pods as users without rights: not root, no capability, no token, nothing to write to", async () => {
    const pods = (await cloud.pods()).filter(({ namespace }) => namespace === space);
    assert.ok(pods.length >= 6);
    const script = [
      "cat /proc/self/status",
      "ls /var/run/secrets/kubernetes.io/serviceaccount 2>/dev/null && echo token: yes",
      // A user without rights cannot write to / anyway: what counts is how it is mounted.
      'while read -r _ place _ options _; do [ "$place" = / ] && echo "root: $options"; done </proc/mounts',
      "true",
    ].join("\n");
    for (const { name } of pods) {
      const text = await site().kubectl("-n", space, "exec", name, "--", "/bin/sh", "-c", script);
      const status = (field: string): string => new RegExp(`^${field}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
      assert.match(status("Uid"), /^[1-9]\d*\s/, name);
      assert.equal(status("CapEff"), "0000000000000000", name);
      assert.equal(status("NoNewPrivs"), "1", name);
      assert.doesNotMatch(text, /^token: /m, name);
      assert.match(text, /^root: ro\b/m, name);
    }
  });
});

interface EndpointEntry {
  service_id: string;
  interface: string;
  url: string;
  region: string;
}
