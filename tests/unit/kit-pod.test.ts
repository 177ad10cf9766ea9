import * as assert from "node:assert/strict";
import { type ContainerPlan, exceptions, type PodPlan, podSpec } from "../../components/kit/pod";
import { exec, http } from "../../components/kit/probes";
import { uwsgiIni } from "../../components/kit/uwsgi";
import { volume } from "../../components/kit/volumes";
import {
  deploymentSpec,
  disruptionBudget,
  exceptionAnnotation,
  jobSpec,
  podTemplate,
  serviceSpec,
} from "../../components/kit/workload";

const api: ContainerPlan = { name: "api", image: "registry/keystone@sha256:0", command: ["uwsgi", "--ini", "/u.ini"] };
const pod: PodPlan = { uid: 42425, gid: 42425, containers: [api] };

/** What a pod's specification holds, as JSON: no value here is an output. */
// biome-ignore lint/suspicious/noExplicitAny: a rendered object of any shape
function rendered(value: unknown): any {
  return JSON.parse(JSON.stringify(value));
}
const first = (plan: Partial<ContainerPlan>, more: Partial<PodPlan> = {}) =>
  rendered(podSpec({ ...pod, ...more, containers: [{ ...api, ...plan }] })).containers[0];

describe("kit: pods", () => {
  it("makes a pod that Pod Security restricted admits", () => {
    assert.deepEqual(rendered(podSpec(pod)), {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 42425,
        runAsGroup: 42425,
        fsGroup: 42425,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      terminationGracePeriodSeconds: 30,
      containers: [
        {
          name: "api",
          image: "registry/keystone@sha256:0",
          command: ["uwsgi", "--ini", "/u.ini"],
          env: [
            { name: "LC_ALL", value: "C.UTF-8" },
            { name: "HOME", value: "/tmp" },
            { name: "PYTHONUNBUFFERED", value: "1" },
          ],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
        },
      ],
      volumes: [{ name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } }],
    });
  });

  it("asks a port whether it is open, unless told otherwise, and never before the start is over", () => {
    const container = first({ port: 5000, readiness: http("/healthcheck"), startupSeconds: 60 });
    assert.deepEqual(container.readinessProbe.httpGet, { path: "/healthcheck", port: 5000 });
    assert.equal(container.readinessProbe.periodSeconds, 2);
    assert.deepEqual(container.livenessProbe, {
      tcpSocket: { port: 5000 },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 3,
    });
    assert.deepEqual(
      [container.startupProbe.tcpSocket, container.startupProbe.periodSeconds, container.startupProbe.failureThreshold],
      [{ port: 5000 }, 1, 60],
    );
    assert.deepEqual(container.ports, [{ containerPort: 5000, protocol: "TCP" }]);
    assert.deepEqual(first({ liveness: exec("true") }).livenessProbe.exec, { command: ["true"] });
    assert.equal(first({}).readinessProbe, undefined);
    assert.throws(() => first({ readiness: http("/") }), /container api: has a probe of its port, but no port/);
  });

  it("runs a command often until it goes well, and rarely afterwards, where it is the same command", () => {
    const periods = (more: Partial<ContainerPlan>): unknown[] => {
      const { startupProbe, readinessProbe } = first(more);
      return [startupProbe.periodSeconds, startupProbe.failureThreshold, readinessProbe.periodSeconds];
    };
    assert.deepEqual(periods({ readiness: exec("true"), startupSeconds: 61 }), [2, 31, 30]);
    assert.deepEqual(periods({ readiness: exec("true") }), [2, 150, 30]);
    assert.deepEqual(periods({ readiness: exec("true"), liveness: exec("true") }), [2, 150, 30]);
    assert.deepEqual(periods({ readiness: exec("true"), liveness: exec("false") }), [2, 150, 4]);
    assert.equal(first({ liveness: exec("true") }).livenessProbe.periodSeconds, 30);
  });

  it("pauses before it stops, and has time for both", () => {
    const plan = { ...pod, containers: [{ ...api, port: 5000 }], stopPause: 15, gracePeriod: 40 };
    const spec = rendered(podSpec(plan));
    assert.equal(spec.terminationGracePeriodSeconds, 55);
    assert.deepEqual(spec.containers[0].lifecycle, { preStop: { sleep: { seconds: 15 } } });
    assert.equal(first({}, { stopPause: 15 }).lifecycle, undefined, "nobody calls a process without a port");
    assert.equal(first({ port: 1 }, { stopPause: 0 }).lifecycle, undefined, "Kubernetes refuses a pause of 0");
  });

  it("gives init containers no probes and no pause", () => {
    const spec = rendered(podSpec({ ...pod, stopPause: 5, initContainers: [{ ...api, name: "init", port: 5000 }] }));
    const keys = Object.keys(spec.initContainers[0]);
    assert.deepEqual(
      keys.filter((key) => /Probe|lifecycle/.test(key)),
      [],
    );
    assert.deepEqual(spec.initContainers[0].securityContext, spec.containers[0].securityContext);
  });

  it("mounts volumes and scratch directories", () => {
    const spec = rendered(
      podSpec({
        ...pod,
        scratch: ["/run/mysqld", { path: "/var/lib/glance", size: "10Gi", disk: true }],
        volumes: {
          config: { kind: "configMap", name: "config-1" },
          data: { kind: "claim", name: "data" },
          keys: { kind: "secret", name: "keys" },
        },
        containers: [
          {
            ...api,
            mounts: [
              { volume: "config", path: "/etc/keystone" },
              { volume: "data", path: "/var/lib/mysql" },
              { volume: "keys", path: "/keys/0", subPath: "0" },
            ],
          },
        ],
      }),
    );
    assert.deepEqual(spec.containers[0].volumeMounts, [
      { name: "tmp", mountPath: "/tmp" },
      { name: "run-mysqld", mountPath: "/run/mysqld" },
      { name: "var-lib-glance", mountPath: "/var/lib/glance" },
      { name: "config", mountPath: "/etc/keystone", readOnly: true },
      { name: "data", mountPath: "/var/lib/mysql" },
      { name: "keys", mountPath: "/keys/0", subPath: "0", readOnly: true },
    ]);
    assert.deepEqual(spec.volumes[1], { name: "run-mysqld", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } });
    assert.deepEqual(spec.volumes[2], { name: "var-lib-glance", emptyDir: { sizeLimit: "10Gi" } });
    assert.deepEqual(spec.volumes[3], { name: "config", configMap: { name: "config-1", defaultMode: 0o444 } });
    assert.throws(() => first({ mounts: [{ volume: "conf", path: "/x" }] }), /mounts conf, which is no volume/);
  });

  it("makes every kind of volume", () => {
    assert.deepEqual(rendered(volume({ kind: "secret", name: "s", items: { a: "b" } })), {
      secret: { secretName: "s", defaultMode: 0o440, items: [{ key: "a", path: "b" }] },
    });
    assert.deepEqual(rendered(volume({ kind: "configMap", name: "c", mode: 0o555 })), {
      configMap: { name: "c", defaultMode: 0o555 },
    });
    const sources = [
      { kind: "configMap", name: "c" },
      { kind: "secret", name: "s", items: { k: "p" } },
    ] as const;
    assert.deepEqual(rendered(volume({ kind: "projected", sources })), {
      projected: {
        defaultMode: 0o440,
        sources: [{ configMap: { name: "c" } }, { secret: { name: "s", items: [{ key: "k", path: "p" }] } }],
      },
    });
    assert.deepEqual(rendered(volume({ kind: "claim", name: "p" })), { persistentVolumeClaim: { claimName: "p" } });
    assert.deepEqual(rendered(volume({ kind: "emptyDir" })), { emptyDir: {} });
  });

  it("asks for CPU and memory, and limits memory alone", () => {
    assert.deepEqual(first({ size: { cpu: "1", memory: "1Gi", memoryLimit: "2Gi" } }).resources, {
      requests: { cpu: "1", memory: "1Gi" },
      limits: { memory: "2Gi" },
    });
    assert.deepEqual(first({ size: { cpu: "1", memory: "1Gi" } }).resources, { requests: { cpu: "1", memory: "1Gi" } });
  });

  it("sets variables, the common ones too", () => {
    const fields = { POD_NAME: "metadata.name" };
    const env: { name: string }[] = first({ env: { HOME: "/x", A: "$(POD_NAME)" }, fields }).env;
    // Kubernetes fills in only what stands before.
    assert.deepEqual(env, [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "LC_ALL", value: "C.UTF-8" },
      { name: "HOME", value: "/x" },
      { name: "PYTHONUNBUFFERED", value: "1" },
      { name: "A", value: "$(POD_NAME)" },
    ]);
  });

  it("spreads quorum sets strictly, others as well as it can", () => {
    const selector = { a: "b" };
    const [loose] = rendered(podSpec({ ...pod, spread: { selector, perTemplate: true } })).topologySpreadConstraints;
    assert.deepEqual(loose, {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      nodeTaintsPolicy: "Honor",
      labelSelector: { matchLabels: selector },
      matchLabelKeys: ["pod-template-hash"],
    });
    const [strict] = rendered(podSpec({ ...pod, spread: { selector, strict: true } })).topologySpreadConstraints;
    assert.equal(strict.whenUnsatisfiable, "DoNotSchedule");
    assert.equal(strict.matchLabelKeys, undefined);
  });

  it("does more than restricted only with a reason, which the pod carries", () => {
    const plan: PodPlan = {
      ...pod,
      hostNetwork: { reason: "holds the endpoint address" },
      containers: [
        { ...api, exception: { root: true, capabilities: ["NET_ADMIN"], reason: "sets addresses" } },
        { ...api, name: "other" },
        { ...api, name: "all", exception: { privileged: true, writableRoot: true, reason: "devices" } },
      ],
    };
    const notes = [
      "host network: holds the endpoint address",
      "api: root, NET_ADMIN: sets addresses",
      "all: privileged, writable root file system: devices",
    ];
    assert.deepEqual(exceptions(plan), notes);
    assert.deepEqual(exceptions(pod), []);
    const template = rendered(podTemplate({ a: "b" }, plan, { hash: "1" }));
    assert.deepEqual(template.metadata.annotations, { hash: "1", [exceptionAnnotation]: notes.join("\n") });
    const { spec } = template;
    assert.deepEqual([spec.hostNetwork, spec.dnsPolicy], [true, "ClusterFirstWithHostNet"]);
    assert.deepEqual(spec.containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: false,
      runAsUser: 0,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
    });
    assert.deepEqual(spec.containers[1].securityContext.capabilities, { drop: ["ALL"] });
    assert.equal(spec.containers[2].securityContext.privileged, true);
    assert.equal(spec.containers[2].securityContext.readOnlyRootFilesystem, false);
  });

  it("places and names as told", () => {
    const hostAliases = [{ ip: "10.20.0.5", hostnames: ["cloud.example"] }];
    const spec = rendered(
      podSpec({ ...pod, hostAliases, nodeSelector: { a: "b" }, tolerations: [{ key: "k" }], serviceAccount: "s" }),
    );
    assert.deepEqual(
      [spec.hostAliases, spec.nodeSelector, spec.tolerations, spec.serviceAccountName],
      [hostAliases, { a: "b" }, [{ key: "k" }], "s"],
    );
  });
});

