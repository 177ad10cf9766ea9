import type { HostArgs, KubeadmClusterArgs, TaintArgs } from "./args";
import { HostRole, TaintEffect } from "./args";
import { isAddress } from "./validate-networks";

/** A DNS label (RFC 1123): what Kubernetes allows as one part of a name. */
export const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** A DNS name of one or more labels. */
export const dnsName = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;

/** Name part of a label's or taint's key, and a label's value if it is not empty (Kubernetes' "qualified name"). */
const qualifiedName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/**
 * A public key as in a `.pub` file: type, base64, comment. No RSA: `@pulumi/command` 1.2.1 asks for its old signatures
 * only, which today's sshd refuses.
 */
const publicKey = /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{16,}={0,3}( .*)?$/;

/** Name of a network interface: at most 15 bytes (Linux' IFNAMSIZ), without "/" and white space. */
export const interfaceName = /^[^\s/:]{1,15}$/;

/** Whether a number can be a TCP port. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

function isKey(key: string): boolean {
  const [name, prefix, ...more] = key.split("/").reverse();
  return more.length === 0 && qualifiedName.test(name ?? "") && (prefix === undefined || dnsName.test(prefix));
}

function isValue(value: string): boolean {
  return value === "" || qualifiedName.test(value);
}

function labelProblems(path: string, labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...(isKey(key) ? [] : [`${path}: "${key}" is not the key of a label; write one such as "example.com/rack"`]),
    ...(isValue(value)
      ? []
      : [
          `${path}["${key}"]: "${value}" is not the value of a label; use at most 63 letters, digits, "-", "_" and "."`,
        ]),
  ]);
}

function taintProblems(path: string, taint: TaintArgs): string[] {
  const effects = Object.values(TaintEffect);
  return [
    ...(isKey(taint.key) ? [] : [`${path}.key: "${taint.key}" is not a key; write one such as "example.com/role"`]),
    ...(isValue(taint.value ?? "")
      ? []
      : [`${path}.value: "${taint.value}" is not a value; use at most 63 letters, digits, "-", "_" and "."`]),
    ...(effects.includes(taint.effect)
      ? []
      : [`${path}.effect: "${taint.effect}" is not an effect; use one of ${effects.join(", ")}`]),
  ];
}

function roleProblems(path: string, host: HostArgs): string[] {
  const known = Object.values(HostRole);
  if (host.roles.length === 0) {
    return [`${path}: a host needs a role; name at least one of ${known.join(", ")}`];
  }
  return host.roles.flatMap((role, index) => {
    if (!known.includes(role)) {
      return [`${path}[${index}]: "${role}" is not a role; use one of ${known.join(", ")}`];
    }
    return host.roles.indexOf(role) < index ? [`${path}[${index}]: "${role}" stands twice; remove one`] : [];
  });
}

function connectionProblems(path: string, host: HostArgs, args: KubeadmClusterArgs): string[] {
  const problems: string[] = [];
  if (host.hostKey === undefined && !args.ssh.insecure) {
    problems.push(
      `${path}.hostKey: is missing, so ${host.name} could be any machine; set it to the contents of ` +
        "/etc/ssh/ssh_host_ed25519_key.pub on the host (`ssh.insecure: true` goes without, at your risk)",
    );
  } else if (host.hostKey !== undefined && !publicKey.test(host.hostKey)) {
    problems.push(`${path}.hostKey: is not an SSH public key; write one such as "ssh-ed25519 AAAAC3Nza…"`);
  }
  if (host.port !== undefined && !isPort(host.port)) {
    problems.push(`${path}.port: ${host.port} is not a TCP port; use a number between 1 and 65535`);
  }
  return problems;
}

function hostProblems(path: string, host: HostArgs, args: KubeadmClusterArgs): string[] {
  const problems: string[] = [];
  if (!dnsLabel.test(host.name)) {
    problems.push(
      `${path}.name: "${host.name}" is not a DNS label; use at most 63 lower-case letters, digits and "-", first and last not "-"`,
    );
  }
  if (!isAddress(host.address)) {
    problems.push(`${path}.address: "${host.address}" is not an IPv4 address; write one such as "10.20.0.11"`);
  }
  problems.push(...roleProblems(`${path}.roles`, host), ...connectionProblems(path, host, args));
  for (const [key, name] of Object.entries(host.interfaces ?? {})) {
    if (typeof name === "string" && !interfaceName.test(name)) {
      problems.push(`${path}.interfaces.${key}: "${name}" is not an interface's name; write one such as "eth1"`);
    }
  }
  problems.push(...labelProblems(`${path}.labels`, host.labels ?? {}));
  problems.push(...(host.taints ?? []).flatMap((taint, index) => taintProblems(`${path}.taints[${index}]`, taint)));
  return problems;
}

function duplicates(hosts: HostArgs[], key: "name" | "address"): string[] {
  return hosts.flatMap((host, index) => {
    const first = hosts.findIndex((other) => other[key] === host[key]);
    return first < index
      ? [`hosts[${index}].${key}: "${host[key]}" is also the ${key} of hosts[${first}]; give each host one of its own`]
      : [];
  });
}

/** How many control hosts there are, as far as etcd is concerned: an even number survives no more losses than one fewer. */
function controlProblems(args: KubeadmClusterArgs): string[] {
  const controls = args.hosts.filter((host) => host.roles.includes(HostRole.Control)).length;
  if (controls === 0) {
    return ['hosts: no host has the role "control"; give it to one host, or to three or five'];
  }
  if (controls % 2 === 0 && !args.degraded) {
    return [
      `hosts: ${controls} control hosts bear no more losses than ${controls - 1}, as etcd needs a majority; ` +
        "use an odd number, or write `degraded: true` while one is being replaced",
    ];
  }
  return [];
}

/** Problems of the list of hosts and of every host in it. */
export function hostListProblems(args: KubeadmClusterArgs): string[] {
  return [
    ...args.hosts.flatMap((host, index) => hostProblems(`hosts[${index}]`, host, args)),
    ...duplicates(args.hosts, "name"),
    ...duplicates(args.hosts, "address"),
    ...controlProblems(args),
  ];
}
