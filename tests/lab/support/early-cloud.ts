import { identityOf, space } from "./cloud";
import { type Answer, type Identity, type Request, send } from "./cloud-requests";
import type { CloudAccess } from "./servers";
import type { Site } from "./site";
import { eventually } from "./wait";

/** Longest wait in seconds for what comes with a deployment: a bound against hanging. */
const limit = 900;

interface SecretList {
  items: { data?: Record<string, string> }[];
}

interface Catalogue {
  catalog: { type: string; endpoints: { interface: string; url: string }[] }[];
}

/**
 * A cloud that is being brought up, as an administrator uses it who does not wait for the end: `up` tells its outputs then,
 * so the password is taken from the cluster, and each service's URL from Keystone as soon as it stands there and answers.
 */
export class EarlyCloud implements CloudAccess {
  readonly admin: Identity;
  readonly #token: string;
  readonly #endpoints = new Map<string, Promise<string>>();

  private constructor(admin: Identity, token: string) {
    this.admin = admin;
    this.#token = token;
  }

  /** The cloud, once the administrator gets a token. */
  static async open(site: Site): Promise<EarlyCloud> {
    const admin = await administrator(site);
    const { authUrl: url, ca } = admin.credentials;
    await eventually("Keystone", limit, async () => (await send({ url, ca })).status === 200);
    const { id } = await eventually("a token", limit, () => admin.token());
    return new EarlyCloud(admin, id);
  }

  endpoint(type: string): Promise<string> {
    const asked = this.#endpoints.get(type) ?? eventually(`${type} to answer`, limit, () => this.#answering(type));
    this.#endpoints.set(type, asked);
    return asked;
  }

  /** What the edge refuses with 503 reached nobody: an API that has just come may be away for a moment on busy hosts. */
  send(request: Request): Promise<Answer> {
    return eventually(`${request.url} to answer`, limit, async () => {
      const answer = await send(request);
      return answer.status === 503 ? undefined : answer;
    });
  }

  found<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    return eventually(`a ${what}`, limit, look);
  }

  async #answering(type: string): Promise<string | undefined> {
    const { authUrl, ca } = this.admin.credentials;
    const headers = { "X-Auth-Token": this.#token };
    const { text } = await send({ url: `${authUrl}/auth/catalog`, ca, headers });
    const service = (JSON.parse(text) as Catalogue).catalog.find((one) => one.type === type);
    const url = service?.endpoints.find((one) => one.interface === "public")?.url;
    // What there is none of yet the edge answers with 503.
    return url !== undefined && (await send({ url, ca, headers })).status < 500 ? url : undefined;
  }
}

/** The administrator, from a Secret of those jobs that enter services into Keystone. */
async function administrator(site: Site): Promise<Identity> {
  const clouds = await eventually("the administrator's password", limit, async () => {
    const { items } = JSON.parse(await site.kubectl("-n", space, "get", "secrets", "--output", "json")) as SecretList;
    return items.map(({ data }) => data?.["clouds.yaml"]).find((text) => text !== undefined);
  });
  const ca = await site.kubectl("-n", space, "get", "configmap", "ca", "--output", "jsonpath={.data.ca\\.crt}");
  return identityOf(Buffer.from(clouds, "base64").toString("utf8"), "admin", ca);
}
