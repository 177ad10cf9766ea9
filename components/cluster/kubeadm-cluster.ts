import type * as command from "@pulumi/command";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ClusterFacts, HostArgs, KubeadmClusterArgs } from "./args";
import { hostStep } from "./host-step";
import {
  clusterConfiguration,
  hostAccess,
  initConfiguration,
  joinConfiguration,
  nodeLabels,
  nodeTaintsText,
} from "./kubeadm-config";
import { type Authority, type ClusterPki, clusterPki, kubeconfig } from "./pki";
import {
  apiServer,
  type ClusterPlan,
  endpointPort,
  hostFacts,
  hostImages,
  hostPackages,
  hostsEntry,
  kubernetesUrl,
  planCluster,
  releaseFiles,
  sandboxImage,
} from "./plan";
import { podNetwork } from "./pod-network";
import { preflight } from "./preflight";
import { localStorage, storageClassName } from "./storage";
import { validateCluster } from "./validate";

/**
 * A Kubernetes cluster on machines with Debian or Ubuntu, made with kubeadm over SSH.
 *
 * All hosts are examined first, and nothing is changed unless all are fit. A host that leaves the list is drained,
 * taken out of the cluster and given back as it was; so are all hosts when the cluster is destroyed.
 *
 * Errors, all before any change: arguments that contradict each other; hosts that are not fit.
 */
export class KubeadmCluster extends pulumi.ComponentResource {
  /** What upper strata know of the cluster. There when every node is ready. */
  public readonly facts: pulumi.Output<ClusterFacts>;
  /** The administrator's kubeconfig. A secret. */
  public readonly kubeconfig: pulumi.Output<string>;

  constructor(name: string, args: KubeadmClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    const problems = validateCluster(args);
    if (problems.length > 0) {
      throw new pulumi.RunError(problems.join("\n"));
    }
    super("stratiform:index:KubeadmCluster", name, withSecretKey(args), opts);
    const plan = planCluster(name, args);

    const identity = new random.RandomId(name, { byteLength: 8 }, { parent: this });
    const pki = clusterPki(name, this);
    const build: Build = {
      name,
      plan,
      pki,
      clusterUid: identity.hex,
      // Things that live in the cluster die with it: a whole cluster that is destroyed is neither drained nor emptied.
      inCluster: { parent: this, deletedWith: identity },
      parent: this,
      fit: preflight(plan, identity.hex, this),
    };
    const hosts = joinHosts(build);

    const api = apiServer(plan);
    this.kubeconfig = kubeconfig(plan.clusterName, api, pki.cluster.certificate, pki.admin);
    const providerArgs: k8s.ProviderArgs = {
      kubeconfig: this.kubeconfig,
      clusterIdentifier: identity.hex,
      // A deployment that was killed leaves objects that the state does not know; they have fixed names and are ours.
      upsertExistingObjects: true,
      // What somebody else changed on our objects is put right by `up --refresh` instead of ending in a conflict.
      enablePatchForce: true,
    };
    const inside = new k8s.Provider(`${name}-inside`, providerArgs, { parent: this, dependsOn: hosts.firstControl });
    const objects = { ...build.inCluster, provider: inside };
    const addons = [...podNetwork(name, plan, objects), ...localStorage(name, plan, objects)];
    const ready = allReady(build, [...hosts.members, ...addons]);
    providers.set(this, new k8s.Provider(name, providerArgs, { parent: this, dependsOn: ready }));

    this.facts = ready.urn.apply(() => clusterFacts(plan));
    this.registerOutputs({ facts: this.facts, kubeconfig: this.kubeconfig });
  }

  /** The Kubernetes provider of the cluster, for this program's objects in it. Usable when every node is ready. */
  public get provider(): k8s.Provider {
    return providers.get(this) as k8s.Provider;
  }
}

// Outside the class, since every field of it would be an output of the package's schema.
const providers = new WeakMap<KubeadmCluster, k8s.Provider>();

/** What the resources of one cluster share while they are made. */
interface Build {
  name: string;
  plan: ClusterPlan;
  pki: ClusterPki;
  clusterUid: pulumi.Output<string>;
  inCluster: pulumi.CustomResourceOptions;
  parent: pulumi.Resource;
  fit: pulumi.Output<boolean>;
}

function withSecretKey(args: KubeadmClusterArgs): KubeadmClusterArgs {
  const { privateKey, privateKeyPassphrase } = args.ssh;
  return {
    ...args,
    ssh: {
      ...args.ssh,
      privateKey: pulumi.secret(privateKey),
      ...(privateKeyPassphrase === undefined ? {} : { privateKeyPassphrase: pulumi.secret(privateKeyPassphrase) }),
    },
  };
}

