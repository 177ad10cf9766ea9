/** One image of a release. */
export interface ReleaseImageArgs {
  /** Path in the registry, without the registry: `stratiform/keystone`. */
  path: string;
  /** Digest of the manifest: `sha256:…`. */
  digest: string;
  /** Version of what the image is named after, as its distributor numbers it. @default not stated */
  version?: string;
}

/** A release: which images make a cloud. Immutable; environments copy the images by digest and never rebuild them. */
export interface ReleaseArgs {
  /** Name: `<series>-<number>`, or `local-<hash>` for images built on this computer. */
  name: string;
  /** OpenStack series, such as `2025.1`. */
  series: string;
  /** Kubernetes version that the release was proven on, without "v". */
  kubernetesVersion: string;
  /** Release that this one follows; an upgrade goes from it to this one. @default none */
  predecessor?: string;
  /** Images by the name that definitions use. */
  images: Record<string, ReleaseImageArgs>;
}

/** Reference of an image of a release in a registry, by digest: `registry:5000/stratiform/keystone@sha256:…`. */
export function imageReference(release: ReleaseArgs, registry: string, image: string): string {
  const entry = release.images[image];
  if (entry === undefined) {
    throw new Error(`release ${release.name} has no image ${image}`);
  }
  return `${registry}/${entry.path}@${entry.digest}`;
}
