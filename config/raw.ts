import * as pulumi from "@pulumi/pulumi";
import { stackFileName } from "./stack-file";

/** The stack configuration as Pulumi hands it to the program. */
export interface RawConfig {
  /** Stack file, as messages name it. */
  file: string;
  /** Stack, which names a cluster that has no name of its own. */
  stack: string;
  /** Values by `stratiform:<key>`: texts, or JSON for lists and mappings. Other namespaces are left alone. */
  values: Record<string, string>;
  /** Keys that hold a secret anywhere in their value. */
  secretKeys: string[];
  /** The program's folder, in which `releases/` is. @default the current one */
  folder?: string;
}

/** Reads this run's configuration from Pulumi. */
export function rawConfig(): RawConfig {
  const stack = pulumi.getStack();
  // Pulumi's own test whether a key is secret is not part of its public interface; this variable is what it reads.
  const secretKeys: unknown = JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] || "[]");
  return {
    file: stackFileName(stack),
    stack,
    values: pulumi.runtime.allConfig(),
    secretKeys: Array.isArray(secretKeys) ? secretKeys.map(String) : [],
  };
}

/** A value as it was meant: what is no JSON is a text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
