import { createPrivateKey, X509Certificate } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { KubeadmClusterArgs } from "../components/cluster/args";
import { defaultPodNetwork, defaultServiceNetwork } from "../components/cluster/defaults";
import { hostFacts } from "../components/cluster/plan";
import { checkRelease } from "../components/kit/release-check";
import type { OpenStackCloudArgs } from "../components/openstack/args";
import { defaults } from "../components/openstack/facts";
import { validateCloud } from "../components/openstack/validate";
import { type NetworkSurroundings, networkPlaceProblems } from "../components/openstack/validate-networks";
import { validateEndpointPlaces } from "../components/platform/validate-endpoint";
import { type CloudSection, cloudSchema } from "./cloud-schema";
import { shapeProblems, unknownKeys } from "./problems";
import { parseJson, type RawConfig } from "./raw";
import { findRelease } from "./release";
import {
  insideProblems,
  isSet,
  missingProblem,
  namespace,
  plainTextProblems,
  privateKeyProblems,
  secrets,
} from "./secrets";

/** Arguments of `OpenStackCloud` as the stack configuration gives them: all but the cluster. */
export type CloudConfig = Omit<OpenStackCloudArgs, "cluster" | "catalogue" | "dnsDomain"> &
  Required<Pick<OpenStackCloudArgs, "cloudName" | "profile" | "region">>;

const cloud = `${namespace}cloud`;

const elsewhere = (set: string): string => `secrets are top-level keys of their own: remove it and run ${set}`;

/** What to do about keys of `stratiform:cloud` that have their place elsewhere. */
const hints: Record<string, string> = {
  ".adminPassword": elsewhere(secrets.adminPassword.set),
  ".endpointPrivateKey": elsewhere(secrets.endpointPrivateKey.set),
  ".privateKey": elsewhere(secrets.endpointPrivateKey.set),
  ".authorityPrivateKey": elsewhere(secrets.authorityPrivateKey.set),
  ".cloudName": "did you mean `name`?",
  ".hosts": `the hosts are those of ${namespace}cluster; remove it`,
  ".cluster": `the cluster is ${namespace}cluster`,
};

/** Whether the stack has a cloud at all. */
function hasCloud(raw: RawConfig): boolean {
  return raw.values[cloud] !== undefined && raw.values[cloud] !== "{}";
}

/**
 * The cloud of a stack's configuration, with everything that is wrong with it.
 *
 * @param cluster the cluster's arguments; undefined if they are wrong themselves
 * @returns no cloud if the stack has none, or one that cannot be
 */
export function cloudConfig(
  raw: RawConfig,
  cluster: KubeadmClusterArgs | undefined,
): { problems: string[]; cloud?: CloudConfig } {
  if (!hasCloud(raw)) {
    return { problems: orphanProblems(raw) };
  }
  const hidden = insideProblems(raw, cloud, "secrets have top-level keys of their own");
  if (hidden.length > 0) {
    return { problems: hidden };
  }
  const value = parseJson(raw.values[cloud] ?? "");
  const problems = unknownKeys(cloudSchema, value, hints).map((problem) => `${cloud}${problem}`);
  const parsed = cloudSchema.safeParse(value);
  if (!parsed.success) {
    problems.push(...shapeProblems(parsed.error, value).map((problem) => `${cloud}${problem}`));
    return { problems: [...problems, ...formProblems(raw)] };
  }
  problems.push(...formProblems(raw), ...certificateKeyProblems(raw, parsed.data));
  const read = readRelease(parsed.data.release, raw.folder ?? process.cwd());
  problems.push(...read.problems);
  const registry = parsed.data.registry ?? cluster?.imageMirror?.registry;
  if (registry === undefined && cluster !== undefined) {
    problems.push(
      `${cloud}.registry: is missing; write the registry that holds the release's images, "host:port/path"`,
    );
  }
  const { release, file } = read;
  if (release === undefined) {
    return { problems: [...problems, ...placeProblems(parsed.data, cluster)] };
  }
  const args = cloudArgs(raw, parsed.data, release, registry ?? "registry.invalid", cluster);
  const found = validateCloud(args);
  problems.push(
    ...found.errors
      // Where the cluster is wrong itself nothing is known of its hosts.
      .filter((problem) => cluster !== undefined || !/^(hosts|networks)\b/.test(problem))
      .map((problem) => inStackFile(problem, file)),
    ...placeProblems(parsed.data, cluster),
    ...(cluster === undefined ? [] : networkPlaceProblems(args, surroundingsOf(cluster))).map(
      (problem) => `${cloud}.${problem}`,
    ),
  );
  return problems.length > 0 ? { problems } : { problems, cloud: args };
}

/** Problems of the secrets of a cloud by themselves. */
function formProblems(raw: RawConfig): string[] {
  const password = raw.values[secrets.adminPassword.key] ?? "";
  const unwritable = [...password.trimEnd()].some((character) => character < " " || character === "\u007f");
  return [
    ...privateKeyProblems(raw, secrets.endpointPrivateKey, "PEM"),
    ...privateKeyProblems(raw, secrets.authorityPrivateKey, "PEM"),
    ...plainTextProblems(raw, secrets.adminPassword),
    ...(unwritable
      ? [
          `${secrets.adminPassword.key}: has line breaks or other control characters; set it: ${secrets.adminPassword.set}`,
        ]
      : []),
  ];
}

