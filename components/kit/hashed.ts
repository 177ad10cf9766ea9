import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "./context";
import { hashedName } from "./names";

/** Where a hashed object lies, and how long. */
export interface HashedPlace {
  /** In the namespace of the cloud's nodes. @default false: in the cloud's */
  node?: boolean;
  /**
   * It stays when its successor is there, as pods that nobody rolls still mount it, and must be able to begin anew after
   * a reboot. @default false
   */
  retain?: boolean;
}

function placed(
  place: HashedPlace,
  context: CloudContext,
  parent: pulumi.Resource,
): { namespace: string; options: pulumi.CustomResourceOptions } {
  const more = place.retain ? { retainOnDelete: true } : {};
  return place.node
    ? { namespace: context.nodeNamespace, options: context.inNodeNamespace(parent, more) }
    : { namespace: context.namespace, options: context.inNamespace(parent, more) };
}

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
  place: HashedPlace = {},
): k8s.core.v1.ConfigMap {
  const { namespace, options } = placed(place, context, parent);
  const objectName = context.hashKey.apply((key) => hashedName(base, key, data));
  return new k8s.core.v1.ConfigMap(
    name,
    { metadata: { name: pulumi.unsecret(objectName), namespace }, data, immutable: true },
    options,
  );
}

/** The same as a Secret. The hash is keyed, so that everybody may read the name. */
export function hashedSecret(
  name: string,
  base: string,
  data: pulumi.Output<Record<string, string>>,
  context: CloudContext,
  parent: pulumi.Resource,
  place: HashedPlace = {},
): k8s.core.v1.Secret {
  const { namespace, options } = placed(place, context, parent);
  const objectName = pulumi.all([context.hashKey, data]).apply(([key, content]) => hashedName(base, key, content));
  return new k8s.core.v1.Secret(
    name,
    {
      metadata: { name: pulumi.unsecret(objectName), namespace },
      stringData: pulumi.secret(data),
      immutable: true,
    },
    options,
  );
}
