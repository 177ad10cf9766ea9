// Objects with explicit names; the last ones wait for the Deployment.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, deployment, hashed } from "../cluster";

const options = { provider: clusterProvider() };
const name = new pulumi.Config().require("namespace");
const namespace = new k8s.core.v1.Namespace("space", { metadata: { name } }, options).metadata.name;

const data = { level: "info" };
const configMap = new k8s.core.v1.ConfigMap(
  "settings",
  { metadata: { name: hashed("settings", data), namespace }, data },
  options,
).metadata.name;
const web = new k8s.apps.v1.Deployment("web", deployment("web", { namespace, configMap }), options);
new k8s.core.v1.ConfigMap("last", { metadata: { name: "last", namespace }, data }, { ...options, dependsOn: web });
