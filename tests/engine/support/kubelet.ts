import { eventually } from "../../lab/support/wait";
import type { KubernetesObject } from "./api";
import { engine } from "./engine";

const nodeName = "node";

/** Plays the kubelet that registers its node, and what takes the taint "not ready" from it. */
export async function registerNode(): Promise<void> {
  await engine().api.create("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
  await engine().api.patch(`/api/v1/nodes/${nodeName}`, { spec: { taints: null } });
}

/** Pods of a namespace that the workload `app` has made and that are not on their way out. */
export async function podsOf(namespace: string, app: string): Promise<KubernetesObject[]> {
  const selector = encodeURIComponent(`app=${app}`);
  const pods = await engine().api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`);
  return pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

/** State of a container as a kubelet reports it. */
export interface ContainerReport {
  /** `state` of a container status. */
  state: Record<string, unknown>;
  /** `lastState` of a container status. */
  lastState?: Record<string, unknown>;
  /** How often the container was started again. */
  restartCount?: number;
}

/**
 * There is neither scheduler nor kubelet in these tests: this plays both. It binds a pod to a node, and
 * writes its status through the status subresource.
 */
export async function reportPod(pod: KubernetesObject, ready: boolean, container: ContainerReport): Promise<void> {
  const { namespace, name } = pod.metadata;
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  if (!pod.spec?.["nodeName"]) {
    const target = { apiVersion: "v1", kind: "Node", name: nodeName };
    await engine().api.create(`${path}/binding`, { apiVersion: "v1", kind: "Binding", metadata: { name }, target });
  }
  const status = ready ? "True" : "False";
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  await engine().api.patch(`${path}/status`, {
    status: {
      phase: ready ? "Running" : "Pending",
      startTime: now,
      podIP: "10.244.0.2",
      podIPs: [{ ip: "10.244.0.2" }],
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
        type,
        status: type === "Initialized" || type === "PodScheduled" ? "True" : status,
        lastTransitionTime: now,
      })),
      containerStatuses: [
        {
          name: "main",
          image: "example.invalid/main:1",
          imageID: "",
          ready,
          restartCount: container.restartCount ?? 0,
          state: container.state,
          lastState: container.lastState ?? {},
        },
      ],
    },
  });
}

/** Plays the kubelet that starts the pods of a workload: waits for as many, and reports each as ready. */
export async function startPods(namespace: string, app: string, count = 1): Promise<KubernetesObject[]> {
  const pods = await newPods(namespace, app, count);
  for (const pod of pods) await reportPod(pod, true, { state: { running: { startedAt: new Date().toISOString() } } });
  return pods;
}

/** Waits for pods of a workload that no kubelet has started yet. */
export function newPods(namespace: string, app: string, count = 1): Promise<KubernetesObject[]> {
  const what = `${count} new pod(s) of ${namespace}/${app}`;
  const isNew = (pod: KubernetesObject): boolean => pod.status?.["containerStatuses"] === undefined;
  return eventually(
    what,
    90,
    async () => {
      const pods = (await podsOf(namespace, app)).filter(isNew);
      return pods.length >= count && pods;
    },
    150,
  );
}

/** Plays the kubelet that says in an event what is wrong with a pod. */
export async function reportEvent(pod: KubernetesObject, reason: string, message: string): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  await engine().api.create(`/api/v1/namespaces/${namespace}/events`, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.${reason.toLowerCase()}`, namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid },
    reason,
    message,
    type: "Warning",
    count: 1,
    source: { component: "kubelet" },
    firstTimestamp: now,
    lastTimestamp: now,
  });
}
