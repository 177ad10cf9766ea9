import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import type { Authority } from "../platform/authority";
import { consolesName } from "./connections";
import type { ServiceDefinition } from "./definition";

/** Where whoever talks to `consoles` finds what it proves itself with to the hosts, and what it knows them by. */
export const consoleTls = {
  /** Secret, in the cloud's namespace. */
  secret: "console-tls",
  /** Directory in the pods. Followed when it changes. */
  directory: "/etc/stratiform/console",
  certificate: "/etc/stratiform/console/tls.crt",
  privateKey: "/etc/stratiform/console/tls.key",
  caCertificate: "/etc/stratiform/console/ca.crt",
} as const;

/** Whether a process reaches the consoles of virtual machines. */
export function usesConsoles(process: { talksTo?: readonly string[] }): boolean {
  return process.talksTo?.includes(consolesName) ?? false;
}

/** The certificate of those who reach the consoles of virtual machines; none if nobody does. */
export function layConsoleCredentials(
  name: string,
  plan: { context: CloudContext; authority: Authority; definitions: readonly ServiceDefinition[] },
): pulumi.Resource[] {
  const { context, authority, definitions } = plan;
  if (!definitions.some((one) => one.processes.some(usesConsoles))) {
    return [];
  }
  const leaf = authority.issue(name, [`console.${context.cloud}`], ["client_auth"]);
  return [
    new k8s.core.v1.Secret(
      name,
      {
        metadata: { name: consoleTls.secret, namespace: context.namespace },
        stringData: pulumi.secret({
          "ca.crt": authority.certificate,
          "tls.crt": leaf.certificate,
          "tls.key": leaf.privateKey,
        }),
      },
      context.inNamespace(authority),
    ),
  ];
}
