import { join } from "node:path";
import { HostRole } from "../components/cluster/args";
import { UserError } from "./error";
import { cacheDirectory } from "./toolchain/cache";

/** Label of everything podman keeps for a lab; its value is the lab's name. */
export const labLabel = "stratiform.lab";
/** Directories of a host that outlive its root file system, by the suffix of their volume. */
export const hostVolumes: Readonly<Record<string, string>> = {
  containerd: "/var/lib/containerd",
  kubelet: "/var/lib/kubelet",
  etcd: "/var/lib/etcd",
  data: "/srv",
};
/** More hosts than this do not fit the addresses beside those kept for virtual IPs (.100 and up). */
export const mostHosts = 64;

const longestName = 20;

/**
 * Checks a lab's name: it begins the names of hosts, so it is a DNS label.
 * @throws UserError
 */
export function checkLabName(name: string): string {
  if (/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name) && name.length <= longestName) return name;
  throw new UserError(
    `lab name "${name}": use at most ${longestName} lower-case letters, digits and hyphens, beginning with a letter, ` +
      "such as --name dev",
  );
}

/** Directory with everything of one lab. */
export function labDirectory(name: string): string {
  return join(cacheDirectory(), "labs", name);
}

/** Name of a host, beginning with 1. */
export function hostName(lab: string, number: number): string {
  return `${lab}-${number}`;
}

/** Name of a host's container. */
export function containerName(lab: string, number: number): string {
  return `stratiform-${hostName(lab, number)}`;
}

/** Name of one of the lab's networks. */
export function networkName(lab: string, network: "lab" | "provider"): string {
  return `stratiform-${lab}-${network}`;
}

/**
 * What a host does: the first `control` hosts are control hosts, the first of all is the gateway too, the others compute.
 * Where that leaves nobody to compute, every host does.
 */
export function hostRoles(number: number, hosts: number, control: number): HostRole[] {
  if (number > control) return [HostRole.Compute];
  return [
    HostRole.Control,
    ...(number === 1 ? [HostRole.Gateway] : []),
    ...(hosts <= control ? [HostRole.Compute] : []),
  ];
}
