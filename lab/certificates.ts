import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { labDirectory } from "./names";
import { run } from "./toolchain/index";

/** Certificates of a lab's registry and mirror. */
export interface LabCertificates {
  /** Directory with `ca.crt` alone: container tools take what else is there for a client's key. */
  directory: string;
  /** The CA's certificate, PEM. */
  ca: string;
  /** File of the servers' certificate. */
  certificate: string;
  /** File of the servers' private key. */
  key: string;
}

/** Ten years: a lab is thrown away long before. */
const days = "3650";
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * The lab's own CA, and a certificate by it for the registry and the mirror. The CA's key is thrown away once it has
 * signed: nobody can sign anything else that the hosts would trust.
 * @param address this computer's address in the lab network
 */
export async function ensureCertificates(lab: string, address: string): Promise<LabCertificates> {
  const directory = join(labDirectory(lab), "tls");
  const files = { certificate: join(directory, "server.crt"), key: join(directory, "server.key") };
  const trust = join(directory, "trust");
  const caFile = join(trust, "ca.crt");
  if (!(await usable(caFile, files.certificate, address))) await issue(lab, directory, address);
  return { directory: trust, ca: await readFile(caFile, "utf8"), ...files };
}

async function usable(ca: string, certificate: string, address: string): Promise<boolean> {
  if (!existsSync(ca) || !existsSync(certificate)) return false;
  const server = new X509Certificate(await readFile(certificate));
  const issuer = new X509Certificate(await readFile(ca));
  const left = Date.parse(server.validTo) - Date.now();
  return server.verify(issuer.publicKey) && server.checkIP(address) !== undefined && left > 30 * 86_400_000;
}

async function issue(lab: string, directory: string, address: string): Promise<void> {
  const fresh = `${directory}.new`;
  const at = (file: string) => join(fresh, file);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(at("trust"), { recursive: true, mode: 0o700 });
  const names = `IP:${address},IP:127.0.0.1,DNS:localhost,DNS:registry.${lab}.lab,DNS:mirror.${lab}.lab`;
  await writeFile(
    at("server.ext"),
    `subjectAltName=${names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n`,
  );
  const ca = ["-x509", "-subj", `/CN=Stratiform lab ${lab} CA`, "-keyout", at("ca.key"), "-out", at("trust/ca.crt")];
  const limits = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  await run("openssl", ["req", ...newKey, ...ca, "-days", days, ...limits]);
  const subject = ["-subj", `/CN=Stratiform lab ${lab}`, "-keyout", at("server.key"), "-out", at("server.csr")];
  await run("openssl", ["req", ...newKey, ...subject]);
  const signer = ["-CA", at("trust/ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", days];
  const result = ["-in", at("server.csr"), "-extfile", at("server.ext"), "-out", at("server.crt")];
  await run("openssl", ["x509", "-req", ...signer, ...result]);
  for (const file of ["ca.key", "trust/ca.srl", "server.csr", "server.ext"]) await rm(at(file), { force: true });
  await chmod(at("server.key"), 0o600);
  await rm(directory, { recursive: true, force: true });
  await rename(fresh, directory);
}
