import type { Lab } from "./handle";
import { plainTable } from "./report";

/** The strata that a stack can have, bottom up. */
export const strata = ["cluster", "platform", "backing", "openstack"] as const;
/** A stratum. */
export type Stratum = (typeof strata)[number];

/** Strata of components, by the type that stands in the URNs of their resources. */
const componentStrata: readonly (readonly [RegExp, Stratum])[] = [
  [/stratiform:index:(Galera|Memcached|RabbitMq|Ovn)\b/, "backing"],
  [/stratiform:index:(Authority|Edge)\b/, "platform"],
  [/stratiform:index:OpenStack(Cloud|Service)\b/, "openstack"],
  [/stratiform:index:(Kubeadm|Existing)Cluster\b/, "cluster"],
];

/** Strata of pods, by their label `app.kubernetes.io/name`; those of OpenStack's services are not named here. */
const podStrata: Readonly<Record<string, Stratum>> = {
  mariadb: "backing",
  memcached: "backing",
  rabbitmq: "backing",
  ovn: "backing",
  edge: "platform",
};

/** The stratum of a resource, by its URN; undefined for the stack itself and its providers. */
export function stratumOf(urn: string): Stratum | undefined {
  const types = urn.split("::")[2] ?? "";
  return componentStrata.find(([type]) => type.test(types))?.[1];
}

/** A pod, as far as the table looks at it. */
export interface PodState {
  metadata: { labels?: Record<string, string> };
  status?: { phase?: string; conditions?: { type: string; status: string }[] };
}

/** What runs in each stratum of a cloud, as `keystone api 2/2`: ready pods and all of them. Finished jobs are left out. */
export function runningByStratum(pods: readonly PodState[]): Partial<Record<Stratum, string>> {
  const counts = new Map<Stratum, Map<string, { ready: number; all: number }>>();
  for (const { metadata, status } of pods) {
    const service = metadata.labels?.["app.kubernetes.io/name"];
    if (service === undefined || status?.phase === "Succeeded" || status?.phase === "Failed") continue;
    const stratum = podStrata[service] ?? "openstack";
    const what = `${service} ${metadata.labels?.["app.kubernetes.io/component"] ?? ""}`.trim();
    const group = counts.get(stratum) ?? new Map<string, { ready: number; all: number }>();
    const count = group.get(what) ?? { ready: 0, all: 0 };
    const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
    group.set(what, { ready: count.ready + (ready ? 1 : 0), all: count.all + 1 });
    counts.set(stratum, group);
  }
  const text = (group: Map<string, { ready: number; all: number }>) =>
    [...group].map(([what, { ready, all }]) => `${what} ${ready}/${all}`).sort();
  return Object.fromEntries([...counts].map(([stratum, group]) => [stratum, text(group).join(", ")]));
}

/** Number of resources of each stratum in a stack's exported state. */
export function resourcesByStratum(state: string): Map<Stratum, number> {
  const { deployment } = JSON.parse(state) as { deployment?: { resources?: { urn: string }[] } };
  const counts = new Map<Stratum, number>();
  for (const { urn } of deployment?.resources ?? []) {
    const stratum = stratumOf(urn);
    if (stratum !== undefined) counts.set(stratum, (counts.get(stratum) ?? 0) + 1);
  }
  return counts;
}

/** Table of the strata of a lab's stack: what runs, and how many resources make it. */
export async function strataTable(lab: Lab, cluster: string): Promise<string> {
  const [state, pods] = await Promise.all([
    lab.pulumi(["stack", "export", "--stack", lab.stack]),
    lab.kubectl(["get", "pods", "-A", "-l", "app.kubernetes.io/part-of=stratiform", "-o", "json"]),
  ]);
  const counts = state.code === 0 ? resourcesByStratum(state.stdout) : new Map<Stratum, number>();
  const running = pods.code === 0 ? runningByStratum((JSON.parse(pods.stdout) as { items: PodState[] }).items) : {};
  const rows = strata
    .filter((stratum) => counts.has(stratum))
    .map((stratum) => {
      const what = stratum === "cluster" ? cluster : (running[stratum] ?? "");
      return [stratum, what, String(counts.get(stratum))];
    });
  return plainTable(["Stratum", "What runs", "Resources"], rows);
}
