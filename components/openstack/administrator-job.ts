import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import { hashedSecret } from "../kit/hashed";
import type { CloudFacts } from "./definition";
import { addAuthority, type Furnishing } from "./furnish";
import { type JobOwner, laidJob } from "./job";
import { administratorAccess } from "./registration";
import { scriptText } from "./script-text";
import { inputDirectory } from "./steps";

/** Image of the jobs that talk to the cloud's APIs. */
const clientImage = "client";

/** What they ask for, unless they say otherwise: more than steps beside them, since whoever needs a service waits for its entry. */
const defaultCpu = "50m";

/** What its programs share; they import it. */
const library = "administrator.py";

/** A program that runs as the cloud's administrator. */
export interface AdministratorJobPlan {
  facts: CloudFacts;
  /** File in `components/openstack/scripts`. */
  script: string;
  /** Words behind the program's name. @default none */
  words?: readonly string[];
  /** Files that it finds beside it. */
  files: pulumi.Output<Record<string, string>>;
  adminPassword: pulumi.Output<string>;
  /** Exit codes after which it is not tried anew. @default none */
  refusals?: readonly number[];
  /** CPU it asks for. @default "50m" */
  cpu?: string | undefined;
  dependsOn: pulumi.Resource[];
}

/**
 * A job that runs a program of ours as the cloud's administrator. All that it reads lies in one Secret: the program, its
 * input, and the credentials.
 */
export function administratorJob(owner: JobOwner, name: string, plan: AdministratorJobPlan): k8s.batch.v1.Job {
  const { context, definition, parent } = owner;
  const data = pulumi.all([plan.files, plan.adminPassword]).apply(
    ([files, adminPassword]): Record<string, string> => ({
      "clouds.yaml": administratorAccess(plan.facts, adminPassword),
      [library]: scriptText(library),
      [plan.script]: scriptText(plan.script),
      ...files,
    }),
  );
  const secret = hashedSecret(`${owner.name}-${name}`, `${definition.name}-${name}`, data, context, parent);
  const furnishing: Furnishing = {
    volumes: { input: { kind: "secret", name: secret.metadata.name } },
    mounts: [{ volume: "input", path: inputDirectory }],
  };
  addAuthority(furnishing);
  const program = ["python3", `${inputDirectory}/${plan.script}`, ...(plan.words ?? [])];
  return laidJob(owner, name, {
    image: clientImage,
    command: argumentVector(clientImage, context.entry(clientImage), program),
    furnishing,
    secret,
    cpu: plan.cpu ?? defaultCpu,
    ...(plan.refusals === undefined ? {} : { refusals: plan.refusals }),
    dependsOn: plan.dependsOn,
  });
}
