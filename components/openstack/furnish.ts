import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { ovnTlsDirectory, ovnTlsSecret } from "../backing/ovn-facts";
import { entryPath } from "../kit/catalogue";
import type { MountPlan } from "../kit/pod";
import type { VolumePlan } from "../kit/volumes";
import { authorityConfigMap } from "../platform/authority";
import { consoleTls } from "./console-tls";
import type { ProcessDefinition } from "./definition";
import { caFile } from "./facts";
import type { ServiceBuild } from "./service-build";
import type { RenderedFiles } from "./service-files";

/** Volumes of a pod, and where its container sees them. */
export interface Furnishing {
  /** Volumes by name. */
  volumes: Record<string, VolumePlan>;
  /** Mounts. */
  mounts: MountPlan[];
}

/** Puts rendered files into a pod, each at its own path. */
export function addFiles(
  furnishing: Furnishing,
  volume: string,
  kind: "configMap" | "secret",
  object: pulumi.Input<string>,
  files: Pick<RenderedFiles, "mounts">,
): void {
  furnishing.volumes[volume] = { kind, name: object };
  furnishing.mounts.push(...files.mounts.map(({ key, path }) => ({ volume, path, subPath: key })));
}

/** Puts key repositories into a pod, whole, so that it sees new keys. */
export function addKeyRepositories(
  furnishing: Furnishing,
  build: ServiceBuild,
  names: readonly string[],
  image: string,
): void {
  const { context, definition, secrets } = build;
  for (const name of names) {
    const repository = definition.keyRepositories?.find((one) => one.name === name);
    const secret = secrets.keySecrets.get(name);
    const path = repository && context.entry(image).paths[repository.path];
    if (secret === undefined || path === undefined) {
      throw new Error(
        `definition ${definition.name}: key repository ${name} is not among its keyRepositories, or its path not in the catalogue entry of image ${image}`,
      );
    }
    furnishing.volumes[name] = { kind: "secret", name: secret.metadata.name };
    furnishing.mounts.push({ volume: name, path });
  }
}

/** Size of a volume for which neither the definition nor the process' size gives one. */
const claimSize = "10Gi";

/**
 * Makes the volumes of a process that outlive its pods, and puts them into its pod. They are made anew by nobody: a
 * larger size grows them where their storage class can.
 */
export function addClaims(
  furnishing: Furnishing,
  build: ServiceBuild,
  process: ProcessDefinition,
  image: string,
): pulumi.Resource[] {
  const { context, definition, parent, storageClass } = build;
  return (process.claims ?? []).map((claim) => {
    const storage = claim.size ?? context.size(definition.name, process.name).storage ?? claimSize;
    const made = new k8s.core.v1.PersistentVolumeClaim(
      `${build.name}-${process.name}-${claim.name}`,
      {
        metadata: {
          name: `${definition.name}-${process.name}-${claim.name}`,
          namespace: context.namespace,
          // Some classes give it a volume only once a pod wants it, and that waits for this.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: storageClass,
          resources: { requests: { storage } },
        },
      },
      context.inNamespace(parent, { protect: context.protect }),
    );
    furnishing.volumes[claim.name] = { kind: "claim", name: made.metadata.name };
    furnishing.mounts.push({ volume: claim.name, path: entryPath(image, context.entry(image), claim.path) });
    return made;
  });
}

/** Puts the certificate of the endpoints' CA into a pod. */
export function addAuthority(furnishing: Furnishing): void {
  furnishing.volumes["ca"] = { kind: "configMap", name: authorityConfigMap };
  furnishing.mounts.push({ volume: "ca", path: caFile.slice(0, caFile.lastIndexOf("/")) });
}

/** Puts into a pod what a client of OVN's databases proves itself with, whole, so that it sees a new certificate. */
export function addOvnCertificate(furnishing: Furnishing): void {
  furnishing.volumes["ovn-tls"] = { kind: "secret", name: ovnTlsSecret };
  furnishing.mounts.push({ volume: "ovn-tls", path: ovnTlsDirectory });
}

/** Puts into a pod what it proves itself with to the consoles of virtual machines, whole, so that it sees a new certificate. */
export function addConsoleCertificate(furnishing: Furnishing): void {
  furnishing.volumes["console-tls"] = { kind: "secret", name: consoleTls.secret };
  furnishing.mounts.push({ volume: "console-tls", path: consoleTls.directory });
}
