import type { types } from "@pulumi/kubernetes";
import type { Input } from "@pulumi/pulumi";
import { exceptions, type PodPlan, podSpec } from "./pod";

/** Annotation of pods that may do more than "restricted": what, and why. */
export const exceptionAnnotation = "stratiform.dev/exceptions";

/** Seconds after which a roll that does not get on has failed. */
const progressDeadline = 600;

/** How often a job is tried anew: with pauses of 10, 20, 40, … s it waits some ten minutes for a database to come up. */
const jobRetries = 6;

/** Template of a workload's pods. */
export function podTemplate(
  labels: Record<string, string>,
  pod: PodPlan,
  annotations: Record<string, Input<string>> = {},
): types.input.core.v1.PodTemplateSpec {
  const exceptional = exceptions(pod);
  const notes = {
    ...annotations,
    ...(exceptional.length > 0 ? { [exceptionAnnotation]: exceptional.join("\n") } : {}),
  };
  return {
    metadata: { labels, ...(Object.keys(notes).length > 0 ? { annotations: notes } : {}) },
    spec: podSpec(pod),
  };
}

/** A Deployment. */
export interface DeploymentPlan {
  /** Labels of its pods. */
  labels: Record<string, string>;
  /** Labels it finds them by. */
  selector: Record<string, string>;
  /** Number of pods. */
  replicas: number;
  /** The pod. */
  pod: PodPlan;
  /** Annotations of the pod. @default none */
  annotations?: Record<string, Input<string>>;
  /** The old pods end before new ones begin, for a volume that belongs to one pod at a time. @default false */
  recreate?: boolean;
  /** Seconds that a new pod must have been ready before an old one goes, so that everybody knows it. @default 0 */
  minReady?: number;
}

/** Equal pods that are rolled without a gap, but for `recreate`: an old one goes only when its successor is ready. */
export function deploymentSpec(plan: DeploymentPlan): types.input.apps.v1.DeploymentSpec {
  return {
    replicas: plan.replicas,
    selector: { matchLabels: plan.selector },
    strategy: plan.recreate
      ? { type: "Recreate" }
      : { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    revisionHistoryLimit: 2,
    progressDeadlineSeconds: progressDeadline,
    ...(plan.minReady === undefined ? {} : { minReadySeconds: plan.minReady }),
    template: podTemplate(plan.labels, plan.pod, plan.annotations),
  };
}

/** A DaemonSet. */
export interface DaemonSetPlan {
  /** Labels of its pods. */
  labels: Record<string, string>;
  /** Labels it finds them by. */
  selector: Record<string, string>;
  /** The pod. */
  pod: PodPlan;
  /** A pod is made anew only when somebody has deleted it. @default false: an update rolls them, a quarter at a time */
  onDelete?: boolean;
}

/** A pod on every host that its plan admits, whatever taints the host has, and among the last to go when it runs out of memory. */
export function daemonSetSpec(plan: DaemonSetPlan): types.input.apps.v1.DaemonSetSpec {
  return {
    selector: { matchLabels: plan.selector },
    updateStrategy: plan.onDelete
      ? { type: "OnDelete" }
      : { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%" } },
    revisionHistoryLimit: 2,
    template: podTemplate(plan.labels, {
      priorityClass: "system-node-critical",
      tolerations: [{ operator: "Exists" }],
      ...plan.pod,
    }),
  };
}

/**
 * A command that runs to its end. Each try is a pod of its own, and failed ones stay with their logs; they would be gone
 * if one pod's container were started anew. The job stays when it is done: its name says what was done.
 * @param refusals exit codes after which it is not tried anew, since that would change nothing
 */
export function jobSpec(
  labels: Record<string, string>,
  pod: PodPlan,
  refusals: readonly number[] = [],
): types.input.batch.v1.JobSpec {
  const template = podTemplate(labels, pod);
  return {
    backoffLimit: jobRetries,
    ...(refusals.length === 0
      ? {}
      : {
          podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [...refusals] } }] },
        }),
    template: { ...template, spec: { ...podSpec(pod), restartPolicy: "Never" } },
  };
}

/** Members that agree on what they hold, each with a volume of its own. */
export interface MemberSetPlan {
  /** Labels of its pods. */
  labels: Record<string, string>;
  /** Labels it finds them by. */
  selector: Record<string, string>;
  /** Headless Service that gives members their names. */
  serviceName: Input<string>;
  /** Number of members. */
  replicas: number;
  /** The pod. It mounts its volume by the name `data`. */
  pod: PodPlan;
  /** Storage class of the volumes. */
  storageClass: Input<string>;
  /** Size of each volume, in Kubernetes' units. */
  storage: string;
  /** Whether volumes outlive the set. */
  keep: boolean;
}

/** Members start beside each other, as they wait for each other; volumes of members that are not wanted for now are kept. */
export function memberSetSpec(plan: MemberSetPlan): types.input.apps.v1.StatefulSetSpec {
  return {
    serviceName: plan.serviceName,
    replicas: plan.replicas,
    podManagementPolicy: "Parallel",
    persistentVolumeClaimRetentionPolicy: { whenDeleted: plan.keep ? "Retain" : "Delete", whenScaled: "Retain" },
    revisionHistoryLimit: 2,
    selector: { matchLabels: plan.selector },
    template: podTemplate(plan.labels, plan.pod),
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: plan.storageClass,
          resources: { requests: { storage: plan.storage } },
        },
      },
    ],
  };
}

/** At most one pod of a workload is down because somebody wants it so; one that is down anyway may always be moved. */
export function disruptionBudget(selector: Record<string, string>): types.input.policy.v1.PodDisruptionBudgetSpec {
  return {
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: "AlwaysAllow",
    selector: { matchLabels: selector },
  };
}

/** A Service. */
export interface ServicePlan {
  /** Labels of the pods behind it. */
  selector: Record<string, string>;
  /** TCP ports by name; the pods listen on the same. */
  ports: Record<string, number>;
  /** No address of its own: its name means the pods' addresses. @default false */
  headless?: boolean;
  /** Pods are behind it even before they are ready: for members that must find each other first. @default false */
  publishNotReady?: boolean;
}

/** A Service inside the cluster. */
export function serviceSpec(plan: ServicePlan): types.input.core.v1.ServiceSpec {
  return {
    type: "ClusterIP",
    ...(plan.headless ? { clusterIP: "None" } : {}),
    ...(plan.publishNotReady ? { publishNotReadyAddresses: true } : {}),
    selector: plan.selector,
    ports: Object.entries(plan.ports).map(([name, port]) => ({ name, port, targetPort: port, protocol: "TCP" })),
  };
}
