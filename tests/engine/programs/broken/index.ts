// Workloads whose pods do not come up.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterProvider, deployment } from "../cluster";

// The official plugin waits to the end of its time, whatever the pods say; the test gives it less than its ten minutes.
const create = new pulumi.Config().get("timeout");
const options = { provider: clusterProvider(), ...(create ? { customTimeouts: { create, update: create } } : {}) };
const namespace = new k8s.core.v1.Namespace("space", { metadata: { name: "broken" } }, options).metadata.name;

new k8s.apps.v1.Deployment("pull", deployment("pull", { namespace }), options);
new k8s.apps.v1.Deployment("crash", deployment("crash", { namespace }), options);
