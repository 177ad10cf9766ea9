import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { ovnService } from "../backing/ovn-facts";
import { argumentVector } from "../kit/catalogue";
import { type HashedPlace, hashedConfigMap, hashedSecret } from "../kit/hashed";
import { labelsOf, selectorOf } from "../kit/labels";
import type { PodPlan } from "../kit/pod";
import { deploymentSpec } from "../kit/workload";
import { usesConsoles } from "./console-tls";
import type { ProcessDefinition } from "./definition";
import {
  addAuthority,
  addClaims,
  addConsoleCertificate,
  addFiles,
  addKeyRepositories,
  addOvnCertificate,
  type Furnishing,
} from "./furnish";
import type { ServiceBuild } from "./service-build";
import { blankSecrets, plainFiles, secretFiles, uwsgiFile } from "./service-files";

/** How many pods a process has: one where it has a volume, which belongs to one pod at a time. */
export function replicasOf(build: Pick<ServiceBuild, "context" | "definition">, process: ProcessDefinition): number {
  return process.claims?.length ? 1 : build.context.size(build.definition.name, process.name).replicas;
}

/**
 * Variables of every process. Names are looked up by the system, not by eventlet: its own resolver was seen to find no
 * address any more, for good, after the host had stood still for a while.
 */
export const serviceEnvironment: Readonly<Record<string, string>> = { EVENTLET_NO_GREENDNS: "yes" };

/** A process' workload, with the configuration it reads. */
export function laidProcess(
  build: ServiceBuild,
  process: ProcessDefinition,
  dependsOn: pulumi.Resource[],
): k8s.apps.v1.Deployment {
  const { context, definition, name, parent } = build;
  const files = processFiles(build, process);
  const metadata = { name: `${definition.name}-${process.name}`, namespace: context.namespace };
  return new k8s.apps.v1.Deployment(
    `${name}-${process.name}`,
    {
      metadata,
      spec: deploymentSpec({
        labels: labelsOf(context.cloud, definition.name, process.name),
        selector: selectorOf(context.cloud, definition.name, process.name),
        replicas: replicasOf(build, process),
        recreate: (process.claims ?? []).length > 0,
        pod: processPod(build, process, files.furnishing),
      }),
    },
    context.workload(parent, { dependsOn: [...dependsOn, ...files.resources] }),
  );
}

function processPod(build: ServiceBuild, process: ProcessDefinition, files: Furnishing): PodPlan {
  const { context, definition } = build;
  const image = process.image ?? definition.image ?? definition.name;
  const entry = context.entry(image);
  const command =
    process.wsgi === true
      ? argumentVector(image, entry, ["uwsgi", "--ini", uwsgiFile])
      : argumentVector(image, entry, process.command ?? []);
  return {
    uid: entry.uid,
    gid: entry.gid,
    containers: [
      {
        name: process.name,
        image: context.image(image),
        command,
        ...(process.port === undefined ? {} : { port: process.port }),
        ...(process.readiness === undefined ? {} : { readiness: process.readiness }),
        ...(process.liveness === undefined ? {} : { liveness: process.liveness }),
        ...(process.startup === undefined ? {} : { startup: process.startup }),
        ...(process.startupSeconds === undefined ? {} : { startupSeconds: process.startupSeconds }),
        env: { ...serviceEnvironment, ...process.environment },
        mounts: files.mounts,
        size: context.size(definition.name, process.name),
      },
    ],
    volumes: files.volumes,
    scratch: (process.scratch ?? []).map((path) => entry.paths[path] ?? path),
    hostAliases: context.hostAliases,
    stopPause: context.stopPause,
    ...(process.gracePeriod === undefined ? {} : { gracePeriod: process.gracePeriod }),
    spread: { selector: selectorOf(context.cloud, definition.name, process.name), perTemplate: true },
  };
}

/**
 * A process' ConfigMap, Secret, key repositories, CA and certificates for OVN and consoles, as volumes. The names carry the
 * content: a change rolls just the pods that read it.
 */
export function processFiles(
  build: ServiceBuild,
  process: ProcessDefinition,
): { furnishing: Furnishing; resources: pulumi.Resource[] } {
  const { context, definition, facts, secrets, parent, overrides } = build;
  const name = `${build.name}-${process.name}`;
  const base = `${definition.name}-${process.name}`;
  const image = process.image ?? definition.image ?? definition.name;
  const entry = context.entry(image);
  const furnishing: Furnishing = { volumes: {}, mounts: [] };

  const place: HashedPlace =
    process.perNode === undefined ? {} : { node: true, retain: process.perNode.onDelete ?? false };
  const resources: pulumi.Resource[] = [];

  const plain = plainFiles(facts, definition, process, entry, overrides ?? {});
  if (plain.mounts.length > 0) {
    const config = hashedConfigMap(name, base, plain.data, context, parent, place);
    addFiles(furnishing, "config", "configMap", config.metadata.name, plain);
    resources.push(config);
  }
  const hidden = secretFiles(definition, process, entry, blankSecrets);
  if (hidden.mounts.length > 0) {
    const data = secrets.laidOpen.apply((open) => secretFiles(definition, process, entry, open).data);
    const secret = hashedSecret(name, base, data, context, parent, place);
    addFiles(furnishing, "secret", "secret", secret.metadata.name, hidden);
    resources.push(secret);
  }
  if (process.talksTo?.some((target) => target.startsWith(`${ovnService}-`))) {
    addOvnCertificate(furnishing);
  }
  if (usesConsoles(process)) {
    addConsoleCertificate(furnishing);
  }
  addKeyRepositories(furnishing, build, process.keyRepositories ?? [], image);
  resources.push(...addClaims(furnishing, build, process, image));
  addAuthority(furnishing);
  return { furnishing, resources };
}
