import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "./error";
import { labDirectory } from "./names";
import { replaceFile } from "./replace-file";
import { cacheDirectory } from "./toolchain/cache";

/** A network of a lab. */
export interface LabNetwork {
  /** Name in podman. */
  name: string;
  /** Subnet, such as `10.64.0.0/24`. */
  subnet: string;
  /** Address of this computer in it. */
  gateway: string;
}

/** A machine of a lab. */
export interface LabHost {
  /** Host name, such as `dev-1`. */
  name: string;
  /** Address in the lab network. */
  address: string;
  /** Address of eth1 in the provider network. */
  providerAddress: string;
  /** Name of the container. */
  container: string;
  /** Number, from 1. */
  number: number;
}

/** What is kept about a lab in `<cache>/labs/<name>/lab.json`. */
export interface LabRecord {
  /** Name of the lab. */
  name: string;
  /** Name of its stack. */
  stack: string;
  /** Network that carries the hosts' addresses (eth0). */
  network: LabNetwork;
  /** Provider network (eth1). */
  provider: LabNetwork;
  /** The machines, by number. */
  hosts: LabHost[];
  /** Kubernetes releases on the mirror, the stack's first one first. */
  kubernetes: string[];
  /** Hosts that the stack file was given. One that is missing there by now was taken out on purpose. */
  listed?: string[];
  /** Whether images for a cloud are kept in the registry, and the stack file has one. @default false */
  cloud?: boolean;
  /** The tools in use, once they are there. */
  tools?: LabTools;
}

/** Tools of a lab's commands. */
export interface LabTools {
  /** The Pulumi CLI. */
  pulumi: string;
  /** Directories that stand first on PATH. */
  path: string[];
  /** kubectl. */
  kubectl: string;
  /** Whether stand-ins take the place of official plugins. */
  standIns: boolean;
  /** One line for people: what is in use and from where. */
  origin: string;
}

function recordFile(name: string): string {
  return join(labDirectory(name), "lab.json");
}

/** The record of a lab, or undefined if there is no such lab. */
export async function readRecord(name: string): Promise<LabRecord | undefined> {
  const file = recordFile(name);
  if (!existsSync(file)) return undefined;
  return JSON.parse(await readFile(file, "utf8")) as LabRecord;
}

/**
 * The record of a lab.
 * @throws UserError if there is no such lab
 */
export async function requireRecord(name: string): Promise<LabRecord> {
  const record = await readRecord(name);
  if (record !== undefined) return record;
  const names = await labNames();
  const known = names.length === 0 ? "there is none" : `there are: ${names.join(", ")}`;
  throw new UserError(`there is no lab "${name}" (${known}); make it: npm run lab -- up --name ${name}`);
}

/** Writes a record. */
export async function writeRecord(record: LabRecord): Promise<void> {
  const file = recordFile(record.name);
  await mkdir(labDirectory(record.name), { recursive: true, mode: 0o700 });
  await replaceFile(file, `${JSON.stringify(record, null, 2)}\n`);
}

/** Names of all labs of this cache directory. */
export async function labNames(): Promise<string[]> {
  const directory = join(cacheDirectory(), "labs");
  if (!existsSync(directory)) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && existsSync(recordFile(entry.name)))
    .map((entry) => entry.name);
}
