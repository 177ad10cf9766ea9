import type * as http from "node:http";
import * as https from "node:https";
import * as tls from "node:tls";

/** One request over HTTPS. */
export interface Request {
  /** URL. */
  url: string;
  /** PEM certificates of the CAs that the server's certificate may be by. @default the system's */
  ca?: string;
  /** Method. @default "GET" */
  method?: string;
  /** Headers. @default none */
  headers?: Record<string, string>;
  /** What is sent as JSON. @default nothing */
  body?: unknown;
  /** What is sent as it is, in the place of `body`. @default nothing */
  content?: Buffer;
  /** Whose connections are used. @default a connection of its own, closed after the answer */
  agent?: https.Agent;
  /** Longest time in seconds: a bound against hanging. @default 60 */
  limit?: number;
}

/** What came back. */
export interface Answer {
  /** Status. */
  status: number;
  /** Headers. */
  headers: http.IncomingHttpHeaders;
  /** Content. */
  text: string;
  /** Whether it was sent a second time, on a new connection: the server had closed the kept one before it read anything. */
  repeated: boolean;
}

const defaultLimit = 60;

/**
 * Sends a request and takes the whole answer, whatever its status. A request on a kept connection that turns out closed
 * is sent once more, as any HTTP client does.
 *
 * @throws Error with a `code`, if there was no whole answer
 */
export async function send(request: Request): Promise<Answer> {
  const first = await sendOnce(request);
  if (first !== "closed") {
    return first;
  }
  const second = await sendOnce(request);
  if (second === "closed") {
    throw failure("ECONNRESET", "two kept connections in a row were closed");
  }
  return { ...second, repeated: true };
}

/** The answer, or "closed" if a kept connection was closed before anything was answered. */
function sendOnce(request: Request): Promise<Answer | "closed"> {
  return new Promise((resolve, reject) => {
    const { data, type } = payload(request);
    const sent = https.request(request.url, {
      method: request.method ?? "GET",
      agent: request.agent ?? false,
      headers: {
        ...request.headers,
        ...(data === undefined ? {} : { "Content-Type": type, "Content-Length": String(data.length) }),
      },
      ...(request.ca === undefined ? {} : { ca: request.ca }),
    });
    const limit = request.limit ?? defaultLimit;
    const timer = setTimeout(() => sent.destroy(failure("TIMEOUT", `no answer in ${limit} s`)), limit * 1000);
    sent.once("close", () => clearTimeout(timer));
    sent.once("error", (error: NodeJS.ErrnoException) =>
      sent.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE") ? resolve("closed") : reject(error),
    );
    sent.once("response", (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.once("error", reject);
      answer.once("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          text: Buffer.concat(parts).toString("utf8"),
          repeated: false,
        }),
      );
    });
    sent.end(data);
  });
}

function payload({ content, body }: Request): { data?: Buffer | undefined; type: string } {
  return content === undefined
    ? { data: body === undefined ? undefined : Buffer.from(JSON.stringify(body)), type: "application/json" }
    : { data: content, type: "application/octet-stream" };
}

/** An error with a code, which names the kind of a failure. */
export function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

/** SHA-256 fingerprint of the certificate that a server shows. @throws Error if it is not by the CA */
export function shownCertificate(url: string, ca: string): Promise<string> {
  const { hostname: host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port: Number(port || 443), ca, timeout: defaultLimit * 1000 });
    socket
      .once("secureConnect", () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      })
      .once("timeout", () => socket.destroy(failure("TIMEOUT", `${url} did not answer`)))
      .once("error", reject);
  });
}

/** Who asks for tokens. */
export interface Credentials {
  /** URL of Keystone with its version. */
  authUrl: string;
  /** Certificate of the CA, PEM. */
  ca: string;
  username: string;
  password: string;
  /** Project of the domain Default. */
  project: string;
}

/** A token. */
export interface Token {
  /** What is sent as `X-Auth-Token`. */
  id: string;
  /** For how many seconds it was valid when it was issued. */
  seconds: number;
  /** Whether it took a second try on another connection. */
  repeated: boolean;
}

/** Keystone's API as one user sees it, at the public endpoint. */
export class Identity {
  readonly credentials: Credentials;

  constructor(credentials: Credentials) {
    this.credentials = credentials;
  }

  /** A token by password. @throws Error whose code is the status, if there is none */
  token(agent?: https.Agent): Promise<Token> {
    const { username: name, password } = this.credentials;
    const user = { name, domain: { id: "default" }, password };
    return this.#issue({ methods: ["password"], password: { user } }, agent);
  }

  /** A token by another token: it costs Keystone no work on a password, so that a small computer bears many. */
  tokenBy(token: string, agent?: https.Agent): Promise<Token> {
    return this.#issue({ methods: ["token"], token: { id: token } }, agent);
  }

  async #issue(identity: Record<string, unknown>, agent?: https.Agent): Promise<Token> {
    const { authUrl, ca, project: name } = this.credentials;
    const body = { auth: { identity, scope: { project: { name, domain: { id: "default" } } } } };
    const answer = await send({
      url: `${authUrl}/auth/tokens`,
      method: "POST",
      ca,
      body,
      ...(agent === undefined ? {} : { agent }),
    });
    const id = answer.headers["x-subject-token"];
    if (answer.status !== 201 || typeof id !== "string") {
      throw failure(`status ${answer.status}`, `no token: ${answer.status} ${answer.text.slice(0, 300)}`);
    }
    const { token } = JSON.parse(answer.text) as { token: { issued_at: string; expires_at: string } };
    const seconds = (Date.parse(token.expires_at) - Date.parse(token.issued_at)) / 1000;
    return { id, seconds, repeated: answer.repeated };
  }

  /** A GET that needs no token. @throws Error whose code is the status, if it is not 200 */
  async version(agent?: https.Agent): Promise<Answer> {
    const { authUrl: url, ca } = this.credentials;
    const answer = await send({ url, ca, ...(agent === undefined ? {} : { agent }) });
    if (answer.status !== 200) {
      throw failure(`status ${answer.status}`, answer.text.slice(0, 300));
    }
    return answer;
  }

  /** Whether a token is valid, asked with another one. */
  async isValid(token: string, by: string): Promise<boolean> {
    const { authUrl, ca } = this.credentials;
    const headers = { "X-Auth-Token": by, "X-Subject-Token": token };
    const answer = await send({ url: `${authUrl}/auth/tokens`, ca, headers });
    return answer.status === 200;
  }

  /** A call with a token, a new one unless one is given. @throws Error whose code is the status, if it is not 2xx */
  async call<Content>(method: string, path: string, body?: unknown, by?: string): Promise<Content> {
    const { authUrl, ca } = this.credentials;
    const headers = { "X-Auth-Token": by ?? (await this.token()).id };
    const answer = await send({
      url: `${authUrl}${path}`,
      method,
      ca,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    if (answer.status < 200 || answer.status > 299) {
      throw failure(`status ${answer.status}`, `${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
    }
    return (answer.text === "" ? undefined : JSON.parse(answer.text)) as Content;
  }
}
