import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** A server's certificate with its key, and the authority that signed it. All PEM. */
export interface Issued {
  certificate: string;
  key: string;
  authority: string;
  authorityKey: string;
}

/** A certificate by a new authority, made with openssl. */
export function issueCertificate(
  names: readonly string[] = ["DNS:cloud.test", "IP:10.20.0.250", "IP:10.20.0.251"],
): Issued {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-certificate-"));
  const at = (file: string): string => path.join(folder, file);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  try {
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-subj",
      "/CN=authority",
      "-days",
      "30",
      "-keyout",
      at("ca.key"),
      "-out",
      at("ca.crt"),
    );
    openssl("req", ...newKey, "-subj", "/CN=server", "-keyout", at("server.key"), "-out", at("server.csr"));
    fs.writeFileSync(at("extensions"), `subjectAltName=${names.join(",")}\n`);
    const signer = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "30"];
    openssl("x509", "-req", ...signer, "-in", at("server.csr"), "-extfile", at("extensions"), "-out", at("server.crt"));
    const [certificate, key, authority, authorityKey] = ["server.crt", "server.key", "ca.crt", "ca.key"].map((file) =>
      fs.readFileSync(at(file), "utf8"),
    );
    return {
      certificate: certificate ?? "",
      key: key ?? "",
      authority: authority ?? "",
      authorityKey: authorityKey ?? "",
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
