import * as semver from "semver";
import type { ArtifactsArgs, EndpointArgs, ImageMirrorArgs, KubeadmClusterArgs } from "./args";
import { HostRole, PreflightMode } from "./args";
import { dnsLabel, dnsName, hostListProblems, interfaceName, isPort } from "./validate-hosts";
import { isAddress, networkProblems } from "./validate-networks";
import {
  cniArchive,
  cniPluginsVersion,
  defaultKubernetesVersion,
  kubernetesPrograms,
  supportedKubernetesMinors,
  upstreamDigests,
} from "./versions";

const sha256 = /^sha256:[0-9a-f]{64}$/;
const pemCertificate = /^\s*-----BEGIN CERTIFICATE-----\r?\n/;

function versionProblems(version: string): string[] {
  if (semver.valid(version) !== version || semver.prerelease(version)) {
    return [
      `kubernetesVersion: "${version}" is not a release of Kubernetes; write all three numbers, such as "1.34.4"`,
    ];
  }
  return semver.satisfies(version, supportedKubernetesMinors)
    ? []
    : [
        `kubernetesVersion: ${version} is not supported by this release of Stratiform; use a version that is ${supportedKubernetesMinors}`,
      ];
}

function endpointProblems(endpoint: EndpointArgs, args: KubeadmClusterArgs): string[] {
  const problems: string[] = [];
  const { name, virtualIp, virtualIpInterface, external, port } = endpoint;
  if (virtualIp !== undefined && external !== undefined) {
    problems.push("endpoint: only one of `virtualIp` and `external` can be given; remove one");
  }
  if (virtualIp !== undefined && !isAddress(virtualIp)) {
    problems.push(`endpoint.virtualIp: "${virtualIp}" is not an IPv4 address; write a free one of the hosts' network`);
  }
  const owner = args.hosts.findIndex((host) => host.address === virtualIp);
  if (virtualIp !== undefined && owner >= 0) {
    problems.push(`endpoint.virtualIp: ${virtualIp} is the address of hosts[${owner}]; choose an address that is free`);
  }
  if (virtualIpInterface !== undefined && virtualIp === undefined) {
    problems.push("endpoint.virtualIpInterface: has no meaning without `virtualIp`; add it, or remove this");
  } else if (virtualIpInterface !== undefined && !interfaceName.test(virtualIpInterface)) {
    problems.push(
      `endpoint.virtualIpInterface: "${virtualIpInterface}" is not an interface's name; use one like "eth0"`,
    );
  }
  if (external !== undefined && !isAddress(external) && !dnsName.test(external)) {
    problems.push(`endpoint.external: "${external}" is neither a host name nor an IPv4 address; write it without port`);
  }
  if (name !== undefined && !dnsName.test(name)) {
    problems.push(`endpoint.name: "${name}" is not a DNS name; write one such as "api.cloud.example"`);
  }
  if (port !== undefined && port !== 6443 && external === undefined) {
    problems.push(`endpoint.port: only a load balancer (\`external\`) can have another port than 6443; remove it`);
  }
  if (port !== undefined && !isPort(port)) {
    problems.push(`endpoint.port: ${port} is not a TCP port; use a number between 1 and 65535`);
  }
  return problems;
}

function stableEndpointProblems(args: KubeadmClusterArgs): string[] {
  const controls = args.hosts.filter((host) => host.roles.includes(HostRole.Control)).length;
  return controls > 1 && args.endpoint?.virtualIp === undefined && args.endpoint?.external === undefined
    ? [
        `endpoint: ${controls} control hosts need an address of the API that outlives each of them; ` +
          "set `virtualIp` to a free address of their network, or `external` to a load balancer of your own",
      ]
    : [];
}

function digestProblems(path: string, digests: Record<string, string>): string[] {
  return Object.entries(digests)
    .filter(([, digest]) => !sha256.test(digest))
    .map(([file]) => `${path}["${file}"]: is not a SHA-256 digest; write "sha256:" and 64 hexadecimal digits`);
}

