import type { JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import type { ProgramRun, Registered } from "./engine";
import { isSecret, reveal } from "./providers";

/** A run's resources, as a graph. */
export class Graph {
  private readonly byUrn: Map<string, Registered>;

  constructor(readonly run: ProgramRun) {
    this.byUrn = new Map(run.resources.map((resource) => [resource.urn, resource]));
  }

  /** All resources but the stack, in the order of registration. */
  get resources(): Registered[] {
    return this.run.resources.filter((resource) => resource.type !== "pulumi:pulumi:Stack");
  }

  get urns(): string[] {
    return this.resources.map((resource) => resource.urn);
  }

  /** Steps on hosts. */
  get steps(): Registered[] {
    return this.resources.filter((resource) => resource.type === "command:remote:Command");
  }

  /** Kubernetes objects. */
  get objects(): Registered[] {
    return this.resources.filter((resource) => resource.type.startsWith("kubernetes:"));
  }

  byUrnOf(urn: string): Registered {
    const resource = this.byUrn.get(urn);
    if (!resource) {
      throw new Error(`nothing was registered as ${urn}`);
    }
    return resource;
  }

  /** The step of that name; the error lists those that exist. */
  step(name: string): Registered {
    const step = this.steps.find((candidate) => candidate.name === name);
    if (!step) {
      throw new Error(`no step ${name} among ${this.steps.map((candidate) => candidate.name).join(", ")}`);
    }
    return step;
  }

  /** URNs of all that must be there before a resource is made: dependencies and providers, and theirs. */
  before(resource: Registered): Set<string> {
    const found = new Set<string>();
    const visit = (current: Registered): void => {
      const provider = current.provider.split("::").slice(0, 4).join("::");
      for (const urn of [...current.dependencies, ...(provider ? [provider] : [])]) {
        if (!found.has(urn)) {
          found.add(urn);
          visit(this.byUrnOf(urn));
        }
      }
    };
    visit(resource);
    return found;
  }

  /** Whether `earlier` must be there before `later` is made. */
  precedes(earlier: Registered, later: Registered): boolean {
    return this.before(later).has(earlier.urn);
  }

  /** Inputs laid open, by URN. */
  inputs(): Map<string, JavaScriptValue> {
    return new Map(this.resources.map((resource) => [resource.urn, reveal(resource.inputs)]));
  }
}

/** The part of a value that is not marked as a secret, as text. */
export function openText(value: JavaScriptValue | undefined): string {
  return JSON.stringify(value, (_key, inner: JavaScriptValue) => (isSecret(inner) ? "[secret]" : inner)) ?? "";
}
