import { X509Certificate } from "node:crypto";
import * as net from "node:net";
import * as tls from "node:tls";

/** An address and port that the cloud is to have. */
export interface EndpointTarget {
  /** Where the user named it, such as `endpoint.public`. */
  path: string;
  /** Host name or address. */
  host: string;
  /** Port. */
  port: number;
}

/** Longest times for one target in milliseconds, until it is connected and until it shows a certificate. All are tried beside each other. */
const connectionLimit = 3_000;
const certificateLimit = 10_000;

/** What a target answered: nothing, something without a certificate, or the certificates that it showed. */
type Answer = "nothing" | "something" | X509Certificate[];

/**
 * What already answers where the cloud's endpoints are to be, each with its path. Nothing is what there should be before
 * the cloud is made; later it is the cloud's own edge, which shows a certificate by its authority.
 *
 * @param ours PEM certificates by which the edge is known: the authority's, or the given one; empty before the cloud is
 *   there. They may still be under way: nothing waits for them before it asks
 */
export async function endpointProblems(
  targets: readonly EndpointTarget[],
  ours: readonly string[] | Promise<readonly string[]>,
): Promise<string[]> {
  const [pems, answers] = await Promise.all([ours, Promise.all(targets.map(ask))]);
  const known = pems.map((pem) => new X509Certificate(pem));
  return targets.flatMap(({ path, host, port }, index) => {
    const answer = answers[index] ?? "nothing";
    if (answer === "nothing" || (answer !== "something" && isOurs(answer, known))) {
      return [];
    }
    return [
      `${path}: ${host}:${port} is in use by something that is not this cloud (${describe(answer)}); choose a free address, or take that away`,
    ];
  });
}

function describe(answer: Exclude<Answer, "nothing">): string {
  const leaf = answer === "something" ? undefined : answer[0];
  return leaf === undefined
    ? "it takes connections, without TLS"
    : `its certificate is for ${(leaf.subjectAltName ?? leaf.subject.split("\n").join(", ")).slice(0, 80)}`;
}

function isOurs(shown: readonly X509Certificate[], known: readonly X509Certificate[]): boolean {
  return shown.some((certificate) =>
    known.some(
      (one) => one.fingerprint256 === certificate.fingerprint256 || (one.ca && certificate.verify(one.publicKey)),
    ),
  );
}

/** Connects, and looks at what is shown. Never rejects. */
function ask({ host, port }: EndpointTarget): Promise<Answer> {
  return new Promise((resolve) => {
    let connected = false;
    // An address has no server name.
    const name = net.isIP(host) === 0 ? { servername: host } : {};
    const socket = tls.connect({ host, port, rejectUnauthorized: false, ...name });
    let timer: NodeJS.Timeout;
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    // A program that is busy with hundreds of resources hears of the time first, and of what arrived in it a moment later.
    const wait = (limit: number, answer: () => void): void => {
      clearTimeout(timer);
      timer = setTimeout(() => setImmediate(answer), limit);
    };
    wait(connectionLimit, () => connected || end("nothing"));
    socket
      .once("connect", () => {
        connected = true;
        wait(certificateLimit, () => end("something"));
      })
      .once("secureConnect", () => end(certificatesOf(socket)))
      .once("error", () => end(connected ? "something" : "nothing"))
      .once("close", () => end(connected ? "something" : "nothing"));
  });
}

/** The certificates that a server showed, its own first. */
function certificatesOf(socket: tls.TLSSocket): X509Certificate[] | "something" {
  const certificates: X509Certificate[] = [];
  let next: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && certificates.length < 10) {
    certificates.push(new X509Certificate(next.raw));
    // A root names itself as its issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return certificates.length === 0 ? "something" : certificates;
}
