import * as assert from "node:assert/strict";
import { Profile, type SizesArgs } from "../../components/kit/profile";
import { checkRelease } from "../../components/kit/release-check";
import { checkSizes, profileSettings, profileSizes, quantity, sizeOf } from "../../components/kit/sizes";

const known = { mariadb: ["server", "proxy"], memcached: ["server"], edge: ["haproxy"], keystone: ["api"] };
const quorumSets = [{ service: "mariadb", process: "server" }];

function problems(
  sizes: unknown,
  profile: Profile = Profile.Small,
  services: Record<string, string[]> = known,
): string[] {
  return checkSizes(profile, sizes as SizesArgs, services, quorumSets);
}

describe("kit: sizes", () => {
  it("takes a number from the arguments, then from the profile, then from what any process has", () => {
    const sizes: SizesArgs = { keystone: { api: { replicas: 5, cpu: undefined } } };
    const profile = profileSizes[Profile.Ha];
    assert.deepEqual(sizeOf(Profile.Ha, sizes, "keystone", "api"), {
      ...profile.sizes["keystone"]?.["api"],
      replicas: 5,
    });
    assert.deepEqual(sizeOf(Profile.Ha, sizes, "toy", "api"), profile.other);
    assert.deepEqual(sizeOf(Profile.Ha, { toy: { api: { workers: 9 } } }, "toy", "api"), {
      ...profile.other,
      workers: 9,
    });
  });

  it("has profiles that pass their own check", () => {
    for (const profile of Object.values(Profile)) {
      const sizes = profileSizes[profile].sizes;
      const all = Object.entries(sizes).map(([service, own]) => [service, Object.keys(own)]);
      assert.deepEqual(problems(sizes, profile, Object.fromEntries(all)), []);
      assert.deepEqual(problems({ keystone: { api: profileSizes[profile].other } }, profile), []);
      assert.ok(sizes["mariadb"]?.["server"]?.storage, "the database has a volume");
    }
    assert.deepEqual(profileSettings(Profile.Lab), { protect: false, stopPause: 5 });
    assert.equal(profileSettings(Profile.Small).protect, true);
    assert.deepEqual(profileSettings(Profile.Ha), { protect: true, stopPause: 15 });
    assert.equal(sizeOf(Profile.Lab, {}, "keystone", "api").replicas, 2);
    assert.equal(sizeOf(Profile.Lab, {}, "mariadb", "server").memoryLimit, undefined);
    assert.equal(sizeOf(Profile.Ha, {}, "mariadb", "server").replicas, 3);
  });

  const mistakes: [string, unknown, RegExp | undefined][] = [
    [
      "no replicas",
      { keystone: { api: { replicas: 0 } } },
      /^\.keystone\.api\.replicas: 0 is not possible; write a whole/,
    ],
    ["negative replicas", { keystone: { api: { replicas: -1 } } }, /^\.keystone\.api\.replicas: -1 is not possible/],
    ["half a replica", { keystone: { api: { replicas: 1.5 } } }, /^\.keystone\.api\.replicas: 1\.5 is not possible/],
    ["replicas as text", { keystone: { api: { replicas: "2" } } }, /^\.keystone\.api\.replicas: "2" is not possible/],
    ["no workers", { keystone: { api: { workers: 0 } } }, /^\.keystone\.api\.workers: 0 is not possible/],
    [
      "an even quorum set",
      { mariadb: { server: { replicas: 2 } } },
      /^\.mariadb\.server\.replicas: 2 members .*; use an odd/,
    ],
    ["an even set of others", { keystone: { api: { replicas: 4 } } }, undefined],
    ["an unknown service", { keyston: {} }, /^\.keyston: the cloud has no service keyston; did you mean `keystone`\?$/],
    [
      "an unknown process",
      { keystone: { apii: {} } },
      /^\.keystone\.apii: keystone has no process apii; did you mean `api`/,
    ],
    [
      "an unknown key",
      { keystone: { api: { replica: 3 } } },
      /^\.keystone\.api\.replica: unknown key; did you mean `replicas`/,
    ],
    [
      "CPU as a word",
      { keystone: { api: { cpu: "two" } } },
      /^\.keystone\.api\.cpu: "two" is no quantity above 0; write .*"250m"/,
    ],
    ["CPU in bytes", { keystone: { api: { cpu: "1Gi" } } }, /^\.keystone\.api\.cpu: "1Gi" is no quantity/],
    ["CPU as a number", { keystone: { api: { cpu: 1 } } }, /^\.keystone\.api\.cpu: 1 is no quantity/],
    ["memory in megabytes", { keystone: { api: { memory: "512MB" } } }, /^\.keystone\.api\.memory: "512MB" is no/],
    ["memory in thousandths", { keystone: { api: { memory: "512m" } } }, /^\.keystone\.api\.memory: "512m" is no/],
    ["no memory", { keystone: { api: { memory: "0" } } }, /^\.keystone\.api\.memory: "0" is no quantity above 0/],
    [
      "a limit below",
      { keystone: { api: { memoryLimit: "1Mi" } } },
      /^\.keystone\.api\.memoryLimit: 1Mi is less than memory/,
    ],
    [
      "memory above the limit",
      { keystone: { api: { memory: "8Gi" } } },
      /^\.keystone\.api\.memoryLimit: 1Gi is less than memory, 8Gi/,
    ],
    ["memory and limit", { keystone: { api: { memory: "8Gi", memoryLimit: "9Gi", cpu: "1.5" } } }, undefined],
  ];
  for (const [what, sizes, message] of mistakes) {
    it(`${message === undefined ? "accepts" : "refuses"} ${what}`, () => {
      const found = problems(sizes);
      assert.equal(found.length, message === undefined ? 0 : 1, found.join("\n"));
      assert.match(found[0] ?? "", message ?? /^$/);
    });
  }

  it("reads Kubernetes' quantities", () => {
    assert.equal(quantity("512Mi"), 512 * 1024 * 1024);
    assert.equal(quantity("1.5Gi"), 1.5 * 2 ** 30);
    assert.equal(quantity("2G"), 2e9);
    assert.equal(quantity("250m"), 0.25);
    assert.equal(quantity("3"), 3);
    for (const wrong of ["", "Mi", "-1", "1 Gi", "1KB", "constructor"]) {
      assert.throws(() => quantity(wrong), /is no quantity; write/, wrong);
    }
  });
});

