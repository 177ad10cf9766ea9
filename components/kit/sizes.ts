import { type ProcessSize, type ProcessSizeArgs, Profile, type SizesArgs } from "./profile";
import { proposal } from "./proposal";

/** What a profile settles. */
export interface ProfileSettings {
  /** Whether state (databases, keys) is protected from deletion. */
  protect: boolean;
  /** Seconds between a pod's leaving the endpoints and the end of its process: as long as anybody may take to hear of it. */
  stopPause: number;
  /** Sizes by service and process. */
  sizes: Record<string, Record<string, ProcessSize>>;
  /** Size of any other process. */
  other: ProcessSize;
}

/** The profiles: every number of replicas, workers, CPU, memory and storage that the cloud has unless told otherwise. */
export const profileSizes: Record<Profile, ProfileSettings> = {
  [Profile.Lab]: {
    protect: false,
    stopPause: 5,
    sizes: {
      mariadb: {
        server: { replicas: 1, workers: 1, cpu: "200m", memory: "384Mi", storage: "2Gi" },
        proxy: { replicas: 1, workers: 1, cpu: "100m", memory: "32Mi" },
      },
      memcached: { server: { replicas: 1, workers: 1, cpu: "100m", memory: "64Mi" } },
      // It takes 110 MiB from the start, and publishers wait from 0.6 of this on.
      rabbitmq: { server: { replicas: 1, workers: 1, cpu: "100m", memory: "448Mi", storage: "2Gi" } },
      ovn: {
        northbound: { replicas: 1, workers: 1, cpu: "10m", memory: "24Mi", storage: "256Mi" },
        southbound: { replicas: 1, workers: 1, cpu: "10m", memory: "32Mi", storage: "256Mi" },
        northd: { replicas: 1, workers: 1, cpu: "10m", memory: "24Mi" },
      },
      openvswitch: {
        "host-network": { replicas: 1, workers: 1, cpu: "5m", memory: "8Mi" },
        "ovsdb-server": { replicas: 1, workers: 1, cpu: "10m", memory: "16Mi" },
        "ovs-vswitchd": { replicas: 1, workers: 1, cpu: "50m", memory: "48Mi" },
        "ovn-controller": { replicas: 1, workers: 1, cpu: "10m", memory: "24Mi" },
      },
      libvirt: { libvirtd: { replicas: 1, workers: 1, cpu: "20m", memory: "64Mi" } },
      edge: { haproxy: { replicas: 1, workers: 1, cpu: "100m", memory: "64Mi" } },
      // Two even here, so that one can be lost without a lost request. Each worker loads the whole application, for 3 s of a
      // core. Everybody waits for this one at the start: it asks for more than the others.
      keystone: { api: { replicas: 2, workers: 1, cpu: "200m", memory: "256Mi" } },
      placement: { api: { replicas: 1, workers: 1, cpu: "50m", memory: "96Mi" } },
      glance: { api: { replicas: 1, workers: 2, cpu: "50m", memory: "256Mi", storage: "5Gi" } },
      // Compute hosts wait for it, and who makes the first server for them.
      nova: {
        api: { replicas: 1, workers: 1, cpu: "100m", memory: "320Mi" },
        metadata: { replicas: 1, workers: 1, cpu: "20m", memory: "128Mi" },
        conductor: { replicas: 1, workers: 1, cpu: "50m", memory: "144Mi" },
        scheduler: { replicas: 1, workers: 1, cpu: "20m", memory: "128Mi" },
        novncproxy: { replicas: 1, workers: 1, cpu: "20m", memory: "128Mi" },
        compute: { replicas: 1, workers: 1, cpu: "50m", memory: "288Mi" },
      },
      // As much memory as they were seen to hold.
      neutron: {
        api: { replicas: 1, workers: 1, cpu: "50m", memory: "256Mi" },
        "periodic-workers": { replicas: 1, workers: 1, cpu: "20m", memory: "160Mi" },
        "ovn-maintenance-worker": { replicas: 1, workers: 1, cpu: "20m", memory: "208Mi" },
        "ovn-metadata-agent": { replicas: 1, workers: 1, cpu: "20m", memory: "320Mi" },
      },
    },
    other: { replicas: 1, workers: 1, cpu: "20m", memory: "128Mi" },
  },
  [Profile.Small]: {
    protect: true,
    stopPause: 10,
    sizes: {
      mariadb: {
        server: { replicas: 1, workers: 1, cpu: "250m", memory: "1Gi", memoryLimit: "2Gi", storage: "20Gi" },
        proxy: { replicas: 2, workers: 1, cpu: "50m", memory: "64Mi", memoryLimit: "256Mi" },
      },
      memcached: { server: { replicas: 1, workers: 1, cpu: "50m", memory: "128Mi", memoryLimit: "256Mi" } },
      rabbitmq: {
        server: { replicas: 1, workers: 1, cpu: "200m", memory: "512Mi", memoryLimit: "1Gi", storage: "10Gi" },
      },
      ovn: {
        northbound: { replicas: 1, workers: 1, cpu: "50m", memory: "128Mi", memoryLimit: "2Gi", storage: "5Gi" },
        southbound: { replicas: 1, workers: 1, cpu: "100m", memory: "256Mi", memoryLimit: "4Gi", storage: "5Gi" },
        northd: { replicas: 2, workers: 1, cpu: "50m", memory: "128Mi", memoryLimit: "2Gi" },
      },
      // No limit of memory on hosts: what would be killed there are the networks of running guests.
      openvswitch: {
        "host-network": { replicas: 1, workers: 1, cpu: "10m", memory: "16Mi" },
        "ovsdb-server": { replicas: 1, workers: 1, cpu: "20m", memory: "32Mi" },
        "ovs-vswitchd": { replicas: 1, workers: 1, cpu: "200m", memory: "256Mi" },
        "ovn-controller": { replicas: 1, workers: 1, cpu: "50m", memory: "128Mi" },
      },
      libvirt: { libvirtd: { replicas: 1, workers: 1, cpu: "100m", memory: "256Mi" } },
      edge: { haproxy: { replicas: 1, workers: 2, cpu: "100m", memory: "128Mi", memoryLimit: "512Mi" } },
      keystone: { api: { replicas: 2, workers: 2, cpu: "200m", memory: "384Mi", memoryLimit: "1Gi" } },
      placement: { api: { replicas: 2, workers: 1, cpu: "100m", memory: "192Mi", memoryLimit: "1Gi" } },
      // One pod has the volume. As many transfers at once as it has workers.
      glance: {
        api: { replicas: 1, workers: 4, cpu: "200m", memory: "512Mi", memoryLimit: "2Gi", storage: "100Gi" },
      },
      nova: {
        api: { replicas: 2, workers: 2, cpu: "200m", memory: "512Mi", memoryLimit: "1Gi" },
        // No limit: its helpers handle whole disks, and what is in the cache for files counts.
        compute: { replicas: 1, workers: 1, cpu: "200m", memory: "512Mi" },
      },
      neutron: {
        api: { replicas: 2, workers: 2, cpu: "200m", memory: "512Mi", memoryLimit: "1Gi" },
        "periodic-workers": { replicas: 1, workers: 1, cpu: "50m", memory: "256Mi", memoryLimit: "512Mi" },
        "ovn-maintenance-worker": { replicas: 1, workers: 1, cpu: "50m", memory: "256Mi", memoryLimit: "512Mi" },
        "ovn-metadata-agent": { replicas: 1, workers: 1, cpu: "50m", memory: "512Mi", memoryLimit: "1536Mi" },
      },
    },
    other: { replicas: 2, workers: 2, cpu: "100m", memory: "256Mi", memoryLimit: "1Gi" },
  },
  [Profile.Ha]: {
    protect: true,
    stopPause: 15,
    sizes: {
      mariadb: {
        server: { replicas: 3, workers: 1, cpu: "1", memory: "4Gi", memoryLimit: "8Gi", storage: "50Gi" },
        proxy: { replicas: 3, workers: 2, cpu: "200m", memory: "128Mi", memoryLimit: "512Mi" },
      },
      memcached: { server: { replicas: 3, workers: 2, cpu: "100m", memory: "512Mi", memoryLimit: "1Gi" } },
      rabbitmq: {
        server: { replicas: 3, workers: 1, cpu: "500m", memory: "2Gi", memoryLimit: "4Gi", storage: "20Gi" },
      },
      ovn: {
        northbound: { replicas: 3, workers: 1, cpu: "200m", memory: "512Mi", memoryLimit: "4Gi", storage: "10Gi" },
        southbound: { replicas: 3, workers: 1, cpu: "500m", memory: "1Gi", memoryLimit: "8Gi", storage: "10Gi" },
        northd: { replicas: 3, workers: 1, cpu: "200m", memory: "512Mi", memoryLimit: "4Gi" },
      },
      openvswitch: {
        "host-network": { replicas: 1, workers: 1, cpu: "10m", memory: "16Mi" },
        "ovsdb-server": { replicas: 1, workers: 1, cpu: "50m", memory: "64Mi" },
        "ovs-vswitchd": { replicas: 1, workers: 1, cpu: "500m", memory: "512Mi" },
        "ovn-controller": { replicas: 1, workers: 1, cpu: "100m", memory: "256Mi" },
      },
      libvirt: { libvirtd: { replicas: 1, workers: 1, cpu: "200m", memory: "512Mi" } },
      edge: { haproxy: { replicas: 3, workers: 4, cpu: "500m", memory: "256Mi", memoryLimit: "1Gi" } },
      keystone: { api: { replicas: 3, workers: 3, cpu: "500m", memory: "768Mi", memoryLimit: "2Gi" } },
      placement: { api: { replicas: 3, workers: 2, cpu: "250m", memory: "384Mi", memoryLimit: "2Gi" } },
      glance: {
        api: { replicas: 1, workers: 8, cpu: "500m", memory: "1Gi", memoryLimit: "4Gi", storage: "500Gi" },
      },
      nova: {
        api: { replicas: 3, workers: 4, cpu: "500m", memory: "1Gi", memoryLimit: "3Gi" },
        compute: { replicas: 1, workers: 1, cpu: "250m", memory: "1Gi" },
      },
      neutron: {
        api: { replicas: 3, workers: 4, cpu: "500m", memory: "1Gi", memoryLimit: "3Gi" },
        "periodic-workers": { replicas: 2, workers: 1, cpu: "100m", memory: "384Mi", memoryLimit: "1Gi" },
        "ovn-maintenance-worker": { replicas: 2, workers: 1, cpu: "100m", memory: "384Mi", memoryLimit: "1Gi" },
        "ovn-metadata-agent": { replicas: 1, workers: 1, cpu: "100m", memory: "512Mi", memoryLimit: "2Gi" },
      },
    },
    other: { replicas: 3, workers: 3, cpu: "250m", memory: "512Mi", memoryLimit: "2Gi" },
  },
};

