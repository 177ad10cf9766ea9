import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { parse, stringify } from "yaml";
import type { HostAlias } from "../kit/context";
import { labelsOf } from "../kit/labels";
import { stableJson } from "../kit/names";
import type { PodPlan } from "../kit/pod";
import { jobSpec } from "../kit/workload";
import { caFile } from "../openstack/facts";
import { inputDirectory } from "../openstack/steps";
import { authorityConfigMap } from "../platform/authority";
import { verificationFiles, verificationProgram } from "./verification";

/** Arguments of `CloudVerification`. */
export interface CloudVerificationArgs {
  /** Name of the cloud and of its namespace. @default "openstack" */
  cloudName?: string;
  /** `clouds.yaml` of the cloud's administrator: `cloudsYaml` of an `OpenStackCloud`. A secret. */
  cloudsYaml: pulumi.Input<string>;
  /** Reference, by digest, of the release's image `client`. */
  image: string;
  /** User and group of that image. @default 42400, as in the images built from Debian packages */
  uid?: number;
  /** Name of an image in Glance: a guest that takes root's key from the metadata service. */
  guestImage: string;
  /** On how many compute hosts a server is started. @default two, or one where there is one */
  hosts?: number;
  /** Host table of the pod, for endpoint names that no name server knows. @default none */
  hostAliases?: HostAlias[];
  /** It runs again when one of these changes: the release's name, for instance. @default none */
  triggers?: string[];
}

/** Longest verification, in seconds. */
const limit = 1800;

/**
 * Verifies a cloud from inside its cluster, as part of `pulumi up`: an `up` that ends well has seen a server boot, get its
 * metadata and answer on a floating IP. It runs anew when its arguments or the verification itself change.
 *
 * Needs a Kubernetes provider, and pods that reach the floating IPs.
 */
export class CloudVerification extends pulumi.ComponentResource {
  constructor(name: string, args: CloudVerificationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:CloudVerification", name, {}, opts);
    if (this.getProvider("kubernetes:batch/v1:Job") === undefined) {
      throw new pulumi.RunError(
        `CloudVerification ${name}: has no Kubernetes provider; give it one, { provider: cluster.provider }: your own kubectl context is never used`,
      );
    }
    const cloud = args.cloudName ?? "openstack";
    const labels = labelsOf(cloud, "verification", "run");
    const files = Object.fromEntries(verificationFiles.map((file) => [basename(file), readFileSync(file, "utf8")]));
    const metadata = (suffix = "") => ({ name: `verification${suffix}`, namespace: cloud, labels });
    const secret = new k8s.core.v1.Secret(
      `${name}-input`,
      {
        metadata: metadata(),
        stringData: pulumi.secret(
          pulumi.output(args.cloudsYaml).apply((text) => ({ "clouds.yaml": cloudsForPod(text), ...files })),
        ),
      },
      { parent: this },
    );
    const policy = new k8s.networking.v1.NetworkPolicy(
      `${name}-policy`,
      {
        metadata: metadata(),
        // A user of the cloud: it calls endpoints and servers wherever they are, and nobody calls it.
        spec: { podSelector: { matchLabels: labels }, policyTypes: ["Ingress", "Egress"], ingress: [], egress: [{}] },
      },
      { parent: this },
    );
    const { spec, hash } = verificationJob(args, labels, files);
    new k8s.batch.v1.Job(
      `${name}-run`,
      { metadata: { ...metadata(`-${hash}`), annotations: { "pulumi.com/replaceUnready": "true" } }, spec },
      { parent: this, dependsOn: [secret, policy], customTimeouts: { create: `${limit}s` } },
    );
    this.registerOutputs({});
  }
}

/** The administrator's access with the CA's certificate where pods have it; the cloud is named `admin`. */
function cloudsForPod(text: string): string {
  const { clouds } = parse(text) as { clouds: Record<string, Record<string, unknown>> };
  return stringify({ clouds: { admin: { ...Object.values(clouds)[0], cacert: caFile } } });
}

/** The job's specification, and a hash of all that it is made of: none of it is secret. */
function verificationJob(
  args: CloudVerificationArgs,
  labels: Record<string, string>,
  files: Record<string, string>,
): { spec: k8s.types.input.batch.v1.JobSpec; hash: string } {
  const uid = args.uid ?? 42400;
  const words = [
    "--guest-image",
    args.guestImage,
    ...(args.hosts === undefined ? [] : ["--hosts", String(args.hosts)]),
  ];
  const pod: PodPlan = {
    uid,
    gid: uid,
    containers: [
      {
        name: "verify",
        image: args.image,
        command: ["/usr/bin/python3", "-B", `${inputDirectory}/${basename(verificationProgram)}`, ...words],
        env: { OS_CLIENT_CONFIG_FILE: `${inputDirectory}/clouds.yaml`, OS_CLOUD: "admin" },
        mounts: [
          { volume: "input", path: inputDirectory },
          { volume: "ca", path: caFile.slice(0, caFile.lastIndexOf("/")) },
        ],
        size: { cpu: "50m", memory: "128Mi" },
      },
    ],
    volumes: { input: { kind: "secret", name: "verification" }, ca: { kind: "configMap", name: authorityConfigMap } },
    hostAliases: args.hostAliases ?? [],
  };
  const spec = jobSpec(labels, pod);
  const template = spec.template as k8s.types.input.core.v1.PodTemplateSpec;
  const podSpec = template.spec as k8s.types.input.core.v1.PodSpec;
  // ping without a capability, by a setting of the pod's own network that Kubernetes calls safe.
  const sysctls = [{ name: "net.ipv4.ping_group_range", value: "0 2147483647" }];
  const hash = createHash("sha256")
    .update(stableJson([spec, files, args.triggers ?? []]))
    .digest("hex")
    .slice(0, 10);
  return {
    hash,
    spec: {
      ...spec,
      // A verification that fails is a finding, and no reason to try until it does not.
      backoffLimit: 0,
      activeDeadlineSeconds: limit,
      template: {
        ...template,
        spec: { ...podSpec, securityContext: { ...(podSpec.securityContext as object), sysctls } },
      },
    },
  };
}
