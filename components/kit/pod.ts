import { isDeepStrictEqual } from "node:util";
import type { types } from "@pulumi/kubernetes";
import type { Input } from "@pulumi/pulumi";
import type { HostAlias } from "./context";
import type { Probe } from "./probes";
import type { ProcessSize } from "./profile";
import { type VolumePlan, volume } from "./volumes";

type PodSpec = types.input.core.v1.PodSpec;
type Container = types.input.core.v1.Container;
type KubernetesProbe = types.input.core.v1.Probe;

/** What a container may do beyond Pod Security "restricted", and why. Such a pod stands in the privileged namespace. */
export interface SecurityException {
  /** Why it cannot do without. A test lists these. */
  reason: string;
  /** Runs as root. @default false */
  root?: boolean;
  /** Capabilities it keeps, without "CAP_"; only root has them. @default none */
  capabilities?: readonly string[];
  /** Everything, devices of the host included. @default false */
  privileged?: boolean;
  /** Root file system that can be written. @default false */
  writableRoot?: boolean;
}

/** Where a container finds a volume. */
export interface MountPlan {
  /** Name of the volume in the pod's plan. */
  volume: string;
  /** Path in the container. */
  path: string;
  /** One file or directory of the volume; such a mount does not follow changes. @default the whole volume */
  subPath?: string;
  /** Whether the container may write to it. @default false; true for volumes that can be written */
  writable?: boolean;
  /** Whether mounts that come later are seen on the other side. @default not */
  propagation?: "Bidirectional" | "HostToContainer";
}

/** One container of a pod. */
export interface ContainerPlan {
  /** Name: a DNS label. */
  name: string;
  /** Image, by digest. */
  image: Input<string>;
  /** Argument vector; the image's own is not used. */
  command: readonly Input<string>[];
  /** Environment variables, never secrets. @default only those that every container has */
  env?: Record<string, Input<string>>;
  /** Environment variables from fields of the pod, which `env` may refer to: `{ POD_NAME: "metadata.name" }`. @default none */
  fields?: Record<string, string>;
  /** TCP port it listens on. Probes ask it, and at its end the pod waits before it stops. @default none */
  port?: number;
  /** When it takes requests, asked every 2 s; a command every 4 s, and every 30 s if it is also its startup's. @default the port is open, if it has one */
  readiness?: Probe;
  /** When it is to be started anew, asked every 10 s; three failures do it. A command every 30 s, and two do. @default the port is open, if it has one */
  liveness?: Probe;
  /** When it has started, asked every second, a command every 2 s; neither of the others is asked before. @default the same as liveness, else as readiness */
  startup?: Probe;
  /** Seconds that a start may take; then the container is started anew. @default 300 */
  startupSeconds?: number;
  /** Volumes it sees, beside the pod's scratch directories. @default none */
  mounts?: readonly MountPlan[];
  /** CPU and memory. @default nothing asked for */
  size?: Pick<ProcessSize, "cpu" | "memory" | "memoryLimit">;
  /** What it may do beyond "restricted". @default nothing */
  exception?: SecurityException;
}

/** A directory that is empty at each start of the pod, and that all its containers may write to. */
export interface ScratchPlan {
  /** Path in every container. */
  path: string;
  /** Largest size, in Kubernetes' units. @default "64Mi" */
  size?: string;
  /** Kept on the node's disk instead of in memory. @default false */
  disk?: boolean;
}

/** How a workload's pods are spread over the hosts. */
export interface SpreadPlan {
  /** Labels that its pods share. */
  selector: Record<string, string>;
  /** A pod waits rather than share a host with another, where hosts are left: for quorum sets. @default false */
  strict?: boolean;
  /** Counts only pods of the same template, so that a roll spreads the new ones: for Deployments. @default false */
  perTemplate?: boolean;
}

