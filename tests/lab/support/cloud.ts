import * as assert from "node:assert/strict";
import { parse } from "yaml";
import { imageReference } from "../../../components/kit/release";
import { readReleaseFile } from "../../../images/release-file";
import { coreServices, labUp, type StackCloud } from "../../../lab/lab";
import { TerminalReporter } from "../../../lab/report";
import { type Answer, Identity, type Request, send } from "./cloud-requests";
import type { KubernetesObject } from "./objects";
import type { Operation } from "./operations";
import type { CloudAccess } from "./servers";
import { type Site, textOf } from "./site";
import { eventually } from "./wait";

/** Namespace of the lab's cloud, and name of the cloud. */
export const space = "openstack";
/** Namespace of its pods that need more of their host. */
export const nodeSpace = `${space}-node`;

/** Seconds from which on `well` says what came last: more than a cut of all power has taken but once. */
const longWait = 150;

/** The stack's outputs about the cloud. */
export interface CloudOutputs {
  "clouds.yaml": string;
  caCertificate: string;
  endpoint: string;
  endpoints: { service: string; type: string; publicUrl: string; internalUrl: string }[];
  region: string;
}

interface CloudsYaml {
  clouds: Record<
    string,
    { auth: { auth_url: string; username: string; password: string; project_name: string }; cacert: string }
  >;
}

/** A pod as it is now. */
export interface PodFacts {
  namespace: string;
  name: string;
  uid: string;
  node: string;
  ip: string;
  labels: Record<string, string>;
  /** Ready, and not about to go. */
  ready: boolean;
  /** About to go. */
  leaving: boolean;
  /** Starts of its containers after their first ones. */
  restarts: number;
  /** Containers' identifiers at the runtime. */
  containers: string[];
}

interface PodObject {
  metadata: {
    namespace: string;
    name: string;
    uid: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
  };
  spec: { nodeName?: string };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number; containerID?: string }[];
  };
}

interface Workload {
  kind: string;
  metadata: { namespace: string; name: string };
  spec: { replicas?: number; selector: { matchLabels: Record<string, string> } };
  status: { desiredNumberScheduled?: number };
}

/** Keystone as the user of a cloud of a `clouds.yaml` sees it, given the certificate of the endpoints' CA. */
export function identityOf(text: string, cloud: string, ca: string): Identity {
  const entry = (parse(text) as CloudsYaml).clouds[cloud];
  assert.ok(entry, `clouds.yaml has no cloud ${cloud}`);
  const { auth_url: authUrl, username, password, project_name: project } = entry.auth;
  return new Identity({ authUrl, ca, username, password, project });
}

/** A cloud that is there, with what tests do on it. */
export class Cloud implements CloudAccess {
  readonly site: Site;
  readonly outputs: CloudOutputs;
  /** Keystone as the administrator sees it, at the public endpoint. */
  readonly admin: Identity;

  private constructor(site: Site, outputs: CloudOutputs) {
    this.site = site;
    this.outputs = outputs;
    this.admin = identityOf(outputs["clouds.yaml"], space, outputs.caCertificate);
  }

  /** The cloud of a stack that was brought up. */
  static async open(site: Site): Promise<Cloud> {
    const outputs = await outputsOf(site);
    assert.ok(outputs?.["clouds.yaml"], "the stack has no output clouds.yaml: it has no cloud");
    return new Cloud(site, outputs as CloudOutputs);
  }

  endpoint(type: string): Promise<string> {
    const found = this.outputs.endpoints.find((one) => one.type === type);
    assert.ok(found, `the outputs have no endpoint of ${type}`);
    return Promise.resolve(found.publicUrl);
  }

  send(request: Request): Promise<Answer> {
    return send(request);
  }

