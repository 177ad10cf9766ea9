import * as https from "node:https";

/** A Kubernetes object as far as tests look at it. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; name: string; uid: string }[];
  };
  data?: Record<string, string>;
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

/** How an API server is reached. */
export interface ApiAccess {
  /** Its URL, such as `https://127.0.0.1:6443`. */
  url: string;
  /** Certificate authority in PEM. */
  ca: string;
  /** Bearer token. */
  token: string;
}

/** An answer of the API server that is an error. */
export class ApiError extends Error {
  constructor(
    /** HTTP status. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A plain client of the Kubernetes API. Tests look at objects many times: a kubectl process for each look would take
 * more of the processor than what is tested.
 */
export class Api {
  private readonly agent: https.Agent;

  constructor(private readonly access: ApiAccess) {
    this.agent = new https.Agent({ ca: access.ca, keepAlive: true });
  }

  /** Object at a path such as `/api/v1/namespaces/x/pods/y`. @throws ApiError if there is none */
  get<T = KubernetesObject>(path: string): Promise<T> {
    return this.request<T>("GET", path);
  }

  /** Object at a path; undefined if there is none. */
  async find(path: string): Promise<KubernetesObject | undefined> {
    try {
      return await this.get(path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Objects of a collection such as `/api/v1/namespaces/x/pods`. */
  async list(path: string): Promise<KubernetesObject[]> {
    return (await this.get<{ items: KubernetesObject[] }>(path)).items;
  }

  /** Makes an object in a collection. */
  create(path: string, object: object): Promise<KubernetesObject> {
    return this.request("POST", path, object, "application/json");
  }

  /** Changes an object by a strategic merge patch, as `kubectl patch` does. */
  patch(path: string, patch: object): Promise<KubernetesObject> {
    return this.request("PATCH", path, patch, "application/strategic-merge-patch+json");
  }

  /** Closes the connections. */
  close(): void {
    this.agent.destroy();
  }

  private request<T>(method: string, path: string, body?: object, type?: string): Promise<T> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.access.token}`,
      accept: "application/json",
    };
    if (type) headers["content-type"] = type;
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.access.url);
      const request = https.request(url, { method, headers, agent: this.agent, timeout: 20_000 }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
        });
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve((text.startsWith("{") ? JSON.parse(text) : text) as T);
          else reject(new ApiError(status, `${method} ${path}: ${status} ${text.slice(0, 500)}`));
        });
      });
      request.on("error", reject).on("timeout", () => request.destroy(new Error(`${method} ${path}: no answer`)));
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