/** Secrets of a cloud that the stack does not have. */
function orphanProblems(raw: RawConfig): string[] {
  return [secrets.endpointPrivateKey, secrets.authorityPrivateKey, secrets.adminPassword].flatMap((secret) => [
    ...plainTextProblems(raw, secret),
    ...(isSet(raw, secret)
      ? [`${secret.key}: has no meaning without ${cloud}; add that, or run \`pulumi config rm ${secret.key}\``]
      : []),
  ]);
}

/** Whether certificates and keys come in pairs that fit. */
function certificateKeyProblems(raw: RawConfig, section: CloudSection): string[] {
  const pairs = [
    { name: "certificate", certificate: section.certificate, secret: secrets.endpointPrivateKey },
    { name: "authority", certificate: section.authority, secret: secrets.authorityPrivateKey },
  ];
  return pairs.flatMap(({ name, certificate, secret }) => {
    if (certificate === undefined) {
      return isSet(raw, secret)
        ? [
            `${secret.key}: has no meaning without ${cloud}.${name}; add that, or run \`pulumi config rm ${secret.key}\``,
          ]
        : [];
    }
    if (!isSet(raw, secret)) {
      return [missingProblem(secret)];
    }
    return belongs(certificate, raw.values[secret.key] ?? "")
      ? []
      : [`${secret.key}: is not the key of ${cloud}.${name}; set the one that it was made with: ${secret.set}`];
  });
}

/** Whether a key is a certificate's. What cannot be read is another problem than this one. */
function belongs(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return true;
  }
}

interface ReadRelease {
  problems: string[];
  file: string;
  /** The release; not fit for use where there are problems. */
  release?: OpenStackCloudArgs["release"];
}

function readRelease(name: string, folder: string): ReadRelease {
  const found = findRelease(name, folder);
  if ("problem" in found) {
    return { problems: [`${cloud}.release: ${found.problem}`], file: name };
  }
  const { file, content } = found;
  const problems = checkRelease(content).map((problem) => inStackFile(`release${problem}`, file));
  const series = (content as { series?: unknown } | null)?.series;
  const usable = typeof series === "string" && typeof (content as { images?: unknown }).images === "object";
  return { problems, file, ...(usable ? { release: content as OpenStackCloudArgs["release"] } : {}) };
}

function cloudArgs(
  raw: RawConfig,
  section: CloudSection,
  release: OpenStackCloudArgs["release"],
  registry: string,
  cluster: KubeadmClusterArgs | undefined,
): CloudConfig {
  const { name, profile, region, certificate, authority, ...rest } = section;
  const secret = (key: string): pulumi.Output<string> | undefined => {
    const value = raw.values[key]?.trim();
    return value ? pulumi.secret(value) : undefined;
  };
  const adminPassword = secret(secrets.adminPassword.key);
  const given = {
    ...(certificate === undefined
      ? {}
      : { certificate, privateKey: secret(secrets.endpointPrivateKey.key) ?? pulumi.secret("") }),
    ...(authority === undefined
      ? {}
      : { authority, authorityPrivateKey: secret(secrets.authorityPrivateKey.key) ?? pulumi.secret("") }),
  };
  return {
    ...rest,
    cloudName: name ?? defaults.cloudName,
    profile: profile ?? defaults.profile,
    region: region ?? defaults.region,
    release,
    registry,
    hosts: (cluster?.hosts ?? []).map(hostFacts),
    ...(Object.keys(given).length === 0 ? {} : { certificate: given }),
    ...(adminPassword === undefined ? {} : { adminPassword }),
  };
}

/** Problems of the endpoint beside the cluster's hosts and networks. */
function placeProblems(section: CloudSection, cluster: KubeadmClusterArgs | undefined): string[] {
  if (cluster === undefined) {
    return [];
  }
  return validateEndpointPlaces(section.endpoint, { hosts: cluster.hosts, ...surroundingsOf(cluster) }).map(
    (problem) => `${cloud}.endpoint${problem}`,
  );
}

function surroundingsOf({ networks, endpoint }: KubeadmClusterArgs): NetworkSurroundings {
  return {
    podNetwork: networks?.pods ?? defaultPodNetwork,
    serviceNetwork: networks?.services ?? defaultServiceNetwork,
    ...(endpoint?.virtualIp === undefined ? {} : { virtualIp: endpoint.virtualIp }),
  };
}

/** Paths of the component's arguments, and what they are called in a stack file. */
function inStackFile(problem: string, releaseFile: string): string {
  if (/^hosts\b/.test(problem)) {
    return `${namespace}cluster.${problem}`;
  }
  const moved = problem
    .replace(/^cloudName\b/, "name")
    .replace(/^certificate\.certificate\b/, "certificate")
    .replace(/^certificate\.authority\b/, "authority")
    .replace(/^release(\.|: )/, (_, separator: string) => `release: ${releaseFile}${separator === "." ? ": " : " "}`);
  if (/^certificate\.privateKey: is missing/.test(problem)) {
    return missingProblem(secrets.endpointPrivateKey);
  }
  return /^certificate\.authorityPrivateKey: is missing/.test(problem)
    ? missingProblem(secrets.authorityPrivateKey)
    : `${cloud}.${moved}`;
}
