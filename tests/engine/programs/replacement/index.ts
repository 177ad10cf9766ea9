// Objects of which a change needs a new one, under one name that stays and under one that changes.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, deployment, hashed } from "../cluster";

const version = new pulumi.Config().require("version");
const options = { provider: clusterProvider() };
const namespace = new k8s.core.v1.Namespace("space", { metadata: { name: "replacement" } }, options).metadata.name;
const data = { version };

new k8s.core.v1.ConfigMap("fixed", { metadata: { name: "fixed", namespace }, data }, options);
new k8s.core.v1.ConfigMap("hashed", { metadata: { name: hashed("hashed", data), namespace }, data }, options);
new k8s.core.v1.ConfigMap("labelled", { metadata: { name: "labelled", namespace, labels: data }, data: {} }, options);
new k8s.storage.v1.StorageClass(
  "class",
  { metadata: { name: "replacement" }, provisioner: `example.invalid/${version}` },
  options,
);
new k8s.rbac.v1.RoleBinding(
  "binding",
  {
    metadata: { name: "binding", namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: `role-${version}` },
    subjects: [{ kind: "ServiceAccount", name: "default", namespace }],
  },
  options,
);

// The selector of a Deployment cannot be changed.
const base = deployment("moved", { namespace, annotations: { "pulumi.com/skipAwait": "true" }, replicas: 0 });
const labels = { app: `moved-${version}` };
const spec = pulumi.output(base.spec).apply((old) => ({
  ...old,
  selector: { matchLabels: labels },
  template: { ...old?.template, metadata: { labels } },
}));
new k8s.apps.v1.Deployment("moved", { ...base, spec }, options);
