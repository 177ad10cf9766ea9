// A chain of certificates, and a remote step with the options that the product gives its own.
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

const config = new pulumi.Config();

function key(name: string): tls.PrivateKey {
  return new tls.PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" });
}

const caKey = key("ca").privateKeyPem;
const ca = new tls.SelfSignedCert("ca", {
  privateKeyPem: caKey,
  subject: { commonName: "engine test" },
  isCaCertificate: true,
  validityPeriodHours: 24,
  allowedUses: ["cert_signing", "crl_signing", "digital_signature"],
});
const leafKey = key("leaf").privateKeyPem;
const request = new tls.CertRequest("leaf", {
  privateKeyPem: leafKey,
  subject: { commonName: "leaf", organization: "system:masters" },
  dnsNames: ["leaf.example.invalid"],
  ipAddresses: ["10.96.0.1"],
});
const leaf = new tls.LocallySignedCert("leaf", {
  certRequestPem: request.certRequestPem,
  caCertPem: ca.certPem,
  caPrivateKeyPem: caKey,
  validityPeriodHours: 24,
  allowedUses: ["digital_signature", "server_auth", "client_auth"],
});

new command.remote.Command(
  "step",
  {
    connection: {
      host: "127.0.0.1",
      port: config.requireNumber("port"),
      user: "root",
      privateKey: pulumi.secret(config.require("clientKey")),
      hostKey: config.require("hostKey"),
      dialErrorLimit: 2,
      perDialTimeout: 5,
    },
    create: "apply create",
    update: "apply update",
    delete: "remove",
    stdin: pulumi.secret(config.require("stdin")),
    triggers: [config.require("trigger")],
    addPreviousOutputInEnv: false,
  },
  { deleteBeforeReplace: true, additionalSecretOutputs: ["stdin"] },
);

export const certificates = { ca: ca.certPem, leaf: leaf.certPem };
export const leafPrivateKey = leafKey;
