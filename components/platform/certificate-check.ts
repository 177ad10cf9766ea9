import { createPrivateKey, X509Certificate } from "node:crypto";
import { isAddress } from "../cluster/validate-networks";

const dayMs = 86_400_000;

/** Days that a certificate which is brought in must at least be good for. */
const leastDays = 7;

/** The certificates of a PEM text, the server's own first. @throws Error if one cannot be read */
function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/**
 * What is wrong with a certificate that is brought in for the endpoints; empty if nothing is. Each is a sentence that says
 * what to do.
 * @param pem the server's certificate, followed by those that lead to its CA
 * @param hosts host names and addresses of the endpoints
 * @param privateKey its key as PEM. @default not looked at
 * @param now in milliseconds since 1970. @default the present
 */
export function certificateProblems(
  pem: string,
  hosts: readonly string[],
  privateKey?: string,
  now: number = Date.now(),
): string[] {
  let chain: X509Certificate[];
  try {
    chain = certificatesOf(pem);
  } catch (error) {
    return [`cannot be read: ${(error as Error).message}; give the certificate and its chain as PEM text`];
  }
  const [leaf] = chain;
  if (leaf === undefined) {
    return ["holds no certificate; give the certificate and its chain as PEM text (-----BEGIN CERTIFICATE-----)"];
  }
  return [
    ...hostProblems(leaf, hosts),
    ...timeProblems(chain, now),
    ...chainProblems(chain),
    ...(privateKey === undefined ? [] : keyProblems(leaf, privateKey)),
  ];
}

/**
 * What is wrong with a CA that is brought in to sign with; empty if nothing is.
 * @param pem its certificate
 * @param privateKey its key as PEM. @default not looked at
 * @param now in milliseconds since 1970. @default the present
 */
export function authorityProblems(pem: string, privateKey?: string, now: number = Date.now()): string[] {
  let authority: X509Certificate;
  try {
    authority = new X509Certificate(pem);
  } catch (error) {
    return [`cannot be read: ${(error as Error).message}; give the CA's certificate as PEM text`];
  }
  return [
    ...(authority.ca ? [] : ["is no CA: it may not sign certificates; give that of a CA"]),
    ...timeProblems([authority], now),
    ...(privateKey === undefined ? [] : keyProblems(authority, privateKey)),
  ];
}

function hostProblems(leaf: X509Certificate, hosts: readonly string[]): string[] {
  return hosts
    .filter((host) => (isAddress(host) ? leaf.checkIP(host) : leaf.checkHost(host, { subject: "never" })) === undefined)
    .map(
      (host) =>
        `does not hold for the endpoint ${host} (it holds for: ${leaf.subjectAltName ?? "nothing"}); have one issued with ${host} among its subject alternative names`,
    );
}

function timeProblems(chain: readonly X509Certificate[], now: number): string[] {
  return chain.flatMap((certificate) => {
    const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    const name = oneLine(certificate.subject);
    if (now < from) {
      return [`"${name}" is valid only from ${day(from)}; wait until then, or use another`];
    }
    if (now >= to) {
      return [`"${name}" has expired on ${day(to)}; have a new one issued`];
    }
    return to - now < leastDays * dayMs
      ? [`"${name}" expires on ${day(to)}, in less than ${leastDays} days; have a new one issued`]
      : [];
  });
}

function chainProblems(chain: readonly X509Certificate[]): string[] {
  return chain.slice(1).flatMap((issuer, index) => {
    const issued = chain[index];
    return issued === undefined || issued.verify(issuer.publicKey)
      ? []
      : [
          `"${oneLine(issued.subject)}" is not issued by the certificate that follows it, "${oneLine(issuer.subject)}"; put the server's own first and each one's issuer next`,
        ];
  });
}

function keyProblems(leaf: X509Certificate, privateKey: string): string[] {
  try {
    return leaf.checkPrivateKey(createPrivateKey(privateKey))
      ? []
      : ["does not belong to the private key; give the key with which it was requested"];
  } catch {
    // Node's message could quote the key.
    return ["comes with a private key that cannot be read; give it as PEM text, without a passphrase"];
  }
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function oneLine(subject: string): string {
  return subject.split("\n").join(", ");
}
