import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type DatabaseStep, databaseStep } from "../backing/database";
import { hashedSecret } from "../kit/hashed";
import type { BeforePlan } from "../kit/job";
import type { MountPlan } from "../kit/pod";
import type { StepDefinition } from "./definition";
import { addAuthority, addFiles, addKeyRepositories, type Furnishing } from "./furnish";
import { laidJob } from "./job";
import { serviceUserName } from "./registration";
import type { ServiceBuild } from "./service-build";
import { blankSecrets, stepFiles } from "./service-files";
import { inputDirectory, stepScript } from "./steps";

/** Volume with the password of the database's administrator. */
const credentialsVolume = "database-admin";

/**
 * The steps before any process, one after another. The first one's pod makes the databases, and the user that may use
 * just these; a service without steps has a job that does only that.
 */
export function laidExpansion(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  const steps = build.definition.steps?.expand ?? [];
  const database = databaseOf(build);
  return database !== undefined && steps.length === 0
    ? [databaseJob(build, database, dependsOn)]
    : laidSteps(build, steps, dependsOn, database);
}

/** The steps when every process runs the release, one after another. */
export function laidContraction(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  return laidSteps(build, build.definition.steps?.after ?? [], dependsOn);
}

/** Each step is a job whose name carries its image, its command and its input. */
function laidSteps(
  build: ServiceBuild,
  steps: readonly StepDefinition[],
  dependsOn: pulumi.Resource[],
  database?: DatabaseStep,
): pulumi.Resource[] {
  let previous = dependsOn;
  return steps.map((step, index) => {
    const job = stepJob(build, step, previous, index === 0 ? database : undefined);
    previous = [job];
    return job;
  });
}

function databaseOf({ context, definition, database, secrets }: ServiceBuild): DatabaseStep | undefined {
  const image = definition.image ?? definition.name;
  return secrets.databasePassword === undefined
    ? undefined
    : databaseStep({
        server: database,
        databases: definition.databases ?? [],
        user: serviceUserName(definition.name),
        password: secrets.databasePassword,
        image,
        entry: context.entry(image),
        path: databasePath,
      });
}

/** Where the files of what makes databases lie. */
function databasePath(key: string): string {
  return `${inputDirectory}/${key}`;
}

function databaseJob(build: ServiceBuild, database: DatabaseStep, dependsOn: pulumi.Resource[]): k8s.batch.v1.Job {
  const { context, definition, parent } = build;
  const step = "database";
  const secret = hashedSecret(`${build.name}-${step}`, `${definition.name}-${step}`, database.files, context, parent);
  const furnishing: Furnishing = { volumes: { files: { kind: "secret", name: secret.metadata.name } }, mounts: [] };
  furnishing.mounts = databaseMounts(furnishing, database);
  return laidJob(build, step, {
    image: definition.image ?? definition.name,
    command: database.command,
    environment: database.environment,
    furnishing,
    secret,
    dependsOn,
  });
}

/** Where what makes databases sees its files, of the volume `files`, and the administrator's password, which the pod gets. */
function databaseMounts(furnishing: Furnishing, { credentials, keys }: DatabaseStep): MountPlan[] {
  furnishing.volumes[credentialsVolume] = { kind: "secret", name: credentials.secret };
  return [
    ...keys.map((key) => ({ volume: "files", path: databasePath(key), subPath: key })),
    { volume: credentialsVolume, path: credentials.path },
  ];
}

function databaseContainer(furnishing: Furnishing, database: DatabaseStep): BeforePlan {
  const { command, environment: env, size } = database;
  return { name: "database", command, env, mounts: databaseMounts(furnishing, database), size };
}

function stepJob(
  build: ServiceBuild,
  step: StepDefinition,
  dependsOn: pulumi.Resource[],
  database: DatabaseStep | undefined,
): k8s.batch.v1.Job {
  const { context, definition, secrets, parent } = build;
  const name = `${build.name}-${step.name}`;
  const image = definition.image ?? definition.name;
  const entry = context.entry(image);
  // One Secret holds all that a step reads: its few options with what is secret in them, and its inputs.
  const data = pulumi.all([secrets.laidOpen, database?.files ?? {}]).apply(
    ([open, databaseFiles]): Record<string, string> => ({
      ...stepFiles(definition, entry, open).data,
      ...step.inputs?.(open),
      ...databaseFiles,
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
    before: database === undefined ? undefined : databaseContainer(furnishing, database),
    dependsOn,
  });
}
