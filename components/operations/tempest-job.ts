import { readFileSync } from "node:fs";
import type { HostAlias } from "../kit/context";
import { labelsOf } from "../kit/labels";
import type { PodPlan } from "../kit/pod";
import { jobSpec } from "../kit/workload";
import { caFile } from "../openstack/facts";
import { inputDirectory } from "../openstack/steps";
import { authorityConfigMap } from "../platform/authority";
import { tempestProgram } from "./tempest-report";

/** A Kubernetes object as `kubectl apply` reads it. */
export interface KubernetesManifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  [key: string]: unknown;
}

/** What a run of Tempest is made of. */
export interface TempestJobPlan {
  /** Name of the cloud and of its namespace. */
  cloud: string;
  /** Name of the run: a DNS label. */
  name: string;
  /** Reference of the image `tempest`, by digest. */
  image: string;
  /** User and group of the image. */
  uid: number;
  /** `tempest.conf`. A secret. */
  config: string;
  /** `clouds.yaml` of the administrator, whose cloud is named `admin`. A secret. */
  clouds: string;
  /** The guest's image in Glance. */
  guestImage: string;
  /** Arguments of `tempest run`. */
  args: readonly string[];
  /** Host table, for endpoint names that no name server knows. */
  hostAliases: readonly HostAlias[];
  /** Longest run of the tests, in seconds. */
  limit: number;
}

/** Longest time in seconds that the pod has beside its tests, to start and until somebody fetched the results. */
const besideTests = 3600;

/** Directory in the pod that Tempest writes to. */
export const tempestDirectory = "/work";

/** The image `tempest` of images/recipes.ts: its user, and where its pods have the certificate of the endpoints' CA. */
export const tempestImage = { uid: 42400, caFile } as const;

/** Labels of everything that belongs to runs of Tempest. */
export function tempestLabels(cloud: string): Record<string, string> {
  return labelsOf(cloud, "tempest", "run");
}

function script(name: string): string {
  return readFileSync(tempestProgram(name), "utf8");
}

/**
 * Secret, NetworkPolicy and Job of a run. Tempest is a user of the cloud who stands in its namespace: it may call anybody,
 * the servers' floating IPs among them, and nobody may call it.
 */
export function tempestObjects(plan: TempestJobPlan): KubernetesManifest[] {
  const labels = tempestLabels(plan.cloud);
  const metadata = { name: plan.name, namespace: plan.cloud, labels };
  const pod: PodPlan = {
    uid: plan.uid,
    gid: plan.uid,
    containers: [
      {
        name: "tempest",
        image: plan.image,
        command: ["/bin/sh", `${inputDirectory}/tempest_run.sh`, ...plan.args],
        env: { IMAGE: plan.guestImage, LIMIT: String(plan.limit) },
        mounts: [
          { volume: "input", path: inputDirectory },
          { volume: "ca", path: caFile.slice(0, caFile.lastIndexOf("/")) },
        ],
        size: { cpu: "200m", memory: "512Mi" },
      },
    ],
    volumes: { input: { kind: "secret", name: plan.name }, ca: { kind: "configMap", name: authorityConfigMap } },
    scratch: [{ path: tempestDirectory, size: "1Gi", disk: true }],
    hostAliases: plan.hostAliases,
  };
  const files = {
    "tempest.conf": plan.config,
    "clouds.yaml": plan.clouds,
    "tempest_run.sh": script("tempest_run.sh"),
    "tempest_results.py": script("tempest_results.py"),
  };
  const policy = {
    podSelector: { matchLabels: labels },
    policyTypes: ["Ingress", "Egress"],
    ingress: [],
    egress: [{}],
  };
  return [
    { apiVersion: "v1", kind: "Secret", metadata, stringData: files },
    { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec: policy },
    { apiVersion: "batch/v1", kind: "Job", metadata, spec: withPing(jobSpec(labels, pod), plan.limit) },
  ];
}

/** One try, bounded; its pod may ping without a capability, by a setting of its own network that Kubernetes calls safe. */
function withPing(spec: ReturnType<typeof jobSpec>, limit: number): unknown {
  const plain = JSON.parse(JSON.stringify(spec)) as {
    template: { spec: { securityContext?: Record<string, unknown> } };
  };
  const pod = plain.template.spec;
  const sysctls = [{ name: "net.ipv4.ping_group_range", value: "0 2147483647" }];
  return {
    ...plain,
    backoffLimit: 0,
    activeDeadlineSeconds: limit + besideTests,
    template: { ...plain.template, spec: { ...pod, securityContext: { ...pod.securityContext, sysctls } } },
  };
}
