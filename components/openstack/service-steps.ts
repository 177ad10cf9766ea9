import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { labelsOf } from "../kit/labels";
import { hashedName } from "../kit/names";
import type { PodPlan } from "../kit/pod";
import { jobSpec } from "../kit/workload";
import { stepsProcess } from "./connections";
import type { StepDefinition } from "./definition";
import { addAuthority, addFiles, addKeyRepositories, type Furnishing, hashedSecret } from "./furnish";
import { administratorAccess, registerScript, registration } from "./registration";
import type { ServiceBuild } from "./service-build";
import { blankSecrets, stepFiles } from "./service-files";
import { argumentVector, inputDirectory, stepScript } from "./steps";

/** Image of the job that enters services into Keystone. */
const clientImage = "client";

/** What a job asks for: it runs for seconds, at the start of everything. */
const jobSize = { cpu: "50m", memory: "128Mi" };

/** The steps of one phase, one after another. Each is a job whose name carries its image, its command and its input. */
export function laidSteps(
  build: ServiceBuild,
  phase: "expand" | "after",
  dependsOn: pulumi.Resource[],
): pulumi.Resource[] {
  const steps = build.definition.steps?.[phase] ?? [];
  let previous = dependsOn;
  return steps.map((step) => {
    const job = stepJob(build, step, previous);
    previous = [job];
    return job;
  });
}

function stepJob(build: ServiceBuild, step: StepDefinition, dependsOn: pulumi.Resource[]): k8s.batch.v1.Job {
  const { context, definition, secrets, parent } = build;
  const name = `${build.name}-${step.name}`;
  const image = definition.image ?? definition.name;
  const entry = context.entry(image);
  // One Secret holds all that a step reads: its few options with what is secret in them, and its inputs.
  const data = secrets.laidOpen.apply(
    (open): Record<string, string> => ({
      ...stepFiles(definition, entry, open).data,
      ...step.inputs?.(open),
    }),
  );
  const secret = hashedSecret(name, `${definition.name}-${step.name}`, data, context, parent);
  const furnishing: Furnishing = { volumes: {}, mounts: [] };
  addFiles(furnishing, "files", "secret", secret.metadata.name, {
    mounts: [
      ...stepFiles(definition, entry, blankSecrets).mounts,
      ...Object.keys(step.inputs?.(blankSecrets) ?? {}).map((key) => ({ key, path: `${inputDirectory}/${key}` })),
    ],
  });
  addKeyRepositories(furnishing, build, step.keyRepositories ?? [], image);
  addAuthority(furnishing);
  return job(build, step.name, {
    image,
    command: ["/bin/sh", "-c", stepScript(image, entry, step)],
    furnishing,
    secret,
    dependsOn,
  });
}

/** Enters a service into Keystone: its user, its services, their endpoints. None for Keystone, which enters itself. */
export function registrationJob(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  const { context, definition, facts, secrets, parent, adminPassword } = build;
  const wanted = registration(facts, definition);
  if (wanted === undefined) {
    return [];
  }
  const data = pulumi.all([secrets.laidOpen, adminPassword]).apply(
    ([open, password]): Record<string, string> => ({
      "clouds.yaml": administratorAccess(facts, password),
      "registration.json": JSON.stringify(wanted),
      "register.py": registerScript(),
      ...(wanted.user === undefined ? {} : { password: open.servicePassword }),
    }),
  );
  const name = `${build.name}-register`;
  const secret = hashedSecret(name, `${definition.name}-register`, data, context, parent);
  const furnishing: Furnishing = {
    volumes: { input: { kind: "secret", name: secret.metadata.name } },
    mounts: [{ volume: "input", path: inputDirectory }],
  };
  addAuthority(furnishing);
  return [
    job(build, "register", {
      image: clientImage,
      command: argumentVector(clientImage, context.entry(clientImage), [
        "python3",
        `${inputDirectory}/register.py`,
        "register",
      ]),
      furnishing,
      secret,
      dependsOn,
    }),
  ];
}

interface JobPlan {
  image: string;
  command: string[];
  furnishing: Furnishing;
  /** What it reads; its name stands for its content. */
  secret: k8s.core.v1.Secret;
  dependsOn: pulumi.Resource[];
}

function job(build: ServiceBuild, step: string, plan: JobPlan): k8s.batch.v1.Job {
  const { context, definition, parent } = build;
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
    `${build.name}-${step}`,
    {
      metadata: {
        name: pulumi.unsecret(objectName),
        namespace: context.namespace,
        // One that failed is made anew by the next `up`.
        annotations: { "pulumi.com/replaceUnready": "true" },
      },
      spec: jobSpec(labelsOf(context.cloud, definition.name, stepsProcess), pod),
    },
    context.inNamespace(parent, { dependsOn: plan.dependsOn }),
  );
}