function certificateProblems(path: string, certificate: string | undefined): string[] {
  return certificate === undefined || pemCertificate.test(certificate)
    ? []
    : [`${path}: is not a certificate in PEM form; paste the file that begins with "-----BEGIN CERTIFICATE-----"`];
}

function urlProblems(path: string, url: string | undefined): string[] {
  const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
  return url === undefined || (parsed && ["http:", "https:"].includes(parsed.protocol) && !parsed.search)
    ? []
    : [`${path}: "${url}" is not the URL of a folder; write one such as "https://mirror.example/kubernetes"`];
}

function artifactProblems(artifacts: ArtifactsArgs, version: string): string[] {
  const known = { ...upstreamDigests, ...artifacts.digests };
  const files = [...kubernetesPrograms.map((name) => `v${version}/${name}`), `${cniPluginsVersion}/${cniArchive}`];
  const missing = files.filter((file) => known[file] === undefined);
  return [
    ...urlProblems("artifacts.kubernetesUrl", artifacts.kubernetesUrl),
    ...urlProblems("artifacts.cniUrl", artifacts.cniUrl),
    ...certificateProblems("artifacts.caCertificate", artifacts.caCertificate),
    ...digestProblems("artifacts.digests", artifacts.digests ?? {}),
    ...(missing.length === 0
      ? []
      : [
          `artifacts.digests: this release knows no digest of ${missing.join(", ")}; add each as "<file>": "sha256:…", ` +
            "from where the project publishes it, or choose another `kubernetesVersion`",
        ]),
  ];
}

function mirrorProblems(mirror: ImageMirrorArgs): string[] {
  return [
    ...(/^[A-Za-z0-9.-]+(:\d{1,5})?(\/[a-z0-9._/-]*[a-z0-9])?$/.test(mirror.registry)
      ? []
      : [
          `imageMirror.registry: "${mirror.registry}" is not a registry; write "host:port" or "host/path", without scheme`,
        ]),
    ...certificateProblems("imageMirror.caCertificate", mirror.caCertificate),
    ...digestProblems("imageMirror.digests", mirror.digests ?? {}),
  ];
}

/**
 * All problems of a cluster's arguments that can be seen without a machine. Each names where, what, and what to do.
 *
 * @returns the problems; none if the arguments are valid
 */
export function validateCluster(args: KubeadmClusterArgs): string[] {
  const problems = [...hostListProblems(args), ...networkProblems(args), ...stableEndpointProblems(args)];
  const version = args.kubernetesVersion ?? defaultKubernetesVersion;
  const badVersion = versionProblems(version);
  problems.push(...badVersion);
  if (args.clusterName !== undefined && !dnsLabel.test(args.clusterName)) {
    problems.push(
      `clusterName: "${args.clusterName}" is not a DNS label; use at most 63 lower-case letters, digits and "-"`,
    );
  }
  if (args.ssh.user !== undefined && !/^[a-z_][a-z0-9_-]{0,31}$/i.test(args.ssh.user)) {
    problems.push(`ssh.user: "${args.ssh.user}" is not a user's name; write one such as "root"`);
  }
  if (args.ssh.port !== undefined && !isPort(args.ssh.port)) {
    problems.push(`ssh.port: ${args.ssh.port} is not a TCP port; use a number between 1 and 65535`);
  }
  if (args.preflight !== undefined && !Object.values(PreflightMode).includes(args.preflight)) {
    problems.push(`preflight: "${args.preflight}" is unknown; use one of ${Object.values(PreflightMode).join(", ")}`);
  }
  problems.push(...endpointProblems(args.endpoint ?? {}, args));
  problems.push(...(badVersion.length > 0 ? [] : artifactProblems(args.artifacts ?? {}, version)));
  problems.push(...(args.imageMirror ? mirrorProblems(args.imageMirror) : []));
  return problems;
}
