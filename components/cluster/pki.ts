import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { stringify } from "yaml";
import { hostUser } from "./kubeadm-config";

/** A certificate authority as PEM texts. */
export interface Authority {
  /** Certificate. */
  certificate: pulumi.Output<string>;
  /** Private key, a secret. */
  key: pulumi.Output<string>;
}

/** All that kubeadm expects of a cluster's identity, minted by the stack, so that no host ever hands a key to another. */
export interface ClusterPki {
  /** Authority of the API and of the nodes. */
  cluster: Authority;
  /** Authority of etcd. */
  etcd: Authority;
  /** Authority of the API's aggregation layer. */
  frontProxy: Authority;
  /** Public key that verifies service account tokens. */
  serviceAccountPublicKey: pulumi.Output<string>;
  /** Private key that signs service account tokens, a secret. */
  serviceAccountKey: pulumi.Output<string>;
  /** Client certificate of the cluster's administrator. */
  admin: Authority;
  /** Client certificate with which hosts join and maintain their node. */
  host: Authority;
}

// Ten years, as kubeadm's own authorities.
const authorityHours = 87600;
// A year, as kubeadm's own client certificates; renewed by an `up` of the last month.
const clientHours = 8760;
const clientRenewalHours = 720;

/** Mints the cluster's keys and certificates. `protect` comes to the keys from the parent. */
export function clusterPki(name: string, parent: pulumi.Resource): ClusterPki {
  const opts = { parent };
  const key = (part: string): tls.PrivateKey =>
    new tls.PrivateKey(`${name}-${part}`, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);

  const authority = (part: string, commonName: string): Authority => {
    const privateKey = key(part);
    const certificate = new tls.SelfSignedCert(
      `${name}-${part}`,
      {
        privateKeyPem: privateKey.privateKeyPem,
        subject: { commonName },
        isCaCertificate: true,
        setSubjectKeyId: true,
        validityPeriodHours: authorityHours,
        allowedUses: ["cert_signing", "crl_signing", "digital_signature", "key_encipherment"],
      },
      opts,
    );
    return { certificate: certificate.certPem, key: privateKey.privateKeyPem };
  };

  const client = (
    part: string,
    ca: Authority,
    subject: { commonName: string; organization: string },
    hours: number,
  ): Authority => {
    const privateKey = key(part);
    const request = new tls.CertRequest(`${name}-${part}`, { privateKeyPem: privateKey.privateKeyPem, subject }, opts);
    const certificate = new tls.LocallySignedCert(
      `${name}-${part}`,
      {
        certRequestPem: request.certRequestPem,
        caPrivateKeyPem: ca.key,
        caCertPem: ca.certificate,
        validityPeriodHours: hours,
        earlyRenewalHours: clientRenewalHours,
        allowedUses: ["digital_signature", "key_encipherment", "client_auth"],
      },
      opts,
    );
    return { certificate: certificate.certPem, key: privateKey.privateKeyPem };
  };

  const cluster = authority("ca", "kubernetes");
  const serviceAccount = key("service-account");
  return {
    cluster,
    etcd: authority("etcd-ca", "etcd-ca"),
    frontProxy: authority("front-proxy-ca", "front-proxy-ca"),
    serviceAccountPublicKey: serviceAccount.publicKeyPem,
    serviceAccountKey: serviceAccount.privateKeyPem,
    admin: client(
      "admin",
      cluster,
      { commonName: "stratiform:admin", organization: "kubeadm:cluster-admins" },
      clientHours,
    ),
    host: client("host", cluster, hostUser, clientHours),
  };
}

/** A kubeconfig for one API server, authority and client certificate. */
export function kubeconfig(
  clusterName: string,
  server: string,
  ca: pulumi.Output<string>,
  client: Authority,
): pulumi.Output<string> {
  return pulumi.secret(
    pulumi.all([ca, client.certificate, client.key]).apply(([caPem, certificatePem, keyPem]) =>
      stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: clusterName, cluster: { server, "certificate-authority-data": base64(caPem) } }],
        users: [
          {
            name: clusterName,
            user: { "client-certificate-data": base64(certificatePem), "client-key-data": base64(keyPem) },
          },
        ],
        contexts: [{ name: clusterName, context: { cluster: clusterName, user: clusterName } }],
        "current-context": clusterName,
      }),
    ),
  );
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