/** A pod. */
export interface PodPlan {
  /** User that its containers run as. */
  uid: number;
  /** Group that its containers run as, and that volumes belong to. */
  gid: number;
  /** Containers. */
  containers: readonly ContainerPlan[];
  /** Containers that run to their end before, one after another. @default none */
  initContainers?: readonly ContainerPlan[];
  /** Volumes by name. @default none */
  volumes?: Record<string, VolumePlan>;
  /** Directories it may write to beside /tmp, which it always may. @default none */
  scratch?: readonly (string | ScratchPlan)[];
  /** Host table. @default empty */
  hostAliases?: readonly HostAlias[];
  /** Seconds between leaving the endpoints and the end of its processes, for containers with a port. @default 0 */
  stopPause?: number;
  /** Seconds its processes have for their end, once told. @default 30 */
  gracePeriod?: number;
  /** How its workload is spread over the hosts. @default not */
  spread?: SpreadPlan;
  /** Labels that its node must have. @default any node */
  nodeSelector?: Record<string, string>;
  /** Labels of which its node must have one, whatever the value. @default any node */
  anyNodeLabel?: readonly string[];
  /** Labels of pods on whose host it is put, where that has room: for what uses the same image. @default any node */
  near?: Record<string, string>;
  /** Taints that it bears. @default none */
  tolerations?: readonly types.input.core.v1.Toleration[];
  /** The host's network in place of one of its own. NetworkPolicies do not hold there. @default its own */
  hostNetwork?: { reason: string };
  /** The host's processes are seen and can be reached. @default only its own */
  hostPid?: { reason: string };
  /** Priority class: who stays when a host runs out of memory. @default the cluster's */
  priorityClass?: string;
  /** Service account. @default the namespace's, and never its token */
  serviceAccount?: Input<string>;
}

/** Variables that every container has. */
const commonEnvironment = { LC_ALL: "C.UTF-8", HOME: "/tmp", PYTHONUNBUFFERED: "1" };

const defaultScratch = "64Mi";
const defaultGracePeriod = 30;
const defaultStartupSeconds = 300;
/** Seconds between two questions, seconds an answer may take, and failures in a row that count. */
const readinessTiming = { periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 };
const livenessTiming = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 };
/**
 * The same for commands in a container. Each costs 50 to 100 ms of a core, and a compute host has half a dozen such
 * containers: every 2 s they took more than half a core of a lab. So whoever was well once is asked rarely, and what is
 * asked by a question of its own, as members are whether the others have them, in between.
 */
const commandStartPeriod = 2;
const commandReadinessTiming = { periodSeconds: 4, timeoutSeconds: 5, failureThreshold: 2 };
const commandRepeatedTiming = { periodSeconds: 30, timeoutSeconds: 5, failureThreshold: 2 };

/**
 * Specification of a pod that Pod Security "restricted" admits, unless its plan states an exception: its own user, no
 * capability, read-only root file system, no token, no variables of Services.
 */
export function podSpec(plan: PodPlan): PodSpec {
  const scratch = [
    { path: "/tmp" },
    ...(plan.scratch ?? []).map((one) => (typeof one === "string" ? { path: one } : one)),
  ];
  const pause = plan.stopPause ?? 0;
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(plan.serviceAccount === undefined ? {} : { serviceAccountName: plan.serviceAccount }),
    securityContext: {
      // A container that runs as root says so itself.
      runAsNonRoot: true,
      runAsUser: plan.uid,
      runAsGroup: plan.gid,
      fsGroup: plan.gid,
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(plan.hostNetwork === undefined ? {} : { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }),
    ...(plan.hostPid === undefined ? {} : { hostPID: true }),
    ...(plan.priorityClass === undefined ? {} : { priorityClassName: plan.priorityClass }),
    ...affinity(plan),
    ...(plan.hostAliases?.length
      ? { hostAliases: plan.hostAliases.map(({ ip, hostnames }) => ({ ip, hostnames })) }
      : {}),
    ...(plan.nodeSelector === undefined ? {} : { nodeSelector: plan.nodeSelector }),
    ...(plan.tolerations === undefined ? {} : { tolerations: [...plan.tolerations] }),
    ...(plan.spread === undefined ? {} : { topologySpreadConstraints: [spread(plan.spread)] }),
    terminationGracePeriodSeconds: pause + (plan.gracePeriod ?? defaultGracePeriod),
    ...(plan.initContainers?.length
      ? { initContainers: plan.initContainers.map((one) => container(plan, one, scratch)) }
      : {}),
    containers: plan.containers.map((one) => ({
      ...container(plan, one, scratch),
      ...probes(one),
      ...stop(one, pause),
    })),
    volumes: [
      ...scratch.map((one) => ({
        name: scratchName(one.path),
        ...volume({ kind: "emptyDir", size: one.size ?? defaultScratch, memory: !one.disk }),
      })),
      ...Object.entries(plan.volumes ?? {}).map(([name, one]) => ({ name, ...volume(one) })),
    ],
  };
}

