import * as k8s from "@pulumi/kubernetes";
import { ExistingCluster } from "../../../components/index";

const kubeconfig = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "b",
  contexts: [
    { name: "a", context: { cluster: "other" } },
    { name: "b", context: { cluster: "mine", user: "me" } },
  ],
  clusters: [
    { name: "other", cluster: { server: "https://other.example" } },
    { name: "mine", cluster: { server: "https://mine.example:6443" } },
  ],
  users: [{ name: "me", user: { token: "very-secret-token" } }],
});

const cluster = new ExistingCluster("mine", { kubeconfig, kubernetesVersion: "1.34.4", storageClass: "standard" });
new k8s.core.v1.ConfigMap("note", { metadata: { name: "note" }, data: { a: "b" } }, { provider: cluster.provider });

export const facts = cluster.facts;
export const credentials = cluster.kubeconfig;