/** Protections and pauses of a profile. */
export function profileSettings(profile: Profile): Pick<ProfileSettings, "protect" | "stopPause"> {
  const { protect, stopPause } = profileSizes[profile];
  return { protect, stopPause };
}

/** What a process gets: the profile's size, with what `sizes` says in place of it. */
export function sizeOf(profile: Profile, sizes: SizesArgs, service: string, process: string): ProcessSize {
  const { sizes: own, other } = profileSizes[profile];
  const given = Object.entries(sizes[service]?.[process] ?? {}).filter(([, value]) => value !== undefined);
  return { ...(own[service]?.[process] ?? other), ...Object.fromEntries(given) };
}

/** Factors of the units that Kubernetes' quantities have. */
const units: Record<string, number> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * A quantity in Kubernetes' units as a number: `512Mi` in bytes, `250m` in CPUs.
 * @throws Error if it is no quantity
 */
export function quantity(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text) ?? [];
  const factor = units[unit];
  if (digits === "" || factor === undefined) {
    throw new Error(`"${text}" is no quantity; write one such as "512Mi"`);
  }
  return Number(digits) * factor;
}

/** A set of pods that decides by majority. */
export interface QuorumSet {
  service: string;
  process: string;
}

const counts = ["replicas", "workers"] as const;
const quantities: Record<string, string> = { cpu: "250m", memory: "512Mi", memoryLimit: "1Gi", storage: "20Gi" };
const sizeKeys = [...counts, ...Object.keys(quantities)];

