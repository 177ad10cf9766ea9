import type { types } from "@pulumi/kubernetes";
import type { Input } from "@pulumi/pulumi";

/** Files from a ConfigMap or Secret. */
export interface FilesPlan {
  /** Which kind of object holds them. */
  kind: "configMap" | "secret";
  /** Its name. */
  name: Input<string>;
  /** Which of its keys become which files. @default all, each as a file of its name */
  items?: Record<string, string>;
}

/** A volume of a pod. */
export type VolumePlan =
  /** Files of one object, with `mode`. @default 0444 from a ConfigMap, 0440 from a Secret */
  | (FilesPlan & { mode?: number })
  /** Files of several objects in one directory, with `mode`. @default 0440 */
  | { kind: "projected"; sources: readonly FilesPlan[]; mode?: number }
  /** Empty at each start of the pod; `memory` keeps it there, at most `size` large. */
  | { kind: "emptyDir"; size?: string; memory?: boolean }
  /** A PersistentVolumeClaim. */
  | { kind: "claim"; name: Input<string> }
  /** A path of the host, made as a directory where it is missing unless `type` says what must be there. */
  | { kind: "hostPath"; path: string; type?: HostPathType };

/** What a path of the host is. */
export type HostPathType = "Directory" | "DirectoryOrCreate" | "Socket" | "CharDevice";

const readable = 0o444;
const groupReadable = 0o440;

function keys(items: Record<string, string> | undefined): { items?: { key: string; path: string }[] } {
  return items === undefined ? {} : { items: Object.entries(items).map(([key, path]) => ({ key, path })) };
}

/** A volume of a pod's specification, without its name. */
export function volume(plan: VolumePlan): Omit<types.input.core.v1.Volume, "name"> {
  switch (plan.kind) {
    case "configMap":
      return { configMap: { name: plan.name, defaultMode: plan.mode ?? readable, ...keys(plan.items) } };
    case "secret":
      return { secret: { secretName: plan.name, defaultMode: plan.mode ?? groupReadable, ...keys(plan.items) } };
    case "projected":
      return {
        projected: {
          defaultMode: plan.mode ?? groupReadable,
          sources: plan.sources.map((source) => ({ [source.kind]: { name: source.name, ...keys(source.items) } })),
        },
      };
    case "emptyDir":
      return {
        emptyDir: {
          ...(plan.memory ? { medium: "Memory" } : {}),
          ...(plan.size === undefined ? {} : { sizeLimit: plan.size }),
        },
      };
    case "claim":
      return { persistentVolumeClaim: { claimName: plan.name } };
    case "hostPath":
      return { hostPath: { path: plan.path, type: plan.type ?? "DirectoryOrCreate" } };
  }
}
