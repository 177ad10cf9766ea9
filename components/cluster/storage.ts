import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import { addonImage, type ClusterPlan } from "./plan";

/** Name of the default storage class. */
export const storageClassName = "local-path";

const namespace = "local-path-storage";
/** The name under which the provisioner looks for its helper pod. */
const configName = "local-path-config";
const labels = { "k8s-app": "local-path-provisioner" };

/** Where volumes lie on their host; what releases a host removes it. */
const volumeDirectory = "/var/lib/stratiform/volumes";

/** The default storage class: directories of the host a pod runs on. Volumes stay with their host. */
export function localStorage(name: string, plan: ClusterPlan, opts: pulumi.CustomResourceOptions): pulumi.Resource[] {
  const space = new k8s.core.v1.Namespace(
    `${name}-storage`,
    // The helper pods mount a directory of the host.
    { metadata: { name: namespace, labels: { "pod-security.kubernetes.io/enforce": "privileged" } } },
    opts,
  );
  const inSpace = { ...opts, dependsOn: [space] };
  const metadata = { name: "local-path-provisioner", namespace };
  const account = new k8s.core.v1.ServiceAccount(`${name}-storage`, { metadata }, inSpace);
  const access = provisionerAccess(name, opts);
  const config = new k8s.core.v1.ConfigMap(
    `${name}-storage`,
    { metadata: { name: configName, namespace }, data: provisionerConfig(plan) },
    inSpace,
  );
  const provisioner = new k8s.apps.v1.Deployment(
    `${name}-storage`,
    {
      metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: provisionerPod(plan) },
      },
    },
    { ...opts, dependsOn: [account, ...access, config] },
  );
  const storageClass = new k8s.storage.v1.StorageClass(
    `${name}-storage`,
    {
      metadata: {
        name: storageClassName,
        // "local" volumes, unlike "hostPath" ones, take the group of a pod's security context.
        annotations: { "storageclass.kubernetes.io/is-default-class": "true", defaultVolumeType: "local" },
      },
      provisioner: "rancher.io/local-path",
      volumeBindingMode: "WaitForFirstConsumer",
      reclaimPolicy: "Delete",
    },
    opts,
  );
  return [provisioner, storageClass];
}

function provisionerAccess(name: string, opts: pulumi.CustomResourceOptions): pulumi.Resource[] {
  const metadata = { name: "local-path-provisioner" };
  const role = new k8s.rbac.v1.ClusterRole(
    `${name}-storage`,
    {
      metadata,
      rules: [
        {
          apiGroups: [""],
          resources: ["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"],
          verbs: ["get", "list", "watch"],
        },
        {
          apiGroups: [""],
          resources: ["persistentvolumes"],
          verbs: ["get", "list", "watch", "create", "patch", "update", "delete"],
        },
        { apiGroups: [""], resources: ["pods"], verbs: ["create", "delete"] },
        { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
        { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: ["get", "list", "watch"] },
        {
          apiGroups: ["", "coordination.k8s.io"],
          resources: ["endpoints", "leases"],
          verbs: ["get", "list", "watch", "create", "update", "patch"],
        },
      ],
    },
    opts,
  );
  const binding = new k8s.rbac.v1.ClusterRoleBinding(
    `${name}-storage`,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "local-path-provisioner" },
      subjects: [{ kind: "ServiceAccount", name: "local-path-provisioner", namespace }],
    },
    opts,
  );
  return [role, binding];
}

function provisionerConfig(plan: ClusterPlan): Record<string, string> {
  return {
    "config.json": JSON.stringify({
      nodePathMap: [{ node: "DEFAULT_PATH_FOR_NON_LISTED_NODES", paths: [volumeDirectory] }],
    }),
    setup: '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
    teardown: '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
    "helperPod.yaml": stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "helper-pod" },
      spec: {
        priorityClassName: "system-node-critical",
        tolerations: [{ operator: "Exists" }],
        containers: [{ name: "helper-pod", image: addonImage(plan, "busybox"), imagePullPolicy: "IfNotPresent" }],
      },
    }),
  };
}

function provisionerPod(plan: ClusterPlan): k8s.types.input.core.v1.PodSpec {
  return {
    serviceAccountName: "local-path-provisioner",
    containers: [
      {
        name: "local-path-provisioner",
        image: addonImage(plan, "local-path-provisioner"),
        command: ["local-path-provisioner", "start", "--config", "/etc/config/config.json"],
        env: [
          { name: "POD_NAMESPACE", value: namespace },
          { name: "CONFIG_MOUNT_PATH", value: "/etc/config/" },
          // Under which the helper pods run.
          { name: "SERVICE_ACCOUNT_NAME", value: "local-path-provisioner" },
        ],
        resources: { requests: { cpu: "10m", memory: "32Mi" } },
        volumeMounts: [{ name: "config", mountPath: "/etc/config/" }],
      },
    ],
    volumes: [{ name: "config", configMap: { name: configName } }],
  };
}
