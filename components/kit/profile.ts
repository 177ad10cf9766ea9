/** How much a cloud has of everything. */
export const Profile = {
  /** One of each backing service, nothing protected: for labs and tests. */
  Lab: "lab",
  /** One host's worth of a real cloud: as the lab, but with the database and keys protected from deletion. */
  Small: "small",
  /** Three of each quorum, three of each API, protected: for production. */
  Ha: "ha",
} as const;
export type Profile = (typeof Profile)[keyof typeof Profile];

/** What a process gets. */
export interface ProcessSizeArgs {
  /** Pods. An odd number for quorum sets (database, message bus). @default the profile's */
  replicas?: number;
  /** Worker processes in each pod, where the program has such a number. @default the profile's */
  workers?: number;
  /** CPU that a pod asks for, in Kubernetes' units. @default the profile's */
  cpu?: string;
  /** Memory that a pod asks for, in Kubernetes' units. @default the profile's */
  memory?: string;
  /** Memory at which a pod is killed, in Kubernetes' units. @default the profile's; none in `lab` */
  memoryLimit?: string;
  /** Size of each pod's volume, in Kubernetes' units, where the process has one. @default the profile's */
  storage?: string;
}

/** Sizes that differ from the profile's, by service and process: `{ keystone: { api: { replicas: 5 } } }`. */
export type SizesArgs = Record<string, Record<string, ProcessSizeArgs>>;

/** A process' size with everything settled. */
export interface ProcessSize {
  replicas: number;
  workers: number;
  cpu: string;
  memory: string;
  memoryLimit?: string;
  storage?: string;
}
