import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import { hashedConfigMap } from "../kit/hashed";
import { labelsOf, selectorOf } from "../kit/labels";
import type { ContainerPlan, MountPlan, PodPlan } from "../kit/pod";
import type { VolumePlan } from "../kit/volumes";
import { daemonSetSpec } from "../kit/workload";
import type { NodeHosts, PerNode, ProcessDefinition } from "./definition";
import type { Furnishing } from "./furnish";
import { detectedDirectory } from "./host-facts";
import { nodeHosts } from "./node-hosts";
import {
  type HostScript,
  hostScripts,
  hostScriptsOf,
  nodeScripts,
  releaseFile,
  scriptsDirectory,
} from "./node-scripts";
import type { ServiceBuild } from "./service-build";
import { processFiles, serviceEnvironment } from "./service-process";

/** What the container that puts the release script on the host asks for: it copies one file. */
const releaseSize = { cpu: "5m", memory: "8Mi" };

/** Labels that nodes have by their role, as `components/cluster` puts them. */
const roleLabels: Record<NodeHosts, string[]> = {
  compute: ["stratiform.dev/compute"],
  gateway: ["stratiform.dev/gateway"],
  network: ["stratiform.dev/compute", "stratiform.dev/gateway"],
};

/** On which hosts, as the stack knows them. */
const hostsAnnotation = "stratiform.dev/hosts";

/** A process that runs once on every host of a kind, with what it reads. */
export function laidPerNode(
  build: ServiceBuild,
  process: ProcessDefinition,
  perNode: PerNode,
  dependsOn: pulumi.Resource[],
): k8s.apps.v1.DaemonSet {
  const { context, definition, name, parent } = build;
  const files = processFiles(build, process);
  const texts = nodeScripts(perNode, {
    cloud: context.cloud,
    nodeNamespace: context.nodeNamespace,
    service: definition.name,
  });
  const resources = [...files.resources];
  if (Object.keys(texts).length > 0) {
    const scripts = hashedConfigMap(
      `${name}-${process.name}-scripts`,
      `${definition.name}-${process.name}-scripts`,
      texts,
      context,
      parent,
      { node: true, retain: perNode.onDelete ?? false },
    );
    files.furnishing.volumes["scripts"] = { kind: "configMap", name: scripts.metadata.name };
    files.furnishing.mounts.push({ volume: "scripts", path: scriptsDirectory });
    resources.push(scripts);
  }
  return new k8s.apps.v1.DaemonSet(
    `${name}-${process.name}`,
    {
      metadata: {
        name: `${definition.name}-${process.name}`,
        namespace: context.nodeNamespace,
        annotations: perNode.onDelete
          ? // An update replaces no pod, so there is nothing to wait for: who needs one on its host asks it.
            { "pulumi.com/skipAwait": "true" }
          : // With a further host this changes, though no pod that is there does: so that `up` waits for the new host's.
            { [hostsAnnotation]: [...nodeHosts(build.facts, perNode.hosts)].sort().join(" ") },
      },
      spec: daemonSetSpec({
        labels: labelsOf(context.cloud, definition.name, process.name),
        selector: selectorOf(context.cloud, definition.name, process.name),
        onDelete: perNode.onDelete ?? false,
        pod: nodePod(build, process, perNode, files.furnishing),
      }),
    },
    context.nodeWorkload(parent, { dependsOn: [...dependsOn, ...resources] }),
  );
}

function nodePod(build: ServiceBuild, process: ProcessDefinition, perNode: PerNode, files: Furnishing): PodPlan {
  const { context, definition } = build;
  const image = process.image ?? definition.image ?? definition.name;
  const entry = context.entry(image);
  const extra = nodeVolumes(perNode);
  const mounts = [...files.mounts, ...extra.mounts];
  const container = nodeContainer(build, process, perNode, image, mounts);
  return {
    uid: entry.uid,
    gid: entry.gid,
    initContainers: [
      ...hostScriptsOf(perNode).map((kind) => hostScriptContainer(build, process, perNode, kind)),
      ...(perNode.prepare === undefined ? [] : [prepareContainer(build, process, perNode, image, mounts)]),
    ],
    containers: [container],
    volumes: { ...files.volumes, ...extra.volumes },
    scratch: [
      ...(process.scratch ?? []).map((path) => entry.paths[path] ?? path),
      ...(perNode.prepare === undefined ? [] : [detectedDirectory]),
    ],
    hostAliases: context.hostAliases,
    ...(process.gracePeriod === undefined ? {} : { gracePeriod: process.gracePeriod }),
    anyNodeLabel: roleLabels[perNode.hosts],
    ...(perNode.hostNetwork === undefined ? {} : { hostNetwork: perNode.hostNetwork }),
    ...(perNode.hostPid === undefined ? {} : { hostPid: perNode.hostPid }),
  };
}

