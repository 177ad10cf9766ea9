import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { UserError } from "./error";
import type { Lab, StackCluster } from "./lab";
import type { Reporter } from "./toolchain/index";

const name = "stratiform-check";
const port = 8080;
/** How long until every pod must have answered through the Service, in milliseconds. */
const limit = 90_000;
/** Calls in one round; each reaches one pod by chance, so few nodes need few rounds. */
const callsPerRound = 30;

/** The Kubernetes objects of the check: one web server on each node that takes pods, and a Service in front. */
export function checkManifest(image: string): string {
  const labels = { app: name };
  const serve = `mkdir -p /tmp/www && echo "$NODE" > /tmp/www/index.html && exec httpd -f -p ${port} -h /tmp/www`;
  const container = {
    name: "httpd",
    image,
    command: ["sh", "-c", serve],
    env: [{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
  };
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name } },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name, namespace: name },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [container], terminationGracePeriodSeconds: 0, automountServiceAccountToken: false },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: name },
      spec: { selector: labels, ports: [{ port: 80, targetPort: port }] },
    },
  ];
  return objects.map((object) => stringify(object)).join("---\n");
}

/** The image with a web server, as the stack file's image mirror has it. */
async function checkImage(lab: Lab): Promise<string> {
  const file = parse(await readFile(lab.stackFile, "utf8")) as { config?: Record<string, StackCluster> };
  const mirror = file.config?.["stratiform:cluster"]?.imageMirror;
  const tag = mirror?.tags?.busybox ?? "1.37";
  return mirror === undefined ? `busybox:${tag}` : `${mirror.registry}/busybox:${tag}`;
}

async function must(lab: Lab, args: string[], input?: string): Promise<string> {
  const result = await lab.kubectl(args, input === undefined ? {} : { input });
  if (result.code !== 0) throw new UserError(`kubectl ${args.join(" ")}: ${result.stderr.trim()}`);
  return result.stdout.trim();
}

/**
 * Checks that a pod on every worker answers through a Service, by its name. What it makes, it removes.
 * @returns the nodes whose pods answered
 * @throws UserError that names the nodes that did not, with the pods' state
 */
export async function checkCluster(lab: Lab, report: Reporter): Promise<string[]> {
  return report.phase("Check: a pod on each worker answers through a Service", async (progress) => {
    try {
      await must(lab, ["apply", "-f", "-"], checkManifest(await checkImage(lab)));
      progress("waits for the pods");
      await must(lab, ["-n", name, "rollout", "status", `daemonset/${name}`, `--timeout=${limit / 1000}s`]).catch(
        async (error: Error) => {
          throw new UserError(`${error.message}\n${await podStates(lab)}`);
        },
      );
      return await collectAnswers(lab, progress);
    } finally {
      progress("removes what it made");
      await lab.kubectl(["delete", "namespace", name, "--ignore-not-found", "--timeout=60s"]);
    }
  });
}

async function collectAnswers(lab: Lab, progress: (line: string) => void): Promise<string[]> {
  const fields = [
    "-n",
    name,
    "get",
    "pods",
    "-o",
    'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\\n"}{end}',
  ];
  const pods = (await must(lab, fields)).split("\n").map((line) => line.split(" "));
  const nodes = pods.map(([, node = ""]) => node).sort();
  const client = pods[0]?.[0];
  if (client === undefined)
    throw new UserError("no node of the cluster takes pods; look further: npm run kubectl -- get nodes");
  const url = `http://${name}.${name}.svc.cluster.local/`;
  // Not wget -T: that of Debian's busybox 1.35 crashes.
  const calls = `i=0; while [ $i -lt ${callsPerRound} ]; do timeout 2 wget -q -O - ${url}; i=$((i+1)); done; true`;
  const answered = new Set<string>();
  const end = Date.now() + limit;
  for (;;) {
    const round = await lab.kubectl(["-n", name, "exec", client, "--", "sh", "-c", calls]);
    for (const line of round.stdout.split("\n")) if (nodes.includes(line.trim())) answered.add(line.trim());
    const silent = nodes.filter((node) => !answered.has(node));
    if (silent.length === 0) return nodes;
    if (Date.now() > end) {
      const why = `the pods on ${silent.join(", ")} did not answer through the Service within ${limit / 1000} s`;
      throw new UserError(`${why}: ${round.stderr.trim().split("\n").at(-1)}\n${await podStates(lab)}`);
    }
    progress(`still silent: ${silent.join(", ")}`);
    await sleep(500);
  }
}

async function podStates(lab: Lab): Promise<string> {
  const pods = await lab.kubectl(["-n", name, "get", "pods", "-o", "wide"]);
  const events = await lab.kubectl(["-n", name, "get", "events", "--field-selector", "type=Warning", "--no-headers"]);
  const last = events.stdout.trim().split("\n").slice(-5).join("\n");
  return `${pods.stdout.trim()}\n${last}`.trim();
}
