import { readFileSync } from "node:fs";
import { basename } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "./catalogue";
import type { CloudContext, HostAlias } from "./context";
import { hashedSecret } from "./hashed";
import { labelsOf } from "./labels";
import { hashedName } from "./names";
import type { ContainerPlan, MountPlan, PodPlan } from "./pod";
import type { VolumePlan } from "./volumes";
import { jobSpec } from "./workload";

/** Where a script's own files are. */
const inputDirectory = "/etc/stratiform/input";

/** How often what a job waits for is tried, every 2 s; then the job is tried anew, with a pause. */
export const jobAttempts = 60;

/** Whose a job is. */
export interface JobPlace {
  context: CloudContext;
  /** Service, such as `keystone`. */
  service: string;
  /** Label of the service's jobs, in the place of a process. */
  process: string;
  /** Name of the job among the service's. */
  step: string;
  parent: pulumi.Resource;
  /** What must be there before. */
  dependsOn: pulumi.Resource[];
}

/** A container of a job that ends before the job's own begins, in the same pod and image. */
export type BeforePlan = Omit<ContainerPlan, "image">;

/** A job that runs to its end. */
export interface HashedJobPlan {
  /** Image, by its name in the catalogue. */
  image: string;
  /** Argument vector. */
  command: string[];
  /** Environment variables, never secrets. @default none */
  environment?: Record<string, string>;
  /** Volumes by name. */
  volumes: Record<string, VolumePlan>;
  /** Where its container sees them. */
  mounts: MountPlan[];
  /** What it asks for. */
  size: { cpu: string; memory: string };
  /** What it reads; its name stands for its content. */
  secret: k8s.core.v1.Secret;
  /** Host table. @default none */
  hostAliases?: readonly HostAlias[];
  /** Exit codes after which it is not tried anew. @default none */
  refusals?: readonly number[];
  /** Labels of pods on whose host it is put, if there is room: those with its image, which need not be pulled there. */
  near: Record<string, string>;
  /** What runs first, in the same image. @default nothing */
  before?: BeforePlan | undefined;
}

/**
 * A job whose name carries its image, its command, its variables, its place and its input: it runs again exactly when one of them changes.
 * @param name Pulumi name
 */
export function hashedJob(name: string, place: JobPlace, plan: HashedJobPlan): k8s.batch.v1.Job {
  const { context, service, step } = place;
  const entry = context.entry(plan.image);
  const image = context.image(plan.image);
  const { command, environment: env, mounts, size, before } = plan;
  const pod: PodPlan = {
    uid: entry.uid,
    gid: entry.gid,
    containers: [{ name: step, image, command, ...(env === undefined ? {} : { env }), mounts, size }],
    ...(before === undefined ? {} : { initContainers: [{ ...before, image }] }),
    volumes: plan.volumes,
    ...(plan.hostAliases === undefined ? {} : { hostAliases: plan.hostAliases }),
    near: plan.near,
  };
  const first = before && [before.command, before.env];
  const carried = [image, command, plan.near, ...[env, first].filter((one) => one !== undefined)];
  const objectName = pulumi
    .all([context.hashKey, plan.secret.metadata.name])
    .apply(([key, input]) => hashedName(`${service}-${step}`, key, ...carried, input));
  return new k8s.batch.v1.Job(
    name,
    {
      metadata: {
        name: pulumi.unsecret(objectName),
        namespace: context.namespace,
        // One that failed is made anew by the next `up`.
        annotations: { "pulumi.com/replaceUnready": "true" },
      },
      spec: jobSpec(labelsOf(context.cloud, service, place.process), pod, plan.refusals),
    },
    context.inNamespace(place.parent, { dependsOn: [...place.dependsOn, plan.secret] }),
  );
}

/** A shell file of ours, run in a job. */
export interface ScriptJobPlan {
  /** Image, by its name in the catalogue. */
  image: string;
  /** Paths of the shell file and of those that it reads from beside it. It takes JOB_ATTEMPTS: how often it tries, every 2 s. */
  scripts: readonly [string, ...string[]];
  /** What it reads, beside the scripts. */
  files: pulumi.Output<Record<string, string>>;
  /** Environment variables, never secrets, given the path of a file beside the scripts. */
  environment: (path: (file: string) => string) => Record<string, string>;
  /** A Secret that another one made, and where its files are. */
  credentials: { secret: pulumi.Input<string>; path: string };
  /** What it asks for. */
  size: { cpu: string; memory: string };
  /** Labels of pods on whose host it is put, if there is room: those with its image, which need not be pulled there. */
  near: Record<string, string>;
}

/** A job that runs a shell file of ours. All that it reads but the credentials lies in one Secret. */
export function scriptJob(name: string, place: JobPlace, plan: ScriptJobPlan): k8s.batch.v1.Job {
  const { context, service, step, parent } = place;
  const scripts = Object.fromEntries(plan.scripts.map((file) => [basename(file), readFileSync(file, "utf8")]));
  const data = plan.files.apply((files): Record<string, string> => ({ ...scripts, ...files }));
  const secret = hashedSecret(name, `${service}-${step}`, data, context, parent);
  const path = (file: string): string => `${inputDirectory}/${file}`;
  return hashedJob(name, place, {
    image: plan.image,
    command: argumentVector(plan.image, context.entry(plan.image), ["sh", path(basename(plan.scripts[0]))]),
    environment: { ...plan.environment(path), JOB_ATTEMPTS: String(jobAttempts) },
    volumes: {
      input: { kind: "secret", name: secret.metadata.name },
      credentials: { kind: "secret", name: plan.credentials.secret },
    },
    mounts: [
      { volume: "input", path: inputDirectory },
      { volume: "credentials", path: plan.credentials.path },
    ],
    size: plan.size,
    near: plan.near,
    secret,
  });
}
