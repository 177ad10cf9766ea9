import * as assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as https from "node:https";
import * as os from "node:os";
import * as path from "node:path";
import { site } from "../lab/lab";
import { type Cloud, coreDeployed, space } from "../lab/support/cloud";
import { outsideClient } from "../lab/support/cloud-client";
import { type Answer, send } from "../lab/support/cloud-requests";
import { textOf } from "../lab/support/site";

/** Longest wait until the cloud is well again, in seconds: a bound against hanging, no aim. */
const wellLimit = 300;
/** More than one buffer of the edge and of uwsgi. */
const imageBytes = 24 * 1024 ** 2;
const chunkBytes = 300_000;

interface Image {
  id: string;
  status: string;
  size: number | null;
  os_hash_value: string | null;
}

describe("Placement and Glance", function () {
  this.timeout(1_800_000);
  let cloud: Cloud;
  let folder: string;
  const content = randomBytes(imageBytes);
  const made: string[] = [];

  before(async () => {
    cloud = await coreDeployed(site());
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-image-"));
    fs.writeFileSync(path.join(folder, "image"), content);
  });

  after(async () => {
    for (const id of made) {
      await call("image", `/v2/images/${id}`, { method: "DELETE" });
    }
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function url(type: string): string {
    const found = cloud.outputs.endpoints.find((one) => one.type === type);
    assert.ok(found, `the outputs have no endpoint of ${type}`);
    return found.publicUrl;
  }

  /** A request with a token of the administrator, or with the one given. */
  async function call(
    type: string,
    at: string,
    more: { method?: string; body?: unknown; token?: string } = {},
  ): Promise<Answer> {
    const token = more.token ?? (await cloud.admin.token()).id;
    const { method, body } = more;
    return send({
      url: `${url(type)}${at}`,
      ca: cloud.outputs.caCertificate,
      headers: token === "" ? {} : { "X-Auth-Token": token },
      ...(method === undefined ? {} : { method }),
      ...(body === undefined ? {} : { body }),
    });
  }

  /** An image without content. */
  async function newImage(name: string): Promise<string> {
    const body = { name, disk_format: "raw", container_format: "bare", visibility: "private" };
    const answer = await call("image", "/v2/images", { method: "POST", body });
    assert.equal(answer.status, 201, answer.text);
    const { id } = JSON.parse(answer.text) as Image;
    made.push(id);
    return id;
  }

  async function image(id: string): Promise<Image> {
    return JSON.parse((await call("image", `/v2/images/${id}`)).text) as Image;
  }

  /** Sends content in chunks, whose total length is said nowhere. */
  async function uploadInChunks(id: string): Promise<number> {
    const token = (await cloud.admin.token()).id;
    return new Promise((resolve, reject) => {
      const headers = { "X-Auth-Token": token, "Content-Type": "application/octet-stream" };
      const options = { method: "PUT", headers, ca: cloud.outputs.caCertificate, timeout: 120_000 };
      const request = https.request(`${url("image")}/v2/images/${id}/file`, options, (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
      });
      request.once("error", reject);
      request.setHeader("Transfer-Encoding", "chunked");
      for (let at = 0; at < content.length; at += chunkBytes) {
        request.write(content.subarray(at, at + chunkBytes));
      }
      request.end();
    });
  }

  const client = (...args: string[]) =>
    outsideClient(args, { cloudsYaml: cloud.outputs["clouds.yaml"], ca: cloud.outputs.caCertificate, cloud: space });

  /** What the client of a user downloads. */
  async function downloaded(id: string): Promise<Buffer> {
    const file = path.join(folder, `copy-${id}`);
    const result = await client("image", "save", "--file", file, id);
    assert.equal(result.code, 0, textOf(result));
    return fs.readFileSync(file);
  }

  it("answer holders of a token through the edge, and nobody else", async () => {
    for (const [type, at] of [
      ["placement", "/resource_providers"],
      ["image", "/v2/images"],
    ] as const) {
      assert.equal((await call(type, at)).status, 200, type);
      assert.equal((await call(type, at, { token: "" })).status, 401, type);
      assert.equal((await call(type, at, { token: "gAAAAABmade-up" })).status, 401, type);
    }
  });

  it("an image that a user's client sends comes back as it was", async () => {
    const file = path.join(folder, "image");
    const result = await client(
      ...["image", "create", "--file", file, "--disk-format", "raw", "--container-format", "bare"],
      ...["--format", "json", "kept-by-client"],
    );
    assert.equal(result.code, 0, textOf(result));
    const { id } = JSON.parse(result.stdout) as Image;
    made.push(id);
    const { status, size } = await image(id);
    assert.deepEqual({ status, size }, { status: "active", size: imageBytes });
    assert.ok((await downloaded(id)).equals(content), "the download is not what was sent");
  });

  it("an image that is sent in chunks, of a length that nobody says, comes back as it was, from a new pod too", async () => {
    const id = await newImage("kept-in-chunks");
    assert.equal(await uploadInChunks(id), 204);
    const { status, size, os_hash_value: hash } = await image(id);
    assert.deepEqual({ status, size }, { status: "active", size: imageBytes });
    assert.equal(hash, createHash("sha512").update(content).digest("hex"));

    const pods = await cloud.pods("glance");
    await cloud.deletePods(pods);
    const seconds = await cloud.well(wellLimit, new Set(pods.map(({ uid }) => uid)));
    console.log(`      Glance's pod deleted: well after ${seconds.toFixed(1)} s`);
    assert.ok((await downloaded(id)).equals(content), "the download is not what was sent");
  });

  it("an upload that is broken off leaves no image that looks whole", async () => {
    const id = await newImage("broken-off");
    const token = (await cloud.admin.token()).id;
    await new Promise<void>((resolve) => {
      const options = {
        method: "PUT",
        headers: { "X-Auth-Token": token, "Content-Type": "application/octet-stream" },
        ca: cloud.outputs.caCertificate,
      };
      const request = https.request(`${url("image")}/v2/images/${id}/file`, options);
      request.once("error", () => resolve());
      request.write(content.subarray(0, chunkBytes), () => setTimeout(() => request.destroy(new Error("away")), 1000));
    });
    assert.notEqual((await image(id)).status, "active");
    assert.notEqual((await call("image", `/v2/images/${id}/file`)).status, 200);
  });
});
