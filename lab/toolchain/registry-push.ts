import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { cacheDirectory } from "./cache";
import { type Image, writeLayout } from "./oci";
import { run } from "./process";

/** Where images go. */
export interface Push {
  /** Registry, such as `127.0.0.1:5000`. */
  registry: string;
  /** Directory with `ca.crt`, the CA of the registry's certificate. */
  certDirectory: string;
}

/** Two copies at a time: one waits for the registry while the other computes digests. */
const parallelCopies = 2;

/**
 * The digest that a registry has for a tag, or undefined if it has none.
 * @param name image and tag, such as `pause:3.10.1`
 */
export async function pushedDigest(push: Push, name: string): Promise<string | undefined> {
  const ca = await readFile(join(push.certDirectory, "ca.crt"));
  const [image = "", tag = ""] = name.split(":");
  const accept = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ].join(", ");
  return new Promise((resolve, reject) => {
    const url = `https://${push.registry}/v2/${image}/manifests/${tag}`;
    const fail = (why: string) =>
      reject(new Error(`registry ${push.registry}, image ${name}: ${why}; look at the registry's log`));
    const call = request(
      url,
      { method: "HEAD", ca, headers: { accept }, timeout: 10_000, agent: false },
      (response) => {
        response.resume();
        const digest = response.headers["docker-content-digest"];
        if (response.statusCode === 404) resolve(undefined);
        else if (response.statusCode === 200 && typeof digest === "string") resolve(digest);
        else fail(`HTTP ${response.statusCode}`);
      },
    );
    call.on("timeout", () => call.destroy(new Error("no answer within 10 s")));
    call.on("error", (error) => fail(error.message)).end();
  });
}

/** Pushes an image as it is, with its layers' bytes and its digest unchanged. */
export async function pushImage(push: Push, name: string, image: Image): Promise<void> {
  const layout = await mkdtemp(join(cacheDirectory(), "layout-"));
  try {
    await writeLayout(image, layout);
    await copy(push, `oci:${layout}`, name);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

/**
 * Copies an upstream image for linux/amd64.
 * @param source such as `registry.example/pause:3.10.1`, or `busybox:1.37`, which the copy completes
 * @returns the digest of the copy
 */
export async function copyUpstream(push: Push, source: string, name: string): Promise<string> {
  await copy(push, `docker://${source}`, name);
  const digest = await pushedDigest(push, name);
  if (digest === undefined) throw new Error(`registry ${push.registry}: ${name} is missing after it was copied`);
  return digest;
}

async function copy(push: Push, source: string, name: string): Promise<void> {
  const platform = ["--override-os", "linux", "--override-arch", "amd64"];
  // "--insecure-policy": no signature policy of this computer is asked; the digests are checked by the copy itself.
  const target = ["--dest-cert-dir", push.certDirectory, source, `docker://${push.registry}/${name}`];
  await run("skopeo", [...platform, "--insecure-policy", "copy", "--quiet", ...target]);
}

/** Does work for each item, a few at a time, in order of the list. */
export async function eachInParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: parallelCopies }, worker));
}
