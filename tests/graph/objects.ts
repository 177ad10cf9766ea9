import * as assert from "node:assert/strict";
import type { JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import type { Registered } from "./engine";
import type { Graph } from "./graph";
import { reveal } from "./providers";

/** The parts of a pod's specification that tests look at. */
export interface Pod {
  automountServiceAccountToken?: boolean;
  hostNetwork?: boolean;
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number };
  containers: Container[];
  initContainers?: Container[];
  affinity?: {
    podAffinity?: {
      preferredDuringSchedulingIgnoredDuringExecution: {
        podAffinityTerm: { labelSelector: { matchLabels: Record<string, string> } };
      }[];
    };
  };
  volumes?: {
    name: string;
    configMap?: { name: string };
    secret?: { secretName: string };
    persistentVolumeClaim?: { claimName: string };
  }[];
}

/** The parts of a container that tests look at. */
export interface Container {
  name: string;
  image: string;
  command?: string[];
  securityContext?: {
    readOnlyRootFilesystem?: boolean;
    allowPrivilegeEscalation?: boolean;
    runAsUser?: number;
    capabilities?: { drop?: string[]; add?: string[] };
  };
  env?: { name: string; value?: string }[];
  volumeMounts?: { name: string; mountPath: string }[];
}

interface Template {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: Pod;
}

/** A Kubernetes object of a graph. */
export interface KubernetesObject {
  resource: Registered;
  kind: string;
  name: string;
  namespace: string | undefined;
  body: Record<string, JavaScriptValue>;
}

/** All Kubernetes objects, laid open. */
export function objectsOf(graph: Graph): KubernetesObject[] {
  return graph.objects
    .filter((resource) => !resource.type.includes("Provider"))
    .map((resource) => {
      const body = reveal(resource.inputs) as Record<string, JavaScriptValue>;
      const metadata = body["metadata"] as { name: string; namespace?: string };
      return {
        resource,
        kind: resource.type.split(":").at(-1) ?? "",
        name: metadata.name,
        namespace: metadata.namespace,
        body,
      };
    });
}

/** The one object of a kind whose name is like this. */
export function objectLike(graph: Graph, kind: string, name: RegExp): KubernetesObject {
  const found = objectsOf(graph).filter((one) => one.kind === kind && name.test(one.name));
  assert.equal(found.length, 1, `${kind} ${name}: ${found.map((one) => one.name)}`);
  return found[0] as KubernetesObject;
}

/** Pod templates of all workloads and jobs, with the object they belong to. */
export function templates(graph: Graph): { object: KubernetesObject; template: Template }[] {
  return objectsOf(graph).flatMap((object) => {
    const spec = object.body["spec"] as { template?: Template } | undefined;
    return spec?.template?.spec === undefined ? [] : [{ object, template: spec.template }];
  });
}