describe("kit: release", () => {
  const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
  const image = { path: "stratiform/keystone", digest };
  const release = {
    name: "2025.1-2",
    series: "2025.1",
    kubernetesVersion: "1.34.2",
    predecessor: "2025.1-1",
    images: { keystone: { ...image, version: "27.0.0-3" }, mariadb: { path: "stratiform/mariadb", digest } },
  };
  const found = (more: object, needed: string[] = ["keystone", "mariadb"]) =>
    checkRelease({ ...release, ...more }, new Map(needed.map((image) => [image, ["nova"]])));
  const withImage = (more: object) => found({ images: { keystone: { ...image, ...more } } }, ["keystone"]);

  it("accepts releases, committed and local", () => {
    assert.deepEqual(found({}), []);
    assert.deepEqual(found({ name: "local-0a1b2c", predecessor: undefined }), []);
  });

  const mistakes: Record<string, [string[], RegExp]> = {
    "no mapping": [checkRelease("2025.1-1"), /^: must be a mapping; write/],
    "missing name": [found({ name: undefined }), /^\.name: is missing; write <series>-<number>/],
    "wrong name": [found({ name: "latest" }), /^\.name: "latest" is not possible; write/],
    "missing series": [found({ series: undefined }), /^\.series: is missing; write/],
    "series as a number": [found({ series: 2025.1 }), /^\.series: 2025\.1 is not possible; write .*in quotes$/],
    "missing Kubernetes version": [found({ kubernetesVersion: undefined }), /^\.kubernetesVersion: is missing/],
    "Kubernetes version with v": [found({ kubernetesVersion: "v1.34.2" }), /^\.kubernetesVersion: "v1\.34\.2" is not/],
    "wrong predecessor": [found({ predecessor: "epoxy" }), /^\.predecessor: "epoxy" is not possible/],
    "unknown key": [found({ image: {} }), /^\.image: unknown key; did you mean `images`\?/],
    "missing images": [found({ images: undefined }), /^\.images: is missing; name/],
    "images no mapping": [found({ images: [] }), /^\.images: must be a mapping/],
    "missing image": [found({}, ["keystone", "haproxy"]), /^\.images\.haproxy: is missing, and nova needs it; add/],
    "image as text": [
      found({ images: { keystone: "keystone:latest" } }, ["keystone"]),
      /^\.images\.keystone: must be a mapping; write/,
    ],
    "missing digest": [withImage({ digest: undefined }), /^\.images\.keystone\.digest: is missing; .*write "sha256/],
    "tag for a digest": [
      withImage({ digest: "27.0.0" }),
      /^\.images\.keystone\.digest: "27\.0\.0" is a tag, .*; write/,
    ],
    "short digest": [
      withImage({ digest: "sha256:abc" }),
      /^\.images\.keystone\.digest: "sha256:abc" is not a digest; write/,
    ],
    "digest in capitals": [withImage({ digest: digest.toUpperCase() }), /^\.images\.keystone\.digest: "SHA256:/],
    "missing path": [withImage({ path: undefined }), /^\.images\.keystone\.path: is missing; write/],
    "path with a tag": [withImage({ path: "a/b:1" }), /^\.images\.keystone\.path: "a\/b:1" has a tag, .*; write/],
    "path with a digest": [withImage({ path: `a/b@${digest}` }), /^\.images\.keystone\.path: .* has a tag, a digest/],
    "path with capitals": [withImage({ path: "A/b" }), /^\.images\.keystone\.path: "A\/b" is no path; write/],
    "version as a number": [withImage({ version: 27 }), /^\.images\.keystone\.version: 27 is no text; put/],
    "unknown key of an image": [withImage({ tag: "1" }), /^\.images\.keystone\.tag: unknown key; remove it; known are/],
  };
  for (const [what, [problemsFound, message]] of Object.entries(mistakes)) {
    it(`refuses: ${what}`, () => {
      assert.equal(problemsFound.length, 1, problemsFound.join("\n"));
      assert.match(problemsFound[0] ?? "", message);
    });
  }
});
