import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/**
 * A provider with the arguments that the product gives its own.
 * @param host name or address of the API server. @default what the kubeconfig says
 */
export function clusterProvider(host = "127.0.0.1"): k8s.Provider {
  const file = process.env.KUBECONFIG;
  if (!file) throw new pulumi.RunError("KUBECONFIG names no file");
  return new k8s.Provider("cluster", {
    kubeconfig: pulumi.secret(fs.readFileSync(file, "utf8").replace("127.0.0.1", host)),
    clusterIdentifier: "test",
    upsertExistingObjects: true,
    // Takes back fields that somebody has changed with another program: without it drift is found, but not put right.
    enablePatchForce: true,
  });
}

/** A name that changes with the content. */
export function hashed(name: string, content: unknown): string {
  return `${name}-${createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 8)}`;
}

/** What differs between the Deployments of these tests. */
export interface DeploymentOptions {
  namespace: pulumi.Input<string>;
  /** ConfigMap to be mounted. @default none */
  configMap?: pulumi.Input<string>;
  /** @default none */
  annotations?: Record<string, string>;
  /** @default 1 */
  replicas?: number;
}

/** Arguments of a DaemonSet of one container "main", whose pods are labelled `app: <name>`. */
export function daemonSet(name: string, options: DeploymentOptions): k8s.apps.v1.DaemonSetArgs {
  const { metadata, spec } = deployment(name, options);
  const rest = pulumi.output(spec).apply((all) => ({ selector: all?.selector ?? {}, template: all?.template ?? {} }));
  return { metadata, spec: rest };
}

/** Arguments of a Deployment of one container "main", whose pods are labelled `app: <name>`. */
export function deployment(name: string, options: DeploymentOptions): k8s.apps.v1.DeploymentArgs {
  const labels = { app: name };
  const { namespace, configMap, annotations = {}, replicas = 1 } = options;
  const mount = [{ name: "settings", mountPath: "/etc/settings" }];
  return {
    metadata: { name, namespace, annotations },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: "main", image: "example.invalid/main:1", volumeMounts: configMap ? mount : [] }],
          volumes: configMap ? [{ name: "settings", configMap: { name: configMap } }] : [],
        },
      },
    },
  };
}