  async found<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    return (await look()) ?? assert.fail(`there is no ${what}`);
  }

  /** Keystone as another user sees it. */
  as(username: string, password: string, project: string): Identity {
    return new Identity({ ...this.admin.credentials, username, password, project });
  }

  /** Reference, by digest, of an image of the release. */
  async image(name: string): Promise<string> {
    const cloud = this.site.stack.config["stratiform:cloud"] as StackCloud;
    const registry = cloud.registry ?? this.site.cluster.imageMirror.registry;
    return imageReference(await readReleaseFile(cloud.release), registry, name);
  }

  /** All pods that have not run to their end, of a service and process or of all. */
  async pods(service?: string, process?: string): Promise<PodFacts[]> {
    const found = await Promise.all([space, nodeSpace].map((namespace) => this.#list<PodObject>(namespace, "pods")));
    return found
      .flat()
      .filter(({ status }) => status.phase !== "Succeeded" && status.phase !== "Failed")
      .map(factsOf)
      .filter(
        ({ labels }) =>
          (service === undefined || labels["app.kubernetes.io/name"] === service) &&
          (process === undefined || labels["app.kubernetes.io/component"] === process),
      );
  }

  /** UIDs of all pods, of finished jobs too, by name. */
  async uids(): Promise<Map<string, string>> {
    const found = await Promise.all([space, nodeSpace].map((namespace) => this.#list<PodObject>(namespace, "pods")));
    return new Map(found.flat().map(({ metadata }) => [metadata.name, metadata.uid]));
  }

  /**
   * Fails unless every workload has all its pods ready, and none of them is one of these.
   *
   * @param gone UIDs of pods that are to be replaced. @default none
   */
  async assertReady(gone: ReadonlySet<string> = new Set()): Promise<void> {
    assert.deepEqual(await this.#lacking(gone), []);
  }

  /** Workloads that lack ready pods, in words. */
  async #lacking(gone: ReadonlySet<string>): Promise<string[]> {
    const kinds = "deployments.apps,statefulsets.apps,daemonsets.apps";
    const lists = await Promise.all([space, nodeSpace].map((namespace) => this.#list<Workload>(namespace, kinds)));
    const pods = await this.pods();
    const workloads = lists.flat();
    assert.ok(workloads.length >= 5, `the cloud has ${workloads.length} workloads only`);
    return workloads.flatMap(({ kind, metadata, spec, status }) => {
      const wanted = kind === "DaemonSet" ? (status.desiredNumberScheduled ?? 1) : (spec.replicas ?? 1);
      const ready = pods.filter(
        (pod) =>
          pod.namespace === metadata.namespace &&
          pod.ready &&
          !gone.has(pod.uid) &&
          Object.entries(spec.selector.matchLabels).every(([key, value]) => pod.labels[key] === value),
      ).length;
      return ready === wanted ? [] : [`${kind} ${metadata.name}: ${ready} of ${wanted} pods are ready`];
    });
  }

  /**
   * Waits until every workload has all its pods and the administrator gets a token. Returns the seconds until both were so;
   * says what came last, where that was long.
   */
  async well(limit: number, gone: ReadonlySet<string> = new Set()): Promise<number> {
    const begin = Date.now();
    let last = "";
    await eventually(
      "the cloud's pods to be ready",
      limit,
      async () => {
        const lacking = await this.#lacking(gone);
        last = lacking.join("; ") || last;
        assert.deepEqual(lacking, []);
        return true;
      },
      500,
    );
    const ready = (Date.now() - begin) / 1000;
    await eventually("a token", limit, () => this.admin.token(), 500);
    if (ready > longWait) console.log(`      what came last, after ${ready.toFixed(1)} s: ${last}`);
    return (Date.now() - begin) / 1000;
  }

  /** Deletes pods as `kubectl delete pod` does, and waits for nothing. */
  async deletePods(pods: readonly PodFacts[]): Promise<void> {
    for (const namespace of new Set(pods.map((pod) => pod.namespace))) {
      const names = pods.filter((pod) => pod.namespace === namespace).map(({ name }) => name);
      await this.site.kubectl("-n", namespace, "delete", "pod", ...names, "--wait=false");
    }
  }

  async #list<Item>(namespace: string, kinds: string): Promise<Item[]> {
    const text = await this.site.kubectl("-n", namespace, "get", kinds, "--output", "json");
    return (JSON.parse(text) as { items: Item[] }).items;
  }
}

function factsOf({ metadata, spec, status }: PodObject): PodFacts {
  const containers = status.containerStatuses ?? [];
  const leaving = metadata.deletionTimestamp !== undefined;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? "",
    ip: status.podIP ?? "",
    labels: metadata.labels ?? {},
    ready: !leaving && (status.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True"),
    leaving,
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    containers: containers.map(({ containerID }) => (containerID ?? "").replace(/^containerd:\/\//, "")),
  };
}

async function outputsOf(site: Site): Promise<Partial<CloudOutputs> | undefined> {
  const text = await site.pulumi(["stack", "output", "--json", "--show-secrets"]);
  return text.code === 0 ? (JSON.parse(text.stdout) as Partial<CloudOutputs>) : undefined;
}

/** Brings cluster and cloud up unless they are: each file can be run alone. */
export async function cloudDeployed(site: Site): Promise<Cloud> {
  if (site.stack.config["stratiform:cloud"] === undefined) {
    const wish = { name: site.lab.name, cloud: true, services: ["keystone"] };
    site.lab = await labUp(wish, new TerminalReporter());
  }
  if ((await outputsOf(site))?.["clouds.yaml"] === undefined) {
    await site.up();
  }
  return Cloud.open(site);
}

/** The same with all services that virtual machines need. */
export async function coreDeployed(site: Site): Promise<Cloud> {
  if (site.stack.config["stratiform:cloud"] === undefined) {
    site.lab = await labUp({ name: site.lab.name, cloud: true }, new TerminalReporter());
  }
  const { services } = site.stack.config["stratiform:cloud"] as StackCloud;
  const all = coreServices.every((service) => services.includes(service));
  if (!all) {
    await site.lab.editCloud((section) => ({ ...section, services: [...coreServices] }));
  }
  if (!all || (await outputsOf(site))?.["clouds.yaml"] === undefined) {
    await site.up();
  }
  return Cloud.open(site);
}

/** What `pulumi preview` would do to resources, as `<operation> <kind> <name>`; a replacement is one operation. */
export async function plannedResources(site: Site): Promise<string[]> {
  const result = await site.pulumi(["preview", "--json"]);
  assert.equal(result.code, 0, textOf(result).slice(-3000));
  const { steps } = JSON.parse(result.stdout.slice(result.stdout.indexOf("{"))) as {
    steps?: { op: Operation["op"]; urn: string }[];
  };
  const changes = (steps ?? [])
    .filter(
      ({ op, urn }) =>
        !["same", "read", "refresh"].includes(op) && !/::stratiform:index:|pulumi:Stack/.test(typeOf(urn)),
    )
    .map(({ op, urn }) => {
      const kind = typeOf(urn).split(":").pop();
      return `${/replace/.test(op) ? "replace" : op} ${kind} ${urn.slice(urn.lastIndexOf("::") + 2)}`;
    });
  return [...new Set(changes)].sort();
}

/** Type of a resource, without those of its parents, with `::` in front. */
function typeOf(urn: string): string {
  const types = urn.split("::")[2] ?? "";
  return `::${types.slice(types.lastIndexOf("$") + 1)}`;
}

/** URNs and types of the stack's resources. */
export async function stackResources(site: Site): Promise<{ urn: string; type: string }[]> {
  const { stdout } = await site.pulumi(["stack", "export"]);
  const state = JSON.parse(stdout) as { deployment: { resources?: { urn: string; type: string }[] } };
  return state.deployment.resources ?? [];
}

/** A pod that may stand in the cloud's namespace: it has Python, and waits. */
export function clientPod(
  name: string,
  options: { namespace: string; image: string; labels?: Record<string, string>; neverReady?: boolean },
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: options.namespace, labels: { "test.stratiform.dev/pod": name, ...options.labels } },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 42400,
        runAsGroup: 42400,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "main",
          image: options.image,
          command: ["python3", "-c", "import time; time.sleep(36000)"],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          ...(options.neverReady
            ? { readinessProbe: { exec: { command: ["python3", "-c", "raise SystemExit(1)"] }, periodSeconds: 60 } }
            : {}),
        },
      ],
    },
  };
}