/**
 * Problems of `sizes`, each with its path below it: `.keystone.api.replicas: …`.
 * @param known processes by service
 * @param quorumSets which of them decide by majority
 */
export function checkSizes(
  profile: Profile,
  sizes: SizesArgs,
  known: Record<string, readonly string[]>,
  quorumSets: readonly QuorumSet[],
): string[] {
  return Object.entries(sizes).flatMap(([service, processes]) => {
    const own = known[service];
    if (own === undefined) {
      return [`.${service}: the cloud has no service ${service}; ${proposal(service, Object.keys(known))}`];
    }
    return Object.entries(processes ?? {}).flatMap(([process, size]) => {
      const where = `.${service}.${process}`;
      if (!own.includes(process)) {
        return [`${where}: ${service} has no process ${process}; ${proposal(process, own)}`];
      }
      const problems = sizeProblems(where, size ?? {});
      const quorum = quorumSets.some((set) => set.service === service && set.process === process);
      return problems.length > 0 ? problems : settledProblems(where, sizeOf(profile, sizes, service, process), quorum);
    });
  });
}

/** Problems of what is written. */
function sizeProblems(where: string, size: ProcessSizeArgs): string[] {
  return Object.entries(size).flatMap(([key, value]) => {
    if (!sizeKeys.includes(key)) {
      return [`${where}.${key}: unknown key; ${proposal(key, sizeKeys)}`];
    }
    const example = quantities[key];
    if (example === undefined) {
      return Number.isInteger(value) && value >= 1
        ? []
        : [`${where}.${key}: ${JSON.stringify(value)} is not possible; write a whole number, 1 or more`];
    }
    return isQuantity(key, value)
      ? []
      : [`${where}.${key}: ${JSON.stringify(value)} is no quantity above 0; write one such as "${example}"`];
  });
}

function isQuantity(key: string, value: unknown): boolean {
  // CPUs are counted in thousandths at the finest, and bytes are whole.
  const form = key === "cpu" ? /^\d+(\.\d{1,3})?$|^\d+m$/ : /^\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti)$|^\d+$/;
  return typeof value === "string" && form.test(value) && quantity(value) > 0;
}

/** Problems of a size once the profile's numbers stand beside what is written. */
function settledProblems(where: string, size: ProcessSize, quorum: boolean): string[] {
  const { replicas, memory, memoryLimit } = size;
  return [
    ...(quorum && replicas % 2 === 0
      ? [
          `${where}.replicas: ${replicas} members bear no more losses than ${replicas - 1}, as they decide by majority; use an odd number`,
        ]
      : []),
    ...(memoryLimit !== undefined && quantity(memoryLimit) < quantity(memory)
      ? [`${where}.memoryLimit: ${memoryLimit} is less than memory, ${memory}; set both`]
      : []),
  ];
}
