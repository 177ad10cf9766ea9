import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { repositoryDirectory } from "../../lab/toolchain/index";
import { site } from "./lab";
import { Cloud, cloudDeployed, plannedResources, stackResources } from "./support/cloud";
import { type Answer, send } from "./support/cloud-requests";
import { textOf } from "./support/site";
import { within } from "./support/wait";

/** The program that lays the example beside the services of Stratiform. */
const program = path.join(__dirname, "programs", "own-service");

function lines(file: string): number {
  return fs.readFileSync(path.join(repositoryDirectory, file), "utf8").trimEnd().split("\n").length;
}

/** `pulumi up` of that program on the lab's stack. */
async function upWithOwnService(): Promise<string> {
  const work = site().lab.pulumi(["up", "--yes", "--skip-preview"], { cwd: program });
  const result = await within("up with a service of one's own", 600, work);
  assert.equal(result.code, 0, textOf(result).slice(-4000));
  return textOf(result);
}

describe("a service of one's own", function () {
  this.timeout(900_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await cloudDeployed(site());
    // The example uses the package as everybody does: built.
    execFileSync(process.execPath, ["tools/build.mjs"], { cwd: repositoryDirectory });
  });

  it("takes at most 40 lines; Keystone itself takes at most 200", () => {
    assert.ok(lines("examples/own-service/greeter.ts") <= 40);
    assert.ok(lines("components/openstack/keystone.ts") <= 200);
  });

  describe("laid beside Keystone", () => {
    let url: string;
    const get = (headers: Record<string, string> = {}): Promise<Answer> =>
      send({ url, ca: cloud.outputs.caCertificate, headers });

    before(async () => {
      await upWithOwnService();
      cloud = await Cloud.open(site());
      const found = cloud.outputs.endpoints.find(({ type }) => type === "greeting");
      assert.ok(found, "the outputs have no endpoint of it");
      url = found.publicUrl;
    });

    it("stands in the catalogue with the URLs of the outputs", async () => {
      const { endpoints } = await cloud.admin.call<{ endpoints: { url: string }[] }>("GET", "/endpoints");
      const { publicUrl, internalUrl } = cloud.outputs.endpoints.find(({ type }) => type === "greeting") ?? {};
      for (const wanted of [publicUrl, internalUrl]) {
        assert.ok(
          endpoints.some((one) => one.url === wanted),
          `${wanted} is not in the catalogue`,
        );
      }
    });

    it("greets the holder of a token by name, through the edge, over TLS", async () => {
      const token = await cloud.admin.token();
      const answer = await get({ "X-Auth-Token": token.id });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.text.trim(), `Good day, ${cloud.admin.credentials.username}`);
    });

    it("knows nobody without a token, or with a wrong one", async () => {
      const wrong: Record<string, string>[] = [{}, { "X-Auth-Token": "gAAAAABmade-up" }];
      for (const headers of wrong) {
        const answer = await get(headers);
        assert.ok(answer.status === 401 || !answer.text.includes(cloud.admin.credentials.username), answer.text);
      }
    });
  });

  // A group of its own, since a group's own tests run before the groups within it.
  describe("taken away", () => {
    it("is gone when its definition is, and nothing else", async function () {
      const sweeps = (await stackResources(site())).some(({ urn }) => /::[^:]*sweep[^:]*$/.test(urn));
      const planned = await plannedResources(site());
      const others = planned.filter((line) => !/^(delete|replace) \S+ openstack-greeter/.test(line));
      // The edge loses a route; the list of what is entered into Keystone loses an entry.
      assert.deepEqual(
        others.filter((line) => !/ openstack-(edge|sweep)|NetworkPolicy openstack-/.test(line)),
        [],
      );
      await site().up();
      cloud = await Cloud.open(site());
      await cloud.well(120);
      assert.deepEqual(await cloud.pods("greeter"), []);
      if (!sweeps) {
        console.log("      nothing in the stack sweeps entries out of Keystone: not looked at");
        this.skip();
      }
      const { services } = await cloud.admin.call<{ services: { type: string }[] }>("GET", "/services");
      assert.deepEqual(services.map(({ type }) => type).sort(), ["identity"]);
      const { users } = await cloud.admin.call<{ users: { name: string }[] }>("GET", "/users");
      assert.deepEqual(
        users.filter(({ name }) => name.startsWith("greeter")),
        [],
      );
    });
  });
});
