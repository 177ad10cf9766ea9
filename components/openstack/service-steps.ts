import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { hashedSecret } from "../kit/hashed";
import type { StepDefinition } from "./definition";
import { addAuthority, addFiles, addKeyRepositories, type Furnishing } from "./furnish";
import { laidJob } from "./job";
import type { ServiceBuild } from "./service-build";
import { blankSecrets, stepFiles } from "./service-files";
import { inputDirectory, stepScript } from "./steps";

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
  return laidJob(build, step.name, {
    image,
    command: ["/bin/sh", "-c", stepScript(image, entry, step)],
    furnishing,
    secret,
    cpu: step.cpu,
    dependsOn,
  });
}
