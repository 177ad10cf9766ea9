import { type HostPod, hostPods, type NodeState } from "../components/openstack/pending-hosts";
import { UserError } from "../lab/error";
import type { Result } from "../lab/execute";

/** Runs kubectl to its end. */
export type Kubectl = (args: readonly string[], onOutput?: (text: string) => void) => Promise<Result>;

/** Where and how hosts are maintained. */
export interface Place {
  kubectl: Kubectl;
  /** Namespace of the cloud's pods on hosts. */
  namespace: string;
  /** Tells the user what is done. */
  say: (text: string) => void;
  /** Seconds between two looks. @default 2 */
  pause?: number;
}

/** Longest time, in seconds, that a replaced pod may take until it is ready: with an image that is to be pulled. */
const patience = 900;

/** nova-compute, beside which the program is that moves a host's servers. */
const compute = "nova-compute";
const program = "/etc/stratiform/scripts/compute-host.py";

/** What all pods of the hosts are like. @throws UserError if kubectl cannot say */
export async function nodePods(place: Place): Promise<HostPod[]> {
  const kinds = ["daemonsets", "controllerrevisions", "pods"];
  const args = ["--namespace", place.namespace, "get", kinds.join(","), "--output", "json"];
  const { code, stdout, stderr } = await place.kubectl(args);
  if (code !== 0) {
    throw new UserError(`kubectl cannot say what runs in ${place.namespace}: ${stderr.trim()}`);
  }
  const items = (JSON.parse(stdout) as { items: (NodeState["pods"][number] & { kind: string })[] }).items;
  const of = (kind: string) => items.filter((one) => one.kind === kind);
  return hostPods({ daemonSets: of("DaemonSet"), revisions: of("ControllerRevision"), pods: of("Pod") });
}

/**
 * Brings the data plane of a host to what the stack says, without a virtual machine noticing: takes a compute host out
 * of use, moves its servers elsewhere, replaces the pods that nobody else replaces, waits until all is well, and takes the
 * host into use again. On a gateway without servers it only replaces; floating IPs pause while Open vSwitch does. May be
 * run again after it was broken off at any point.
 *
 * @throws UserError with the names of servers that cannot be moved; the host is then in use as before
 */
export async function maintain(host: string, place: Place): Promise<void> {
  const before = (await nodePods(place)).filter((pod) => pod.host === host);
  if (before.length === 0) {
    const known = [...new Set((await nodePods(place)).map((pod) => pod.host))].sort();
    throw new UserError(`${host} is no host of ${place.namespace}; known are ${known.join(", ") || "none"}`);
  }
  // A host that only carries networks has no servers to move.
  const takesServers = before.some((pod) => pod.daemonSet === compute);
  if (takesServers) {
    await computeHost(host, "drain", place);
  }
  for (const pod of before.filter((one) => one.pending)) {
    place.say(`replacing ${pod.daemonSet} of ${host}`);
    const gone = await place.kubectl(["--namespace", place.namespace, "delete", "pod", pod.name, "--ignore-not-found"]);
    if (gone.code !== 0) {
      throw new UserError(
        `${host}: ${pod.name} could not be replaced: ${gone.stderr.trim()}; look at it, then run maintain again`,
      );
    }
    await until(place, `${host}: the new pod of ${pod.daemonSet} is not ready`, (pods) =>
      pods.some((one) => one.host === host && one.daemonSet === pod.daemonSet && one.ready && !one.pending),
    );
  }
  await until(place, `${host}: not all pods are ready and new`, (pods) => {
    const here = pods.filter((pod) => pod.host === host);
    return here.length > 0 && here.every((pod) => pod.ready && !pod.pending);
  });
  if (takesServers) {
    await computeHost(host, "enable", place);
  }
}

/** Runs the program beside nova-compute. @throws UserError with the last thing that it says, if it refuses */
async function computeHost(host: string, action: "drain" | "enable", place: Place): Promise<void> {
  const pod = (await nodePods(place)).find((one) => one.host === host && one.daemonSet === compute);
  const args = ["--namespace", place.namespace, "exec", pod?.name ?? compute, "--container", "compute", "--"];
  const result = await place.kubectl([...args, "python3", program, action], (text) => place.say(text.trimEnd()));
  if (result.code !== 0) {
    const said = result.stdout.trim().split("\n").at(-1);
    throw new UserError(said === undefined || said === "" ? `${host}: ${result.stderr.trim()}` : said);
  }
}

async function until(place: Place, complaint: string, holds: (pods: HostPod[]) => boolean): Promise<void> {
  const end = Date.now() + patience * 1000;
  while (!holds(await nodePods(place))) {
    if (Date.now() > end) {
      throw new UserError(
        `${complaint} after ${patience} s; run maintain again when it is: until then a compute host stays out of use`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, (place.pause ?? 2) * 1000));
  }
}
