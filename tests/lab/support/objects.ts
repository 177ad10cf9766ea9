/** A Kubernetes object as `kubectl apply` takes it. */
export interface KubernetesObject {
  /** API version. */
  apiVersion: string;
  /** Kind. */
  kind: string;
  /** Name, namespace and labels. */
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  /** What depends on the kind. */
  [field: string]: unknown;
}

/** What a test pod is. */
export interface PodOptions {
  /** Image with busybox. */
  image: string;
  /** Namespace. @default "default" */
  namespace?: string;
  /** Node, past the scheduler. @default any */
  node?: string;
  /** Labels. @default none */
  labels?: Record<string, string>;
  /** Shell program. @default sleeps */
  script?: string;
  /** Shell program that runs when the pod is told to end; where a pod is cut off it does not run. @default none: ends at once */
  preStop?: string;
  /** Named ports. @default none */
  ports?: { name: string; containerPort: number }[];
  /** Claim whose volume is mounted at /data. @default none */
  claim?: string;
  /** Security context of the pod. @default none */
  securityContext?: Record<string, unknown>;
}

/** Shell program of a web server that says who it is on each port. */
export function webServer(...ports: number[]): string {
  const servers = ports.map((port) => `busybox httpd -p ${port} -h /tmp/www`);
  return ["mkdir -p /tmp/www", "hostname >/tmp/www/index.html", ...servers, "while :; do sleep 3600; done"].join("\n");
}

/** A pod with busybox. It tolerates every taint that a test may set. */
export function pod(name: string, options: PodOptions): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: options.namespace ?? "default",
      labels: { "test.stratiform.dev/pod": name, ...options.labels },
    },
    spec: {
      terminationGracePeriodSeconds: options.preStop ? 20 : 0,
      ...(options.node ? { nodeName: options.node } : {}),
      ...(options.securityContext ? { securityContext: options.securityContext } : {}),
      containers: [
        {
          name: "main",
          image: options.image,
          imagePullPolicy: "IfNotPresent",
          command: ["busybox", "sh", "-c", options.script ?? "while :; do sleep 3600; done"],
          ...(options.preStop
            ? { lifecycle: { preStop: { exec: { command: ["busybox", "sh", "-c", options.preStop] } } } }
            : {}),
          ...(options.ports ? { ports: options.ports } : {}),
          ...(options.claim ? { volumeMounts: [{ name: "data", mountPath: "/data" }] } : {}),
        },
      ],
      ...(options.claim ? { volumes: [{ name: "data", persistentVolumeClaim: { claimName: options.claim } }] } : {}),
    },
  };
}

/** A Service on port 80 for pods that listen on `targetPort`. */
export function service(
  name: string,
  selector: Record<string, string>,
  targetPort: number,
  namespace = "default",
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector, ports: [{ port: 80, targetPort }] },
  };
}

/** A claim of a small volume of the default storage class. */
export function volumeClaim(name: string, namespace = "default"): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "16Mi" } } },
  };
}

/** A namespace. */
export function namespace(name: string, labels: Record<string, string> = {}): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** A NetworkPolicy. */
export function networkPolicy(name: string, space: string, spec: Record<string, unknown>): KubernetesObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: space }, spec };
}