function clusterFacts(plan: ClusterPlan): ClusterFacts {
  return {
    clusterName: plan.clusterName,
    apiServer: apiServer(plan),
    kubernetesVersion: plan.kubernetesVersion,
    podNetwork: plan.podNetwork,
    serviceNetwork: plan.serviceNetwork,
    dnsDomain: plan.dnsDomain,
    storageClass: storageClassName,
    hosts: plan.args.hosts.map(hostFacts),
  };
}

function connection(plan: ClusterPlan, host: HostArgs): command.types.input.remote.ConnectionArgs {
  const { ssh } = plan.args;
  return {
    host: host.address,
    port: host.port ?? ssh.port ?? 22,
    user: ssh.user ?? "root",
    privateKey: pulumi.secret(ssh.privateKey),
    ...(ssh.privateKeyPassphrase === undefined ? {} : { privateKeyPassword: pulumi.secret(ssh.privateKeyPassphrase) }),
    ...(host.hostKey ? { hostKey: host.hostKey } : {}),
    dialErrorLimit: 5,
    perDialTimeout: 15,
  };
}

/**
 * Claims and prepares all hosts beside each other, makes the control plane host by host, then joins the workers beside
 * each other. Versions go one host after another: right after a join there is nothing to do, and in an upgrade the
 * control plane goes first, and a kubelet is never newer than it.
 */
function joinHosts(build: Build): { firstControl: pulumi.Resource[]; members: pulumi.Resource[] } {
  const { plan } = build;
  const prepared = new Map(plan.args.hosts.map((host) => [host.name, prepareHost(build, host)]));
  const after = (host: HostArgs): pulumi.Resource[] => [prepared.get(host.name)].filter((step) => step !== undefined);

  const firstControl: pulumi.Resource[] = [];
  const members: pulumi.Resource[] = [];
  let previous: pulumi.Resource[] = [];
  for (const host of plan.controls) {
    const joined = joinControl(build, host, [...after(host), ...previous]);
    const version = bringToVersion(build, host, [joined, ...previous]);
    if (firstControl.length === 0) {
      firstControl.push(joined);
    }
    members.push(joined, version);
    previous = [version];
  }
  const controlPlane = previous;
  for (const host of plan.workers) {
    const joined = joinWorker(build, host, [...after(host), ...controlPlane]);
    const version = bringToVersion(build, host, [joined, ...previous]);
    members.push(joined, version);
    previous = [version];
  }
  return { firstControl, members };
}

function prepareHost(build: Build, host: HostArgs): pulumi.Resource {
  const { plan, name } = build;
  const [kubeadm, kubelet, kubectl, cni] = releaseFiles(plan);
  const claim = hostStep(
    `${name}-${host.name}-claim`,
    {
      connection: connection(plan, host),
      script: "claim",
      removes: true,
      inputs: {
        HOST_NAME: host.name,
        CLUSTER_NAME: build.fit.apply(() => plan.clusterName),
        CLUSTER_UID: build.clusterUid,
        VIRTUAL_IP: plan.args.endpoint?.virtualIp ?? "",
      },
    },
    { parent: build.parent },
  );
  return hostStep(
    `${name}-${host.name}-prepare`,
    {
      connection: connection(plan, host),
      script: "prepare",
      inputs: {
        HOST_NAME: host.name,
        CLUSTER_NAME: plan.clusterName,
        CLUSTER_UID: build.clusterUid,
        PACKAGES: hostPackages(plan, host),
        KUBERNETES_VERSION: `v${plan.kubernetesVersion}`,
        KUBERNETES_URL: kubernetesUrl(plan),
        KUBEADM_DIGEST: kubeadm?.digest ?? "",
        KUBELET_DIGEST: kubelet?.digest ?? "",
        KUBECTL_DIGEST: kubectl?.digest ?? "",
        CNI_URL: cni?.url ?? "",
        CNI_DIGEST: cni?.digest ?? "",
        ARTIFACTS_CA: plan.args.artifacts?.caCertificate ?? "",
        REGISTRY: plan.args.imageMirror?.registry ?? "",
        REGISTRY_CA: plan.args.imageMirror?.caCertificate ?? "",
        SANDBOX_IMAGE: sandboxImage(plan),
        IMAGES: hostImages(plan, host).all,
        UPSTREAM_IMAGES: plan.args.imageMirror ? "no" : "yes",
        HOSTS_ENTRY: hostsEntry(plan),
      },
    },
    { parent: build.parent, dependsOn: claim },
  );
}

