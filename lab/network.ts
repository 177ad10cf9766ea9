import ipaddr from "ipaddr.js";
import { UserError } from "./error";
import { labLabel, networkName } from "./names";
import { type LabNetwork, labNames, readRecord } from "./record";
import { withLock } from "./toolchain/cache";
import { podman } from "./toolchain/containers";
import { run } from "./toolchain/process";

/** Two neighbouring /24: the lower one carries the hosts' addresses, the upper one is the provider network. */
export interface LabSubnets {
  /** Lab network. */
  lab: string;
  /** Provider network. */
  provider: string;
}

/**
 * Where labs live: 10.64.0.0/11, private and seldom used. It ends below 10.96.0.0/16 and 10.244.0.0/16, the default
 * service and pod networks.
 */
const firstSecondOctet = 64;
const lastSecondOctet = 95;

/** Whether two networks in CIDR form have an address in common. Networks of different families have none. */
export function overlap(left: string, right: string): boolean {
  const [a, aLength] = ipaddr.parseCIDR(left);
  const [b, bLength] = ipaddr.parseCIDR(right);
  if (a.kind() !== b.kind()) return false;
  return a.match(b, Math.min(aLength, bLength));
}

/**
 * The first pair of subnets that overlaps nothing in use.
 * @param used networks in CIDR form
 * @throws UserError if none is left
 */
export function chooseSubnets(used: readonly string[]): LabSubnets {
  for (let second = firstSecondOctet; second <= lastSecondOctet; second++) {
    for (let third = 0; third < 256; third += 2) {
      if (used.some((network) => overlap(network, `10.${second}.${third}.0/23`))) continue;
      return { lab: `10.${second}.${third}.0/24`, provider: `10.${second}.${third + 1}.0/24` };
    }
  }
  throw new UserError("no free subnet in 10.64.0.0/11: take labs down that are not needed (npm run lab -- status)");
}

/** Address number `n` of a /24 network. */
export function addressIn(subnet: string, n: number): string {
  return subnet.replace(/\.0\/24$/, `.${n}`);
}

/** Address of host `number` (from 1): .11 and up. */
export function hostAddress(subnet: string, number: number): string {
  return addressIn(subnet, 10 + number);
}

interface Route {
  dst?: string;
}

/** Networks that this computer has a route to, from `ip -j route`; the default route is none of them. */
export function routedNetworks(json: string): string[] {
  return (JSON.parse(json) as Route[]).flatMap(({ dst }) => {
    if (dst === undefined || dst === "default") return [];
    if (dst.includes("/")) return [dst];
    return ipaddr.isValid(dst) ? [`${dst}/${dst.includes(":") ? 128 : 32}`] : [];
  });
}

interface PodmanNetwork {
  subnets?: { subnet: string }[];
}

async function usedNetworks(): Promise<string[]> {
  const routes = routedNetworks(await run("ip", ["-j", "-4", "route", "show", "table", "all"]));
  const names = (await podman(["network", "ls", "--quiet"])).split("\n").filter((name) => name !== "");
  const networks = JSON.parse(await podman(["network", "inspect", ...names])) as PodmanNetwork[];
  const records = await Promise.all((await labNames()).map(readRecord));
  return [
    ...routes,
    ...networks.flatMap((network) => (network.subnets ?? []).map(({ subnet }) => subnet)),
    ...records.flatMap((record) => (record === undefined ? [] : [record.network.subnet, record.provider.subnet])),
  ];
}

/**
 * Makes the two networks of a lab, without podman's own name service: hosts ask what this computer asks, as machines do.
 * @param known the networks of a lab that was made before; they are made again if they are gone
 */
export async function ensureNetworks(
  lab: string,
  known?: { network: LabNetwork; provider: LabNetwork },
): Promise<{ network: LabNetwork; provider: LabNetwork }> {
  return withLock("networks", async () => {
    const subnets: LabSubnets =
      known === undefined
        ? chooseSubnets(await usedNetworks())
        : { lab: known.network.subnet, provider: known.provider.subnet };
    const describe = (kind: "lab" | "provider"): LabNetwork => ({
      name: networkName(lab, kind),
      subnet: subnets[kind],
      gateway: addressIn(subnets[kind], 1),
    });
    const networks = { network: describe("lab"), provider: describe("provider") };
    await ensureNetwork(lab, networks.network, []);
    // Internal: no default route by it, so that eth0 is the way out.
    await ensureNetwork(lab, networks.provider, ["--internal"]);
    return networks;
  });
}

async function ensureNetwork(lab: string, network: LabNetwork, options: string[]): Promise<void> {
  const exists = await podman(["network", "exists", network.name]).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const place = ["--driver", "bridge", "--subnet", network.subnet, "--gateway", network.gateway];
  await podman([
    "network",
    "create",
    "--disable-dns",
    "--label",
    `${labLabel}=${lab}`,
    ...place,
    ...options,
    network.name,
  ]);
}
