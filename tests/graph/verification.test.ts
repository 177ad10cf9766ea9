import * as assert from "node:assert/strict";
import { runProgram } from "./engine";
import { Graph, openText } from "./graph";
import { reveal } from "./providers";

/** Runs the program with these arguments in place of its own. */
async function graphOf(args: Record<string, unknown> = {}): Promise<Graph> {
  const run = await runProgram({
    program: "tests/graph/programs/verification.ts",
    config: { "test:args": JSON.stringify(args) },
  });
  return new Graph(run);
}

interface JobInputs {
  metadata: { name: string };
  spec: {
    backoffLimit: number;
    template: { spec: { containers: { command: string[]; image: string }[]; securityContext: { sysctls?: unknown } } };
  };
}

function jobOf(graph: Graph): JobInputs {
  const job = graph.objects.find(({ type }) => type === "kubernetes:batch/v1:Job");
  assert.ok(job, graph.run.text);
  return reveal(job.inputs) as unknown as JobInputs;
}

describe("the component that verifies a cloud", function () {
  this.timeout(120_000);
  let graph: Graph;

  before(async () => {
    graph = await graphOf();
  });

  it("is one job, that comes after what it reads and what lets it call", () => {
    assert.equal(graph.run.exitCode, 0, graph.run.text);
    assert.deepEqual(graph.objects.map(({ type }) => type.split(":").at(-1)).sort(), [
      "Job",
      "NetworkPolicy",
      "Secret",
    ]);
    const job = graph.objects.find(({ type }) => type.endsWith(":Job"));
    for (const other of graph.objects) if (job && other !== job) assert.ok(graph.precedes(other, job), other.name);
    const { spec } = jobOf(graph);
    assert.equal(spec.backoffLimit, 0);
    assert.match(spec.template.spec.containers[0]?.command.join(" ") ?? "", /verify\.py --guest-image guest$/);
    assert.deepEqual(spec.template.spec.securityContext.sysctls, [
      { name: "net.ipv4.ping_group_range", value: "0 2147483647" },
    ]);
  });

  it("has the credentials in the Secret, as a secret, and the CA where its pod has it", () => {
    for (const { inputs, name } of graph.objects) assert.doesNotMatch(openText(inputs), /secret-1/, name);
    const secret = graph.objects.find(({ type }) => type.endsWith(":Secret"));
    const text = JSON.stringify(reveal(secret?.inputs ?? {}));
    assert.match(text, /secret-1/);
    assert.match(text, /cacert: \/etc\/stratiform\/ca\/ca\.crt/);
    const { stringData } = reveal(secret?.inputs ?? {}) as { stringData: Record<string, string> };
    assert.deepEqual(Object.keys(stringData).sort(), ["clouds.yaml", "verify.py", "verify_steps.py"]);
  });

  it("runs anew when its arguments change or the release does, and else not", async () => {
    const name = (other: Graph) => jobOf(other).metadata.name;
    const same = name(graph);
    const [again, hosts, release] = await Promise.all([{}, { hosts: 2 }, { triggers: ["2025.1-2"] }].map(graphOf));
    assert.ok(again && hosts && release);
    assert.equal(name(again), same);
    assert.equal(new Set([same, name(hosts), name(release)]).size, 3);
    assert.match(jobOf(hosts).spec.template.spec.containers[0]?.command.join(" ") ?? "", /--hosts 2$/);
  });

  it("never uses the operator's own kubectl context", async () => {
    const { run } = await graphOf({ alone: true });
    assert.notEqual(run.exitCode, 0);
    assert.match(
      run.errors.join("\n") + run.text,
      /CloudVerification verification: has no Kubernetes provider; give it one/,
    );
  });
});
