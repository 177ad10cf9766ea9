import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { type BeforePlan, hashedJob } from "../kit/job";
import { selectorOf } from "../kit/labels";
import { stepsProcess } from "./connections";
import type { Furnishing } from "./furnish";

/** What a job asks for unless it says otherwise: it runs for seconds, at the start of everything. */
const jobSize = { cpu: "20m", memory: "128Mi" };

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
  /** Environment variables, never secrets. @default none */
  environment?: Record<string, string>;
  /** What it sees. */
  furnishing: Furnishing;
  /** What it reads; its name stands for its content. */
  secret: k8s.core.v1.Secret;
  /** Exit codes after which it is not tried anew. @default none */
  refusals?: readonly number[];
  /** CPU it asks for. @default "20m" */
  cpu?: string | undefined;
  /** What runs first, in the same pod and image. @default nothing */
  before?: BeforePlan | undefined;
  /** What must be there before. */
  dependsOn: pulumi.Resource[];
}

/**
 * A job of a service: it runs again exactly when its image, its command or its input changes. It is put beside the service's
 * pods, since these have its image, or most of it.
 */
export function laidJob(owner: JobOwner, step: string, plan: JobPlan): k8s.batch.v1.Job {
  const { context, definition, parent } = owner;
  const { furnishing, dependsOn, cpu = jobSize.cpu, ...rest } = plan;
  return hashedJob(
    `${owner.name}-${step}`,
    { context, service: definition.name, process: stepsProcess, step, parent, dependsOn },
    {
      ...{ ...rest, ...furnishing, size: { ...jobSize, cpu }, hostAliases: context.hostAliases },
      near: selectorOf(context.cloud, definition.name),
    },
  );
}
