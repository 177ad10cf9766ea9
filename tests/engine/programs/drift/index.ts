// Objects that somebody will change behind the back of the program.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, deployment } from "../cluster";

const options = { provider: clusterProvider(new pulumi.Config().get("host")) };
const namespace = new k8s.core.v1.Namespace("space", { metadata: { name: "drift" } }, options).metadata.name;

new k8s.core.v1.ConfigMap("settings", { metadata: { name: "settings", namespace }, data: { level: "info" } }, options);
const annotations = { "pulumi.com/skipAwait": "true" };
new k8s.apps.v1.Deployment("web", deployment("web", { namespace, replicas: 2, annotations }), options);
new k8s.core.v1.ServiceAccount("gone", { metadata: { name: "gone", namespace } }, options);
new k8s.core.v1.ConfigMap(
  "untouched",
  { metadata: { name: "untouched", namespace }, data: { level: "info" } },
  options,
);
