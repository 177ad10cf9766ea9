import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { Authority, type IssuedCertificate } from "../platform/authority";
import { consolesName } from "./connections";
import type { CloudFacts, ServiceDefinition } from "./definition";

/** Where both ends of a connection to a virtual machine's console find what they prove themselves with. */
export const consoleTls = {
  /** Secret, in the namespace of the cloud and in that of its nodes. */
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

/** Whether a process has the consoles of virtual machines, for others to reach. */
function hasConsoles(process: ServiceDefinition["processes"][number]): boolean {
  return process.perNode?.secrets?.[consoleTls.secret] !== undefined;
}

/**
 * The certificates of both ends, by an authority that signs nothing else: whoever it has signed may see every console. One
 * certificate names all compute hosts, as that for migrations does; none if nobody has consoles or reaches them.
 */
export function consoleCertificates(
  name: string,
  plan: {
    facts: CloudFacts;
    context: CloudContext;
    definitions: readonly ServiceDefinition[];
    parent: pulumi.Resource;
  },
): pulumi.Resource[] {
  const { facts, context, parent } = plan;
  const processes = plan.definitions.flatMap((one) => one.processes);
  const [reached, had] = [processes.some(usesConsoles), processes.some(hasConsoles)];
  if (!reached && !had) {
    return [];
  }
  const authority = new Authority(
    `${name}-authority`,
    { cloud: `${context.cloud}: consoles`, protect: context.protect },
    { parent },
  );
  const hosts = facts.hosts("compute").map((host) => facts.host(host));
  const secret = (suffix: string, leaf: IssuedCertificate, namespace: string, opts: pulumi.CustomResourceOptions) =>
    new k8s.core.v1.Secret(
      `${name}${suffix}`,
      {
        // Its name stays, so that a renewed certificate, or one for a further host, changes no pod.
        metadata: { name: consoleTls.secret, namespace },
        stringData: pulumi.secret({
          "ca.crt": authority.certificate,
          "tls.crt": leaf.certificate,
          "tls.key": leaf.privateKey,
          hosts: `${hosts.map((host) => host.address).join("\n")}\n`,
        }),
      },
      opts,
    );
  const client = () => authority.issue(`${name}-client`, [`console.${context.cloud}`], ["client_auth"]);
  const server = () =>
    authority.issue(`${name}-server`, ["console", ...hosts.flatMap((host) => [host.name, host.address])]);
  return [
    ...(reached ? [secret("", client(), context.namespace, context.inNamespace(parent))] : []),
    ...(had ? [secret("-node", server(), context.nodeNamespace, context.inNodeNamespace(parent))] : []),
  ];
}
