// Workloads that read ConfigMaps whose names change with their content.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, daemonSet, deployment, hashed } from "../cluster";

const config = new pulumi.Config();
const options = { provider: clusterProvider() };
const namespace = new k8s.core.v1.Namespace("space", { metadata: { name: "rollout" } }, options).metadata.name;

function settings(name: string, data: Record<string, string>): pulumi.Output<string> {
  const metadata = { name: hashed(name, data), namespace };
  return new k8s.core.v1.ConfigMap(name, { metadata, data, immutable: true }, options).metadata.name;
}

const web = settings("web-settings", { greeting: config.require("greeting") });
new k8s.apps.v1.Deployment("web", deployment("web", { namespace, configMap: web }), options);

const idle = settings("idle-settings", { greeting: "none" });
const annotations = { "pulumi.com/skipAwait": "true" };
new k8s.apps.v1.Deployment("idle", deployment("idle", { namespace, configMap: idle, annotations }), options);
new k8s.apps.v1.DaemonSet("agent", daemonSet("agent", { namespace, configMap: idle }), options);

// A Service waits until it leads somewhere.
const address = { selector: { app: "agent" }, ports: [{ port: 80 }] };
new k8s.core.v1.Service("address", { metadata: { name: "address", namespace }, spec: address }, options);
