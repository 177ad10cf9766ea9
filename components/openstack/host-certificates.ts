import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { CloudContext } from "../kit/context";
import { Authority } from "../platform/authority";
import type { CloudFacts } from "./definition";
import { libvirtTlsSecret } from "./libvirt";

/**
 * The certificate with which compute hosts prove themselves to each other when they migrate guests, as a Secret of the
 * node namespace. Its authority signs nothing else: whoever it has signed may do everything with every guest. One
 * certificate names all compute hosts; why not one for each: docs/architecture.md.
 *
 * The Secret keeps its name, so a further host changes no pod that is there; `hosts` says whom the certificate names, and
 * a pod waits until it names its own host.
 */
export function hostCertificates(
  name: string,
  facts: CloudFacts,
  context: CloudContext,
  parent: pulumi.Resource,
): pulumi.Resource[] {
  const hosts = facts.hosts("compute").map((host) => facts.host(host));
  const names = hosts.flatMap((host) => [host.name, host.address]);
  const authority = new Authority(
    `${name}-libvirt-authority`,
    { cloud: `${context.cloud}: libvirt`, protect: context.protect },
    { parent },
  );
  const leaf = authority.issue(`${name}-libvirt`, ["libvirt", ...names], ["server_auth", "client_auth"]);
  return [
    new k8s.core.v1.Secret(
      `${name}-libvirt`,
      {
        metadata: { name: libvirtTlsSecret, namespace: context.nodeNamespace },
        stringData: pulumi.secret({
          "ca.crt": authority.certificate,
          "tls.crt": leaf.certificate,
          "tls.key": leaf.privateKey,
          hosts: `${hosts.map((host) => host.address).join("\n")}\n`,
        }),
      },
      context.inNodeNamespace(parent),
    ),
  ];
}
