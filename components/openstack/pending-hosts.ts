import { request } from "node:https";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { impliedServices } from "./services";

/** An object of Kubernetes, as far as it is read here. */
interface KubernetesObject {
  kind?: string;
  metadata: {
    name: string;
    uid: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
    ownerReferences?: { uid: string }[];
  };
  revision?: number;
  spec?: { nodeName?: string; updateStrategy?: { type?: string } };
  status?: { conditions?: { type: string; status: string }[] };
}

/** What there is in a cloud's node namespace. */
export interface NodeState {
  daemonSets: readonly KubernetesObject[];
  revisions: readonly KubernetesObject[];
  pods: readonly KubernetesObject[];
}

/** A pod on a host. */
export interface HostPod {
  name: string;
  host: string;
  /** DaemonSet that it belongs to. */
  daemonSet: string;
  ready: boolean;
  /** It is of an older template than its DaemonSet's, which replaces no pod by itself. */
  pending: boolean;
}

/** Label by which Kubernetes says of which template a pod is. */
const hashLabel = "controller-revision-hash";

/** The pods of all DaemonSets, with whether each is still to be replaced. Those that are ending are left out. */
export function hostPods({ daemonSets, revisions, pods }: NodeState): HostPod[] {
  const owns = (owner: KubernetesObject, one: KubernetesObject): boolean =>
    one.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) ?? false;
  return daemonSets.flatMap((set) => {
    const newest = revisions
      .filter((one) => owns(set, one))
      .reduce<KubernetesObject | undefined>(
        (best, one) => ((one.revision ?? 0) > (best?.revision ?? -1) ? one : best),
        undefined,
      );
    const onDelete = set.spec?.updateStrategy?.type === "OnDelete";
    return pods
      .filter((pod) => owns(set, pod) && pod.metadata.deletionTimestamp === undefined)
      .map((pod) => ({
        name: pod.metadata.name,
        host: pod.spec?.nodeName ?? "",
        daemonSet: set.metadata.name,
        ready: pod.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ?? false,
        pending: onDelete && newest?.metadata.labels?.[hashLabel] !== pod.metadata.labels?.[hashLabel],
      }));
  });
}

/** Hosts with pods that node maintenance is still to replace, by name. */
export function pendingHostNames(state: NodeState): string[] {
  return [
    ...new Set(
      hostPods(state)
        .filter((pod) => pod.pending)
        .map((pod) => pod.host),
    ),
  ].sort();
}

/** Longest wait for an answer of the API, in ms. */
const patience = 10_000;

interface Kubeconfig {
  clusters: {
    name: string;
    cluster: { server: string; "certificate-authority-data"?: string; "tls-server-name"?: string };
  }[];
  users: { name: string; user: { "client-certificate-data"?: string; "client-key-data"?: string } }[];
  contexts: { name: string; context: { cluster: string; user: string } }[];
  "current-context": string;
}

/** Asks the API of a kubeconfig's cluster for a list. */
async function list(kubeconfig: string, path: string): Promise<KubernetesObject[]> {
  const config = parse(kubeconfig) as Kubeconfig;
  const context = config.contexts.find((one) => one.name === config["current-context"])?.context;
  const cluster = config.clusters.find((one) => one.name === context?.cluster)?.cluster;
  const user = config.users.find((one) => one.name === context?.user)?.user;
  const plain = (data: string | undefined): Buffer | undefined =>
    data === undefined ? undefined : Buffer.from(data, "base64");
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, cluster?.server),
      {
        ca: plain(cluster?.["certificate-authority-data"]),
        cert: plain(user?.["client-certificate-data"]),
        key: plain(user?.["client-key-data"]),
        servername: cluster?.["tls-server-name"],
        timeout: patience,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
        });
        response.on("end", () =>
          response.statusCode === 200
            ? resolve((JSON.parse(text) as { items: KubernetesObject[] }).items)
            : reject(new Error(`the API answers ${response.statusCode} to ${path}`)),
        );
      },
    );
    call.on("timeout", () => call.destroy(new Error(`the API does not answer within ${patience / 1000} s`)));
    call.on("error", reject);
    call.end();
  });
}

/**
 * Names of the hosts on which pods of the data plane (libvirt, Open vSwitch, OVN's controller) are older than what the
 * stack says: `npm run node -- maintain NAME` replaces them. Asked when `done` is there, in an `up` only; a preview has
 * nothing to say of it.
 * @param kubeconfig credentials of the cluster's administrator, with a certificate
 * @param cloud its name, and the services named in its arguments
 */
export function pendingHosts(
  kubeconfig: pulumi.Output<string>,
  cloud: { name: string; services: readonly string[] },
  done: pulumi.Output<unknown>,
): pulumi.Output<string[] | undefined> {
  if (!cloud.services.some((name) => impliedServices[name] !== undefined)) {
    return pulumi.output([]);
  }
  if (pulumi.runtime.isDryRun()) {
    return pulumi.output(undefined);
  }
  const namespace = `namespaces/${cloud.name}-node`;
  return pulumi.unsecret(
    pulumi.all([kubeconfig, done]).apply(async ([credentials]): Promise<string[] | undefined> => {
      try {
        const [daemonSets, revisions, pods] = await Promise.all([
          list(credentials, `/apis/apps/v1/${namespace}/daemonsets`),
          list(credentials, `/apis/apps/v1/${namespace}/controllerrevisions`),
          list(credentials, `/api/v1/${namespace}/pods`),
        ]);
        return pendingHostNames({ daemonSets, revisions, pods });
      } catch (error) {
        await pulumi.log.warn(`pendingHosts: not known: ${(error as Error).message}; look by npm run node -- pending`);
        return undefined;
      }
    }),
  );
}