function nodeContainer(
  build: ServiceBuild,
  process: ProcessDefinition,
  perNode: PerNode,
  image: string,
  mounts: readonly MountPlan[],
): ContainerPlan {
  const { context, definition } = build;
  const entry = context.entry(image);
  const command =
    perNode.start === undefined
      ? argumentVector(image, entry, process.command ?? [])
      : [...argumentVector(image, entry, ["sh"]), `${scriptsDirectory}/${perNode.start.script}`];
  return {
    name: process.name,
    image: context.image(image),
    command,
    env: { ...serviceEnvironment, CLOUD: context.cloud, ...process.environment, ...perNode.start?.inputs },
    fields: perNode.fields ?? {},
    ...(process.port === undefined ? {} : { port: process.port }),
    ...(process.readiness === undefined ? {} : { readiness: process.readiness }),
    ...(process.liveness === undefined ? {} : { liveness: process.liveness }),
    ...(process.startup === undefined ? {} : { startup: process.startup }),
    ...(process.startupSeconds === undefined ? {} : { startupSeconds: process.startupSeconds }),
    mounts,
    size: context.size(definition.name, process.name),
    exception: perNode.exception,
  };
}

function prepareContainer(
  build: ServiceBuild,
  process: ProcessDefinition,
  perNode: PerNode,
  image: string,
  mounts: readonly MountPlan[],
): ContainerPlan {
  const { context } = build;
  const own = perNode.prepare?.image ?? image;
  return {
    name: "prepare",
    image: context.image(own),
    command: [...argumentVector(own, context.entry(own), ["sh"]), `${scriptsDirectory}/${perNode.prepare?.script}`],
    env: { CLOUD: context.cloud, DETECTED: detectedDirectory, ...process.environment, ...perNode.prepare?.inputs },
    fields: perNode.fields ?? {},
    mounts,
    exception: perNode.prepare?.exception ?? perNode.exception,
  };
}

/** Puts a script where the cluster's steps on the host find it. */
function hostScriptContainer(
  build: ServiceBuild,
  process: ProcessDefinition,
  perNode: PerNode,
  kind: HostScript,
): ContainerPlan {
  const { key, directory } = hostScripts[kind];
  const { context, definition } = build;
  const image = process.image ?? definition.image ?? definition.name;
  return {
    name: kind,
    image: context.image(image),
    command: [...argumentVector(image, context.entry(image), ["sh"]), `${scriptsDirectory}/install-release.sh`],
    env: {
      SOURCE: `${scriptsDirectory}/${key}`,
      DIRECTORY: directory,
      NAME: releaseFile(perNode[kind]?.order ?? 0, context.cloud, definition.name),
    },
    mounts: [
      { volume: "scripts", path: scriptsDirectory },
      { volume: kind, path: directory },
    ],
    size: releaseSize,
    exception: { reason: "writes the script that the host runs when it leaves the cluster", root: true },
  };
}

/** Paths of the host and Secrets, as volumes. */
function nodeVolumes(perNode: PerNode): { volumes: Record<string, VolumePlan>; mounts: MountPlan[] } {
  const paths = (perNode.hostPaths ?? []).map((one, index) => ({ ...one, volume: `host-${index}` }));
  const secrets = Object.entries(perNode.secrets ?? {});
  return {
    volumes: {
      ...Object.fromEntries(
        hostScriptsOf(perNode).map((kind): [string, VolumePlan] => [
          kind,
          { kind: "hostPath", path: hostScripts[kind].directory },
        ]),
      ),
      ...Object.fromEntries(
        paths.map(({ volume, hostPath, type }): [string, VolumePlan] => [
          volume,
          { kind: "hostPath", path: hostPath, ...(type === undefined ? {} : { type }) },
        ]),
      ),
      ...Object.fromEntries(
        secrets.map(([name]): [string, VolumePlan] => [`secret-${name}`, { kind: "secret", name }]),
      ),
    },
    mounts: [
      ...paths.map(({ volume, path, propagation }) => ({
        volume,
        path,
        ...(propagation === undefined ? {} : { propagation }),
      })),
      ...secrets.map(([name, path]) => ({ volume: `secret-${name}`, path })),
    ],
  };
}
