import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { isAddress } from "../cluster/validate-networks";
import type { CloudContext } from "../kit/context";

/** Name of the ConfigMap that holds the authority's certificate under `ca.crt`. It keeps its name when the content changes. */
export const authorityConfigMap = "ca";

// Ten years, as the cluster's own authorities.
const authorityHours = 87600;
// A year; an `up` of the last two months renews it.
const leafHours = 8760;
const leafRenewalHours = 1440;

/** Arguments of `Authority`. */
export interface AuthorityArgs {
  /** Name of the cloud that it is for. */
  cloud: string;
  /** Whether its key is protected from deletion. */
  protect: boolean;
  /** PEM certificate of a CA that is there already. Needs `privateKey`. @default a CA of the stack's own */
  certificate?: string;
  /** Private key of `certificate`. @default none */
  privateKey?: pulumi.Input<string>;
}

/** A certificate with its key. */
export interface IssuedCertificate {
  /** PEM certificate, and the authority's after it. */
  certificate: pulumi.Output<string>;
  /** PEM private key, a secret. */
  privateKey: pulumi.Output<string>;
}

/** The CA that signs the endpoints' certificate: the stack's own, or one that is given. */
export class Authority extends pulumi.ComponentResource {
  /** PEM certificate that clients check against. */
  public readonly certificate: pulumi.Output<string>;
  readonly #privateKey: pulumi.Output<string>;

  constructor(name: string, args: AuthorityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stratiform:index:Authority", name, {}, opts);
    const { certificate, privateKey } = given(args) ?? own(name, args, this);
    this.certificate = certificate;
    this.#privateKey = privateKey;
    this.registerOutputs({ certificate: this.certificate });
  }

  /** Puts the certificate into the namespace of the cloud's nodes as well. */
  public publishForNodes(name: string, context: CloudContext): pulumi.Resource {
    return new k8s.core.v1.ConfigMap(
      name,
      {
        metadata: { name: authorityConfigMap, namespace: context.nodeNamespace },
        data: { "ca.crt": this.certificate },
      },
      context.inNodeNamespace(this),
    );
  }

  /** Puts the certificate into the cloud's namespace, for pods that call the endpoints. */
  public publish(name: string, context: CloudContext): pulumi.Resource {
    return new k8s.core.v1.ConfigMap(
      name,
      { metadata: { name: authorityConfigMap, namespace: context.namespace }, data: { "ca.crt": this.certificate } },
      context.inNamespace(this),
    );
  }

  /**
   * Issues a certificate.
   * @param hosts names and addresses that it is for
   * @param parties in which parts of a connection its owner may prove itself. @default as a server only
   */
  public issue(
    name: string,
    hosts: readonly string[],
    parties: readonly ("server_auth" | "client_auth")[] = ["server_auth"],
  ): IssuedCertificate {
    const opts = { parent: this };
    const key = new tls.PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);
    const request = new tls.CertRequest(
      name,
      {
        privateKeyPem: key.privateKeyPem,
        subject: { commonName: hosts[0] ?? name },
        dnsNames: hosts.filter((host) => !isAddress(host)),
        ipAddresses: hosts.filter(isAddress),
      },
      opts,
    );
    const certificate = new tls.LocallySignedCert(
      name,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: this.#privateKey,
        caCertPem: this.certificate,
        validityPeriodHours: leafHours,
        earlyRenewalHours: leafRenewalHours,
        setSubjectKeyId: true,
        allowedUses: ["digital_signature", "key_encipherment", ...parties],
      },
      opts,
    );
    return {
      certificate: pulumi.concat(certificate.certPem, this.certificate),
      privateKey: pulumi.secret(key.privateKeyPem),
    };
  }
}

function given(args: AuthorityArgs): IssuedCertificate | undefined {
  return args.certificate === undefined
    ? undefined
    : {
        // With one newline at its end, as other certificates follow.
        certificate: pulumi.output(`${args.certificate.trim()}\n`),
        privateKey: pulumi.secret(args.privateKey ?? ""),
      };
}

function own(name: string, args: AuthorityArgs, parent: pulumi.Resource): IssuedCertificate {
  const opts = { parent, protect: args.protect };
  const key = new tls.PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);
  const certificate = new tls.SelfSignedCert(
    name,
    {
      privateKeyPem: key.privateKeyPem,
      subject: { commonName: `Stratiform CA of ${args.cloud}` },
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: authorityHours,
      allowedUses: ["cert_signing", "crl_signing", "digital_signature"],
    },
    opts,
  );
  return { certificate: certificate.certPem, privateKey: key.privateKeyPem };
}
