import type { InstalledPackage } from "./packages";

/** An image as a list of packages speaks of it. */
export interface DescribedImage {
  /** Name, such as `keystone`. */
  name: string;
  /** Digest of the manifest. */
  digest: string;
  /** Version. @default the digest */
  version?: string;
  /** Debian release of its packages. */
  debianRelease: string;
  packages: readonly InstalledPackage[];
}

const nothingSaid = {
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  licenseConcluded: "NOASSERTION",
  licenseDeclared: "NOASSERTION",
  copyrightText: "NOASSERTION",
};

/**
 * List of an image's packages as SPDX 2.3.
 * @param created when, as SPDX writes it: `2026-11-24T12:00:00Z`
 */
export function spdxDocument(image: DescribedImage, created: string): object {
  const identity = "SPDXRef-image";
  const packages = image.packages.map((one) => ({ id: identifier(one), ...one }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${image.name}@${image.digest}`,
    documentNamespace: `urn:stratiform:sbom:${image.name}:${image.digest}`,
    creationInfo: { created, creators: ["Tool: stratiform-images"] },
    packages: [
      {
        SPDXID: identity,
        name: image.name,
        versionInfo: image.version ?? image.digest,
        primaryPackagePurpose: "CONTAINER",
        checksums: [{ algorithm: "SHA256", checksumValue: image.digest.replace("sha256:", "") }],
        ...nothingSaid,
      },
      ...packages.map((one) => ({
        SPDXID: one.id,
        name: one.name,
        versionInfo: one.version,
        supplier: "Organization: Debian",
        sourceInfo: `built from ${one.source} ${one.sourceVersion}`,
        ...nothingSaid,
        externalRefs: [
          {
            referenceCategory: "PACKAGE-MANAGER",
            referenceType: "purl",
            referenceLocator: packageUrl(one, image.debianRelease),
          },
        ],
      })),
    ],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: identity },
      ...packages.map((one) => ({
        spdxElementId: identity,
        relationshipType: "CONTAINS",
        relatedSpdxElement: one.id,
      })),
    ],
  };
}

/** SPDX identifiers have letters, digits, dots and hyphens only. */
function identifier(one: InstalledPackage): string {
  return `SPDXRef-deb-${one.name.replace(/\+/g, "-plus-")}-${one.architecture}`;
}

function packageUrl(one: InstalledPackage, release: string): string {
  const part = encodeURIComponent;
  return `pkg:deb/debian/${part(one.name)}@${part(one.version)}?arch=${one.architecture}&distro=${release}`;
}
