import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { hashedName } from "../kit/names";
import type { MountPlan } from "../kit/pod";
import type { VolumePlan } from "../kit/volumes";
import { authorityConfigMap } from "../platform/authority";
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

/** Puts the certificate of the endpoints' CA into a pod. */
export function addAuthority(furnishing: Furnishing): void {
  furnishing.volumes["ca"] = { kind: "configMap", name: authorityConfigMap };
  furnishing.mounts.push({ volume: "ca", path: caFile.slice(0, caFile.lastIndexOf("/")) });
}

/** A ConfigMap whose name carries its content: what mounts it is rolled when that changes, and never sees it change. */
export function hashedConfigMap(
  name: string,
  base: string,
  data: Record<string, string>,
  context: CloudContext,
  parent: pulumi.Resource,
): k8s.core.v1.ConfigMap {
  const objectName = context.hashKey.apply((key) => hashedName(base, key, data));
  return new k8s.core.v1.ConfigMap(
    name,
    { metadata: { name: pulumi.unsecret(objectName), namespace: context.namespace }, data, immutable: true },
    context.inNamespace(parent),
  );
}

/** A Secret whose name carries its content. The hash is keyed, so that the name may be read by everybody. */
export function hashedSecret(
  name: string,
  base: string,
  data: pulumi.Output<Record<string, string>>,
  context: CloudContext,
  parent: pulumi.Resource,
): k8s.core.v1.Secret {
  const objectName = pulumi.all([context.hashKey, data]).apply(([key, content]) => hashedName(base, key, content));
  return new k8s.core.v1.Secret(
    name,
    {
      metadata: { name: pulumi.unsecret(objectName), namespace: context.namespace },
      stringData: pulumi.secret(data),
      immutable: true,
    },
    context.inNamespace(parent),
  );
}
