import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { Authority, type IssuedCertificate } from "../platform/authority";
import { layConsoleCredentials } from "./console-tls";
import type { CloudFacts, ServiceDefinition } from "./definition";
import { libvirtTlsSecret } from "./libvirt";

/**
 * The certificates of compute hosts, as one Secret of the node namespace: with one they prove themselves to each other when
 * they migrate guests, with another to the proxy of guests' consoles, whose own certificate is made too. Each has an
 * authority that signs nothing else: whoever the first has signed may do everything with every guest. One certificate names
 * all compute hosts; why not one for each: docs/architecture.md.
 *
 * The Secret keeps its name, so a further host changes no pod that is there; `hosts` says whom the certificates name, and
 * a pod waits until they name its own host.
 */
export function hostCertificates(
  name: string,
  cloud: { facts: CloudFacts; definitions: readonly ServiceDefinition[] },
  context: CloudContext,
  parent: pulumi.Resource,
): pulumi.Resource[] {
  const { facts, definitions } = cloud;
  const wanted = definitions.some((one) =>
    one.processes.some((process) => process.perNode?.secrets?.[libvirtTlsSecret] !== undefined),
  );
  if (!wanted) {
    return [];
  }
  const authority = (use: string): Authority =>
    new Authority(
      `${name}-${use}-authority`,
      { cloud: `${context.cloud}: ${use}`, protect: context.protect },
      { parent },
    );
  const [migration, consoles] = [authority("libvirt"), authority("console")];
  const hosts = facts.hosts("compute").map((host) => facts.host(host));
  const names = ["libvirt", ...hosts.flatMap((host) => [host.name, host.address])];
  const files = {
    ...keys("", migration, migration.issue(`${name}-libvirt`, names, ["server_auth", "client_auth"])),
    ...keys("console-", consoles, consoles.issue(`${name}-console-hosts`, names)),
  };
  return [
    new k8s.core.v1.Secret(
      `${name}-libvirt`,
      {
        metadata: { name: libvirtTlsSecret, namespace: context.nodeNamespace },
        stringData: pulumi.secret({ ...files, hosts: `${hosts.map((host) => host.address).join("\n")}\n` }),
      },
      context.inNodeNamespace(parent),
    ),
    ...layConsoleCredentials(`${name}-console`, { context, authority: consoles, definitions }),
  ];
}

function keys(
  prefix: string,
  authority: Authority,
  { certificate, privateKey }: IssuedCertificate,
): Record<string, pulumi.Output<string>> {
  return {
    [`${prefix}ca.crt`]: authority.certificate,
    [`${prefix}tls.crt`]: certificate,
    [`${prefix}tls.key`]: privateKey,
  };
}