/** All that a pod may do beyond "restricted", each with its reason; empty for most. */
export function exceptions(plan: PodPlan): string[] {
  const containers = [...(plan.initContainers ?? []), ...plan.containers];
  return [
    ...(plan.hostNetwork === undefined ? [] : [`host network: ${plan.hostNetwork.reason}`]),
    ...(plan.hostPid === undefined ? [] : [`host processes: ${plan.hostPid.reason}`]),
    ...Object.values(plan.volumes ?? {}).flatMap((one) => (one.kind === "hostPath" ? [`host path ${one.path}`] : [])),
    ...containers.flatMap(({ name, exception }) => {
      if (exception === undefined) {
        return [];
      }
      const what = [
        ...(exception.privileged ? ["privileged"] : []),
        ...(exception.root ? ["root"] : []),
        ...(exception.capabilities ?? []),
        ...(exception.writableRoot ? ["writable root file system"] : []),
      ];
      return [`${name}: ${what.join(", ")}: ${exception.reason}`];
    }),
  ];
}

function affinity({ anyNodeLabel, near }: PodPlan): Pick<PodSpec, "affinity"> {
  const rules = {
    ...(anyNodeLabel === undefined ? {} : { nodeAffinity: anyLabel(anyNodeLabel) }),
    ...(near === undefined ? {} : { podAffinity: preferred(near) }),
  };
  return Object.keys(rules).length === 0 ? {} : { affinity: rules };
}

function preferred(labels: Record<string, string>): types.input.core.v1.PodAffinity {
  const podAffinityTerm = { labelSelector: { matchLabels: labels }, topologyKey: "kubernetes.io/hostname" };
  return { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] };
}

/** Terms of node affinity are alternatives. */
function anyLabel(keys: readonly string[]): types.input.core.v1.NodeAffinity {
  return {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: keys.map((key) => ({ matchExpressions: [{ key, operator: "Exists" }] })),
    },
  };
}

function scratchName(path: string): string {
  return path
    .replace(/[^a-z0-9]+/gi, "-")
    .replace(/^-|-$/g, "")
    .toLowerCase();
}

function container(plan: PodPlan, one: ContainerPlan, scratch: readonly ScratchPlan[]): Container {
  const env = { ...commonEnvironment, ...one.env };
  return {
    name: one.name,
    image: one.image,
    command: [...one.command],
    env: [
      // First, so that the others may refer to them: "$(POD_NAME)".
      ...Object.entries(one.fields ?? {}).map(([name, fieldPath]) => ({
        name,
        valueFrom: { fieldRef: { fieldPath } },
      })),
      ...Object.entries(env).map(([name, value]) => ({ name, value })),
    ],
    ...(one.port === undefined ? {} : { ports: [{ containerPort: one.port, protocol: "TCP" }] }),
    ...(one.size === undefined ? {} : { resources: resources(one.size) }),
    securityContext: securityContext(one.exception),
    volumeMounts: [
      ...scratch.map(({ path }) => ({ name: scratchName(path), mountPath: path })),
      ...(one.mounts ?? []).map((mount) => volumeMount(plan, one, mount)),
    ],
  };
}