/** The kubeconfig with which a host joins and maintains its own node. */
function hostKubeconfig(build: Build): pulumi.Output<string> {
  const { plan, pki } = build;
  return kubeconfig(
    "cluster",
    `https://${plan.endpointName}:${endpointPort(plan.args)}`,
    pki.cluster.certificate,
    pki.host,
  );
}

function joinControl(build: Build, host: HostArgs, dependsOn: pulumi.Resource[]): pulumi.Resource {
  const { plan, pki, name } = build;
  const pair = (prefix: string, authority: Authority): Record<string, pulumi.Input<string>> => ({
    [`${prefix}_CRT`]: authority.certificate.apply((pem) => pem.trim()),
    [`${prefix}_KEY`]: authority.key.apply((pem) => pem.trim()),
  });
  return hostStep(
    `${name}-${host.name}-join`,
    {
      connection: connection(plan, host),
      script: "control-plane",
      removes: true,
      inputs: {
        HOST_NAME: host.name,
        HOST_ADDRESS: host.address,
        PEERS: plan.controls
          .filter((other) => other !== host)
          .map((other) => other.address)
          .sort()
          .join(" "),
        MAY_INITIALISE: host === plan.controls[0] ? "yes" : "no",
        CLUSTER_CONFIG: clusterConfiguration(plan),
        INIT_CONFIG: initConfiguration(plan, host),
        JOIN_CONFIG: joinConfiguration(plan, host),
        HOST_KUBECONFIG: hostKubeconfig(build),
        HOST_ACCESS: hostAccess(),
        NODE_LABELS: nodeLabels(host),
        NODE_TAINTS: nodeTaintsText(plan, host),
        VIRTUAL_IP: plan.args.endpoint?.virtualIp ?? "",
        VIRTUAL_IP_INTERFACE: plan.args.endpoint?.virtualIpInterface ?? "",
        IMAGES: hostImages(plan, host).controlPlane,
        ...pair("CA", pki.cluster),
        ...pair("ETCD_CA", pki.etcd),
        ...pair("FRONT_PROXY_CA", pki.frontProxy),
        SA_PUB: pki.serviceAccountPublicKey.apply((pem) => pem.trim()),
        SA_KEY: pki.serviceAccountKey.apply((pem) => pem.trim()),
      },
    },
    { ...build.inCluster, dependsOn },
  );
}

function joinWorker(build: Build, host: HostArgs, dependsOn: pulumi.Resource[]): pulumi.Resource {
  const { plan, name } = build;
  return hostStep(
    `${name}-${host.name}-join`,
    {
      connection: connection(plan, host),
      script: "worker",
      removes: true,
      inputs: {
        HOST_NAME: host.name,
        JOIN_CONFIG: joinConfiguration(plan, host),
        HOST_KUBECONFIG: hostKubeconfig(build),
        NODE_LABELS: nodeLabels(host),
        NODE_TAINTS: nodeTaintsText(plan, host),
        IMAGES: hostImages(plan, host).all,
      },
    },
    { ...build.inCluster, dependsOn },
  );
}

function bringToVersion(build: Build, host: HostArgs, dependsOn: pulumi.Resource[]): pulumi.Resource {
  const { plan, name } = build;
  return hostStep(
    `${name}-${host.name}-version`,
    {
      connection: connection(plan, host),
      script: "version",
      inputs: {
        HOST_NAME: host.name,
        KUBERNETES_VERSION: `v${plan.kubernetesVersion}`,
        CONTROL: host.roles.includes("control") ? "yes" : "no",
        HOST_KUBECONFIG: hostKubeconfig(build),
        IMAGES: hostImages(plan, host).all,
        OWN_DNS: plan.args.imageMirror?.tags?.coredns ? "yes" : "no",
      },
    },
    { ...build.inCluster, dependsOn },
  );
}

/** The gate that nothing above the cluster passes before every node is ready. */
function allReady(build: Build, dependsOn: pulumi.Resource[]): command.remote.Command {
  const { plan, name } = build;
  const first = plan.controls[0] as HostArgs;
  return hostStep(
    `${name}-ready`,
    {
      connection: connection(plan, first),
      script: "ready",
      inputs: {
        HOST_NAME: first.name,
        NODES: plan.args.hosts
          .map((host) => host.name)
          .sort()
          .join(" "),
        // Not read on the host: an upgrade passes the gate anew.
        KUBERNETES_VERSION: plan.kubernetesVersion,
      },
    },
    { ...build.inCluster, dependsOn },
  );
}
