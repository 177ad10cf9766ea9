import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { labelsOf } from "../kit/labels";
import { hashedName } from "../kit/names";
import type { PodPlan } from "../kit/pod";
import { jobSpec } from "../kit/workload";
import { stepsProcess } from "./connections";
import type { Furnishing } from "./furnish";

/** What a job asks for: it runs for seconds, at the start of everything. */
const jobSize = { cpu: "50m", memory: "128Mi" };

/** Whose job it is. */
export interface JobOwner {
  context: CloudContext;
  /** Beginning of its name in the Pulumi program. */
  name: string;
  /** The service. */
  definition: { name: string };
  /** The service's component. */
  parent: pulumi.Resource;
}

/** What a job does. */
export interface JobPlan {
  /** Image, by its name in the catalogue. */
  image: string;
  /** Argument vector. */
  command: string[];
  /** What it sees. */
  furnishing: Furnishing;
  /** What it reads; its name stands for its content. */
  secret: k8s.core.v1.Secret;
  /** Exit codes after which it is not tried anew. @default none */
  refusals?: readonly number[];
  /** What must be there before. */
  dependsOn: pulumi.Resource[];
}

/** A job whose name carries its image, its command and its input: it runs again exactly when one of them changes. */
export function laidJob(owner: JobOwner, step: string, plan: JobPlan): k8s.batch.v1.Job {
  const { context, definition, parent } = owner;
  const entry = context.entry(plan.image);
  const pod: PodPlan = {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: step,
        image: context.image(plan.image),
        command: plan.command,
        mounts: plan.furnishing.mounts,
        size: jobSize,
      },
    ],
    volumes: plan.furnishing.volumes,
    hostAliases: context.hostAliases,
  };
  const objectName = pulumi
    .all([context.hashKey, plan.secret.metadata.name])
    .apply(([key, input]) =>
      hashedName(`${definition.name}-${step}`, key, context.image(plan.image), plan.command, input),
    );
  return new k8s.batch.v1.Job(
    `${owner.name}-${step}`,
    {
      metadata: {
        name: pulumi.unsecret(objectName),
        namespace: context.namespace,
        // One that failed is made anew by the next `up`.
        annotations: { "pulumi.com/replaceUnready": "true" },
      },
      spec: jobSpec(labelsOf(context.cloud, definition.name, stepsProcess), pod, plan.refusals),
    },
    context.inNamespace(parent, { dependsOn: plan.dependsOn }),
  );
}