describe("kit: workloads", () => {
  it("goes where pods of the same image run, if it may, beside where it must", () => {
    const { affinity } = rendered(podSpec({ ...pod, near: { app: "mariadb" }, anyNodeLabel: ["a"] }));
    assert.ok(affinity.nodeAffinity);
    assert.deepEqual(affinity.podAffinity, {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            labelSelector: { matchLabels: { app: "mariadb" } },
            topologyKey: "kubernetes.io/hostname",
          },
        },
      ],
    });
    assert.equal(podSpec(pod).affinity, undefined);
  });

  it("rolls a Deployment without a gap", () => {
    const spec = rendered(
      deploymentSpec({
        labels: { a: "b", c: "d" },
        selector: { a: "b" },
        replicas: 2,
        pod,
        annotations: { e: "f" },
        minReady: 3,
      }),
    );
    const { template, ...rest } = spec;
    assert.deepEqual(rest, {
      replicas: 2,
      selector: { matchLabels: { a: "b" } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: 600,
      minReadySeconds: 3,
    });
    assert.deepEqual(template.metadata, { labels: { a: "b", c: "d" }, annotations: { e: "f" } });
    assert.deepEqual(template.spec, rendered(podSpec(pod)));
  });

  it("keeps a job's failed pods and the job", () => {
    const spec = rendered(jobSpec({ a: "b" }, pod));
    assert.equal(spec.backoffLimit, 6);
    assert.equal(spec.template.spec.restartPolicy, "Never");
    assert.deepEqual(spec.template.metadata, { labels: { a: "b" } });
    assert.deepEqual(Object.keys(spec).sort(), ["backoffLimit", "template"]);
  });

  it("lets one pod be moved at a time", () => {
    assert.deepEqual(disruptionBudget({ a: "b" }), {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: { a: "b" } },
    });
  });

  it("makes Services with and without an address", () => {
    assert.deepEqual(serviceSpec({ selector: { a: "b" }, ports: { mysql: 3306 } }), {
      type: "ClusterIP",
      selector: { a: "b" },
      ports: [{ name: "mysql", port: 3306, targetPort: 3306, protocol: "TCP" }],
    });
    const headless = rendered(serviceSpec({ selector: {}, ports: {}, headless: true, publishNotReady: true }));
    assert.deepEqual([headless.clusterIP, headless.publishNotReadyAddresses], ["None", true]);
  });
});

describe("kit: uwsgi", () => {
  it("runs an application that ends its requests before it ends", () => {
    const text = uwsgiIni({
      port: 5000,
      application: "module=keystone.wsgi.api:application",
      workers: 3,
      extra: ["start-time = %t"],
    });
    const lines = text.split("\n");
    assert.equal(lines[0], "[uwsgi]");
    for (const line of [
      "http-socket = 0.0.0.0:5000",
      "module=keystone.wsgi.api:application",
      "processes = 3",
      "need-app = true",
      "die-on-term = true",
      "hook-master-start = unix_signal:15 gracefully_kill_them_all",
      "worker-reload-mercy = 20",
      "add-header = Connection: close",
      "start-time = %t",
    ]) {
      assert.ok(lines.includes(line), line);
    }
    assert.ok(text.endsWith("start-time = %t\n"));
    assert.throws(() => uwsgiIni({ port: 1, application: "a", workers: 1, extra: ["a\nb"] }), /holds a line break/);
  });
});
