import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "./context";
import { hashedName } from "./names";

/**
 * A ConfigMap in the cloud's namespace whose name carries its content: what mounts it is rolled when that changes, and
 * never sees it change.
 * @param name Pulumi name
 * @param base beginning of the object's name
 */
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

/** The same as a Secret. The hash is keyed, so that everybody may read the name. */
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
