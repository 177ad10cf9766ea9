import { generateKeyPairSync, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { eventually } from "../../lab/support/wait";
import { Api } from "./api";
import { freePort, lastLines, type Server, startServer } from "./process";
import type { Programs } from "./programs";

/** Controllers that run. No kubelet and no scheduler do: where a pod's status matters, the test plays the kubelet. */
const controllers = [
  "daemonset-controller",
  "deployment-controller",
  "endpoints-controller",
  "endpointslice-controller",
  "garbage-collector-controller",
  "job-controller",
  "namespace-controller",
  "replicaset-controller",
  "serviceaccount-controller",
];

/** A Kubernetes API of this test run: etcd, API server and controllers. */
export interface Kubernetes {
  /** Client of the API. */
  api: Api;
  /** Kubeconfig file of an administrator. */
  kubeconfig: string;
  /** Ends all processes. */
  stop(): Promise<void>;
}

/**
 * Starts etcd, a kube-apiserver and a kube-controller-manager on free ports of 127.0.0.1.
 * @param directory empty directory for data, certificates and logs
 * @throws Error with the last lines of the log of what does not start
 */
export async function startKubernetes(programs: Programs, directory: string): Promise<Kubernetes> {
  const servers: Server[] = [];
  const log = (name: string): string => path.join(directory, `${name}.log`);
  const start = (name: string, program: string, flags: Record<string, string>): void => {
    servers.push(startServer(program, flags, log(name)));
  };
  const stop = async (): Promise<void> => {
    for (const server of servers.reverse()) await server.stop();
  };
  try {
    const etcd = `http://127.0.0.1:${await freePort()}`;
    start("etcd", programs.etcd, await etcdFlags(etcd, directory));
    const port = await freePort();
    const token = writeCredentials(directory);
    start("kube-apiserver", programs.apiServer, apiServerFlags(etcd, port, directory));
    const url = `https://127.0.0.1:${port}`;
    const api = await connect(url, token, directory).catch((error: Error) => {
      throw new Error(`${error.message}\n${lastLines(log("etcd"), 5)}\n${lastLines(log("kube-apiserver"))}`);
    });
    const kubeconfig = path.join(directory, "kubeconfig");
    fs.writeFileSync(kubeconfig, kubeconfigText(url, token, directory), { mode: 0o600 });
    start("kube-controller-manager", programs.controllerManager, {
      kubeconfig,
      controllers: controllers.join(","),
      "leader-elect": "false",
      "secure-port": "0",
    });
    return { api, kubeconfig, stop: () => Promise.resolve(api.close()).then(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function etcdFlags(url: string, directory: string): Promise<Record<string, string>> {
  const peer = `http://127.0.0.1:${await freePort()}`;
  return {
    name: "default",
    "data-dir": path.join(directory, "etcd"),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `default=${peer}`,
    "unsafe-no-fsync": "true",
    "log-level": "warn",
  };
}

function apiServerFlags(etcd: string, port: number, directory: string): Record<string, string> {
  const key = path.join(directory, "service-account.key");
  return {
    "etcd-servers": etcd,
    "bind-address": "127.0.0.1",
    "secure-port": String(port),
    "cert-dir": path.join(directory, "certs"),
    "token-auth-file": path.join(directory, "tokens.csv"),
    "authorization-mode": "RBAC",
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-signing-key-file": key,
    "service-account-key-file": key,
    "service-cluster-ip-range": "10.96.0.0/16",
    // There is no address at which pods could reach it, and there are no pods.
    "endpoint-reconciler-type": "none",
  };
}

/** Writes the key of service accounts and the administrator's token. @returns the token */
function writeCredentials(directory: string): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" });
  fs.writeFileSync(path.join(directory, "service-account.key"), pem, { mode: 0o600 });
  const token = randomBytes(24).toString("hex");
  fs.writeFileSync(path.join(directory, "tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  return token;
}

/** The API server signs its certificate itself, so that certificate is the authority. */
function authority(directory: string): string {
  return fs.readFileSync(path.join(directory, "certs", "apiserver.crt"), "utf8");
}

/** Waits until the API server is ready and the namespace "default" is there. */
async function connect(url: string, token: string, directory: string): Promise<Api> {
  let api: Api | undefined;
  return eventually(
    "the API server of the test",
    90,
    async () => {
      api ??= new Api({ url, token, ca: authority(directory) });
      await api.get("/readyz");
      await api.get("/api/v1/namespaces/default");
      return api;
    },
    200,
  );
}

function kubeconfigText(server: string, token: string, directory: string): string {
  const ca = Buffer.from(authority(directory)).toString("base64");
  return `apiVersion: v1
kind: Config
clusters:
  - { name: test, cluster: { server: "${server}", certificate-authority-data: ${ca} } }
users:
  - { name: admin, user: { token: ${token} } }
contexts:
  - { name: test, context: { cluster: test, user: admin } }
current-context: test
`;
}