function volumeMount(plan: PodPlan, one: ContainerPlan, mount: MountPlan): types.input.core.v1.VolumeMount {
  const kind = plan.volumes?.[mount.volume]?.kind;
  if (kind === undefined) {
    throw new Error(`container ${one.name}: mounts ${mount.volume}, which is no volume of its pod`);
  }
  return {
    name: mount.volume,
    mountPath: mount.path,
    ...(mount.subPath === undefined ? {} : { subPath: mount.subPath }),
    ...(mount.propagation === undefined ? {} : { mountPropagation: mount.propagation }),
    ...((mount.writable ?? ["emptyDir", "claim", "hostPath"].includes(kind)) ? {} : { readOnly: true }),
  };
}

function securityContext(exception: SecurityException | undefined): types.input.core.v1.SecurityContext {
  if (exception?.privileged) {
    return { privileged: true, runAsNonRoot: false, runAsUser: 0, readOnlyRootFilesystem: !exception.writableRoot };
  }
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: !exception?.writableRoot,
    ...(exception?.root ? { runAsNonRoot: false, runAsUser: 0 } : {}),
    capabilities: { drop: ["ALL"], ...(exception?.capabilities ? { add: [...exception.capabilities] } : {}) },
  };
}

/** No limit of CPU: it would slow a process down while the host is idle. */
function resources(
  size: Pick<ProcessSize, "cpu" | "memory" | "memoryLimit">,
): types.input.core.v1.ResourceRequirements {
  return {
    requests: { cpu: size.cpu, memory: size.memory },
    ...(size.memoryLimit === undefined ? {} : { limits: { memory: size.memoryLimit } }),
  };
}

function probes(
  one: ContainerPlan,
): Partial<Record<"readinessProbe" | "livenessProbe" | "startupProbe", KubernetesProbe>> {
  const open: Probe | undefined = one.port === undefined ? undefined : { kind: "tcp" };
  const readiness = one.readiness ?? open;
  const liveness = one.liveness ?? open;
  // A start that hangs is ended, also where nothing else is asked: some programs stay after an error that ended their work.
  const startup = one.startup ?? liveness ?? readiness;
  const seconds = one.startupSeconds ?? defaultStartupSeconds;
  const periodSeconds = startup?.kind === "exec" ? commandStartPeriod : 1;
  const failureThreshold = Math.ceil(seconds / periodSeconds);
  return {
    ...(startup && { startupProbe: { ...question(one, startup), periodSeconds, timeoutSeconds: 5, failureThreshold } }),
    ...(readiness && { readinessProbe: { ...question(one, readiness), ...readinessTimingOf(readiness, startup) } }),
    ...(liveness && {
      livenessProbe: {
        ...question(one, liveness),
        ...(liveness.kind === "exec" ? commandRepeatedTiming : livenessTiming),
      },
    }),
  };
}

/** What was answered to the same question at the start needs no early repetition. */
function readinessTimingOf(readiness: Probe, startup: Probe | undefined): typeof readinessTiming {
  if (readiness.kind !== "exec") {
    return readinessTiming;
  }
  return isDeepStrictEqual(readiness, startup) ? commandRepeatedTiming : commandReadinessTiming;
}

function question(one: ContainerPlan, probe: Probe): KubernetesProbe {
  if (probe.kind === "exec") {
    return { exec: { command: [...probe.command] } };
  }
  if (one.port === undefined) {
    throw new Error(`container ${one.name}: has a probe of its port, but no port`);
  }
  return probe.kind === "http" ? { httpGet: { path: probe.path, port: one.port } } : { tcpSocket: { port: one.port } };
}

/** While it pauses it still answers those who have not heard that it leaves. */
function stop(one: ContainerPlan, seconds: number): Pick<Container, "lifecycle"> {
  return one.port === undefined || seconds === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds } } } };
}

function spread(plan: SpreadPlan): types.input.core.v1.TopologySpreadConstraint {
  return {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: plan.strict ? "DoNotSchedule" : "ScheduleAnyway",
    // Hosts that it cannot run on do not count.
    nodeTaintsPolicy: "Honor",
    labelSelector: { matchLabels: plan.selector },
    ...(plan.perTemplate ? { matchLabelKeys: ["pod-template-hash"] } : {}),
  };
}
