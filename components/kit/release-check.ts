import { listed, proposal } from "./proposal";

const releaseKeys = ["name", "series", "kubernetesVersion", "predecessor", "images"];
const imageKeys = ["path", "digest", "version"];

/** Forms of the texts of a release, each with what is meant. */
const forms: Record<string, [RegExp, string]> = {
  name: [/^(\d{4}\.\d-\d+|local-[0-9a-f]+)$/, "<series>-<number>, such as 2025.1-1, or local-<hash>"],
  series: [/^\d{4}\.\d$/, "an OpenStack series, such as 2025.1"],
  kubernetesVersion: [/^\d+\.\d+\.\d+$/, 'a Kubernetes version without "v", such as 1.34.2'],
  predecessor: [/^\d{4}\.\d-\d+$/, "the name of another release, such as 2025.1-1"],
};

const digestForm = /^sha256:[0-9a-f]{64}$/;
const pathForm = /^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownKeys(where: string, value: Record<string, unknown>, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `${where}.${key}: unknown key; ${proposal(key, known)}`);
}

function textProblems(release: Record<string, unknown>): string[] {
  return Object.entries(forms).flatMap(([key, [form, meaning]]) => {
    const value = release[key];
    if (value === undefined) {
      return key === "predecessor" ? [] : [`.${key}: is missing; write ${meaning}`];
    }
    return typeof value === "string" && form.test(value)
      ? []
      : [`.${key}: ${JSON.stringify(value)} is not possible; write ${meaning}, in quotes`];
  });
}

function imageProblems(where: string, image: unknown): string[] {
  if (!isRecord(image)) {
    return [`${where}: must be a mapping; write { path: …, digest: "sha256:…" }`];
  }
  return [
    ...unknownKeys(where, image, imageKeys),
    ...pathProblems(`${where}.path`, image["path"]),
    ...digestProblems(`${where}.digest`, image["digest"]),
    ...(image["version"] === undefined || typeof image["version"] === "string"
      ? []
      : [`${where}.version: ${JSON.stringify(image["version"])} is no text; put it in quotes`]),
  ];
}

function pathProblems(where: string, path: unknown): string[] {
  if (path === undefined) {
    return [`${where}: is missing; write the image's path in the registry, such as stratiform/keystone`];
  }
  if (typeof path === "string" && pathForm.test(path)) {
    return [];
  }
  const tagged = typeof path === "string" && /^[^@]+[:@]/.test(path);
  return [
    tagged
      ? `${where}: "${path}" has a tag, a digest or a port; write the path alone, and the digest as digest: the registry is an input of its own`
      : `${where}: ${JSON.stringify(path)} is no path; write one such as stratiform/keystone, without the registry`,
  ];
}

function digestProblems(where: string, digest: unknown): string[] {
  if (digest === undefined) {
    return [`${where}: is missing; a release names every image by digest: write "sha256:…"`];
  }
  if (typeof digest === "string" && digestForm.test(digest)) {
    return [];
  }
  const tag = typeof digest === "string" && !digest.startsWith("sha256");
  return [
    tag
      ? `${where}: "${digest}" is a tag, which may mean another image tomorrow; write the digest, "sha256:…"`
      : `${where}: ${JSON.stringify(digest)} is not a digest; write "sha256:" and 64 hexadecimal digits`,
  ];
}

/**
 * Problems of a release, each with its path below it: `.images.keystone.digest: …`.
 * @param release what a release file holds
 * @param neededImages images that must be there, each with who needs it. @default none
 */
export function checkRelease(
  release: unknown,
  neededImages: ReadonlyMap<string, readonly string[]> = new Map(),
): string[] {
  if (!isRecord(release)) {
    return [": must be a mapping; write name, series, kubernetesVersion and images"];
  }
  const problems = [...unknownKeys("", release, releaseKeys), ...textProblems(release)];
  const images = release["images"];
  if (!isRecord(images)) {
    return [...problems, `.images: ${images === undefined ? "is missing" : "must be a mapping"}; name the images`];
  }
  return [
    ...problems,
    ...[...neededImages]
      .filter(([name]) => images[name] === undefined)
      .map(
        ([name, by]) =>
          `.images.${name}: is missing, and ${listed(by)} ${by.length > 1 ? "need" : "needs"} it; add it, or use a release that has it`,
      ),
    ...Object.entries(images)
      .filter(([, image]) => image !== undefined)
      .flatMap(([name, image]) => imageProblems(`.images.${name}`, image)),
  ];
}
