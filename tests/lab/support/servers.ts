import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { ensureGuestImage } from "../../../images/guest";
import { capture } from "../../../lab/execute";
import { TerminalReporter } from "../../../lab/report";
import { sshArguments } from "../../../lab/verify";
import { type Answer, failure, type Identity, type Request } from "./cloud-requests";
import { textOf } from "./site";
import { eventually, within } from "./wait";

/** Memory in MiB and disk in GiB of the server: what the guest of this repository needs. */
const flavor = { ram: 192, vcpus: 1, disk: 1 };
const subnetCidr = "192.168.203.0/24";
/** In which `os-migrateLive` takes the host to move to, and asks the scheduler whether it fits. */
const computeVersion = "2.30";
/** Seconds between two pings. */
const pingInterval = 0.2;
/** Longest waits in seconds: bounds against hanging. */
const activeLimit = 600;
const uploadLimit = 600;
const sshLimit = 300;
const removeLimit = 180;
/** How long a token is used, in seconds: well below its life. */
const tokenAge = 600;

/** A cloud as its users see it. */
export interface CloudAccess {
  /** Keystone as the administrator sees it. */
  readonly admin: Identity;
  /** URL at which everybody uses a service of a type. */
  endpoint(type: string): Promise<string>;
  /** Sends a request to one of them. */
  send(request: Request): Promise<Answer>;
  /** What a look finds that must be there. @throws Error if it is not, and will not be */
  found<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
}

/** The services' APIs at their public endpoints, as the administrator uses them. */
export class Api {
  readonly #cloud: CloudAccess;
  #token = { id: Promise.resolve(""), since: 0 };

  constructor(cloud: CloudAccess) {
    this.#cloud = cloud;
  }

  /** A call. @throws Error whose code is the status, if it is not 2xx */
  async call<Content>(type: string, method: string, at: string, body?: unknown): Promise<Content> {
    const answer = await this.#cloud.send({
      url: `${await this.#cloud.endpoint(type)}${at}`,
      method,
      ca: this.#cloud.admin.credentials.ca,
      headers: await this.#headers(type),
      ...(body === undefined ? {} : { body }),
    });
    if (answer.status < 200 || answer.status > 299) {
      throw failure(
        `status ${answer.status}`,
        `${method} ${type} ${at}: ${answer.status} ${answer.text.slice(0, 500)}`,
      );
    }
    return (answer.text === "" ? undefined : JSON.parse(answer.text)) as Content;
  }

  /** Sends an image's content. */
  async upload(image: string, file: string): Promise<void> {
    const { status } = await this.#cloud.send({
      url: `${await this.#cloud.endpoint("image")}/v2/images/${image}/file`,
      method: "PUT",
      ca: this.#cloud.admin.credentials.ca,
      headers: await this.#headers("image"),
      content: fs.readFileSync(file),
      limit: uploadLimit,
    });
    assert.equal(status, 204, `the upload of ${file}`);
  }

  async #headers(type: string): Promise<Record<string, string>> {
    if (Date.now() - this.#token.since > tokenAge * 1000) {
      this.#token = { id: this.#cloud.admin.token().then(({ id }) => id), since: Date.now() };
    }
    return {
      "X-Auth-Token": await this.#token.id,
      ...(type === "compute" ? { "OpenStack-API-Version": `compute ${computeVersion}` } : {}),
    };
  }
}

/** What Nova says of a server. */
export interface ServerFacts {
  status: string;
  fault?: { message: string };
  "OS-EXT-STS:task_state": string | null;
  "OS-EXT-SRV-ATTR:host": string;
  "OS-EXT-SRV-ATTR:instance_name": string;
}

interface Made {
  id: string;
}

/** A server on a network of its own, with a floating IP, and all that it takes. */
export class GuestServer {
  readonly api: Api;
  /** Name of everything that is made. */
  readonly name: string;
  /** Its floating IP, and its port's number, once it is started. */
  address = "";
  port = "";
  /** Its number. */
  id = "";
  /** Is called when all is there that it takes, and it is asked for. @default nothing */
  onRequest: () => void = () => undefined;
  /** Is called when it becomes ACTIVE for the first time. @default nothing */
  onActive: () => void = () => undefined;
  readonly #cloud: CloudAccess;
  readonly #directory: string;
  /** How what was made is removed, in the order in which it was made. */
  readonly #made: { type: string; at: string; remove: () => Promise<unknown> }[] = [];

  constructor(cloud: CloudAccess, name: string) {
    this.#cloud = cloud;
    this.api = new Api(cloud);
    this.name = name;
    this.#directory = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-guest-"));
  }

  /**
   * Makes everything, and waits until the guest lets us in. A cloud that is being brought up is used as far as it is there.
   *
   * @param host compute host. @default what the scheduler chooses
   */
  async start(host?: string): Promise<void> {
    const { name } = this;
    const [image, keypair, { id: flavorRef }, { network, subnet, group }] = await Promise.all([
      this.#image(),
      this.#keypair(),
      this.#make("compute", "/flavors", "flavor", { name, ...flavor }),
      this.#network(),
      this.#computeHost(),
    ]);
    this.onRequest();
    const { id } = await this.#make("compute", "/servers", "server", {
      ...{ name, imageRef: image, flavorRef, key_name: keypair },
      ...{ networks: [{ uuid: network }], security_groups: [{ name: group }] },
      ...(host === undefined ? {} : { availability_zone: `nova:${host}` }),
    });
    this.id = id;
    const [external] = await Promise.all([this.#router(subnet), this.active(activeLimit).then(() => this.onActive())]);
    const { ports } = await this.api.call<{ ports: Made[] }>("network", "GET", `/v2.0/ports?device_id=${id}`);
    this.port = ports[0]?.id ?? assert.fail(`server ${id} has no port`);
    const floating = await this.#make<{ floating_ip_address: string }>("network", "/v2.0/floatingips", "floatingip", {
      ...{ floating_network_id: external, port_id: this.port },
    });
    this.address = floating.floating_ip_address;
    await eventually(`ssh to ${this.address}`, sshLimit, () => this.ssh("true").then(() => true));
  }

  /** What Nova says of it. */
  async facts(): Promise<ServerFacts> {
    return (await this.api.call<{ server: ServerFacts }>("compute", "GET", `/servers/${this.id}`)).server;
  }

  /** Waits until it is ACTIVE and nothing is done to it, on a host if one is given. */
  async active(limit: number, host?: string): Promise<ServerFacts> {
    const wanted = `server ${this.id} to be ACTIVE${host === undefined ? "" : ` on ${host}`}`;
    const found = await eventually(wanted, limit, async () => {
      const facts = await this.facts();
      const { status, fault, "OS-EXT-STS:task_state": task, "OS-EXT-SRV-ATTR:host": on } = facts;
      if (status === "ERROR" || (status === "ACTIVE" && task === null && (host === undefined || on === host))) {
        return facts;
      }
      throw new Error(`it is ${status} on ${on} (${task}) ${fault?.message ?? ""}`);
    });
    // Nothing but its owner gets it out of this state.
    assert.notEqual(found.status, "ERROR", `${wanted}: ${found.fault?.message}`);
    return found;
  }

  /** Waits until it is SHUTOFF and nothing is done to it. */
  async stopped(limit: number): Promise<void> {
    await eventually(`server ${this.id} to be SHUTOFF`, limit, async () => {
      const { status, "OS-EXT-STS:task_state": task } = await this.facts();
      return status === "SHUTOFF" && task === null;
    });
  }

  /** Nova's answer to an action. */
  action<Content>(action: Record<string, unknown>): Promise<Content> {
    return this.api.call<Content>("compute", "POST", `/servers/${this.id}/action`, action);
  }

  /** What a command in the guest prints. @throws AssertionError if it fails */
  async ssh(command: string): Promise<string> {
    const to = { user: "root", address: this.address, command };
    const result = await capture("timeout", sshArguments(to, path.join(this.#directory, "key")));
    assert.equal(result.code, 0, `${command} in the guest: ${textOf(result).trim()}`);
    return result.stdout;
  }

  /** Seconds since the guest's start, by its own clock. */
  async uptime(): Promise<number> {
    return Number((await this.ssh("cat /proc/uptime")).split(" ")[0]);
  }

  /** Removes all that was made, also after a start that failed, and waits until it is gone. */
  async remove(): Promise<void> {
    for (let last = this.#made.at(-1); last !== undefined; last = this.#made.at(-1)) {
      const { type, at, remove } = last;
      await eventually(`${type} ${at} to be gone`, removeLimit, () => gone(remove));
      await eventually(`${type} ${at} to be gone`, removeLimit, () =>
        gone(() => this.api.call(type, "GET", at), false),
      );
      this.#made.pop();
    }
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  async #image(): Promise<string> {
    const { file } = await ensureGuestImage(new TerminalReporter());
    const body = { name: this.name, disk_format: "qcow2", container_format: "bare", visibility: "private" };
    const { id } = await this.api.call<Made>("image", "POST", "/v2/images", body);
    this.#remember("image", `/v2/images/${id}`);
    await this.api.upload(id, file);
    return id;
  }

  async #keypair(): Promise<string> {
    const { name } = this;
    const key = path.join(this.#directory, "key");
    const result = await capture("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-C", name, "-f", key]);
    assert.equal(result.code, 0, textOf(result));
    const keypair = { name, public_key: fs.readFileSync(`${key}.pub`, "utf8").trim() };
    await this.api.call("compute", "POST", "/os-keypairs", { keypair });
    this.#remember("compute", `/os-keypairs/${name}`);
    return name;
  }

  /** A host that Nova puts servers on: without one a server ends as an error. */
  #computeHost(): Promise<Made> {
    return this.#cloud.found("compute host", async () => {
      const { hypervisors } = await this.api.call<{ hypervisors: Made[] }>("compute", "GET", "/os-hypervisors");
      return hypervisors[0];
    });
  }

  /** A network, and a group of rules that lets ping and ssh in. */
  async #network(): Promise<{ network: string; subnet: string; group: string }> {
    const { name } = this;
    const { id: group } = await this.#make("network", "/v2.0/security-groups", "security_group", { name });
    const rule = { security_group_id: group, direction: "ingress", ethertype: "IPv4" };
    for (const more of [{ protocol: "icmp" }, { protocol: "tcp", port_range_min: 22, port_range_max: 22 }]) {
      await this.#make("network", "/v2.0/security-group-rules", "security_group_rule", { ...rule, ...more });
    }
    const { id: network } = await this.#make("network", "/v2.0/networks", "network", { name });
    const { id: subnet } = await this.#make("network", "/v2.0/subnets", "subnet", {
      ...{ name, network_id: network, ip_version: 4, cidr: subnetCidr },
    });
    return { network, subnet, group };
  }

  /** A router from the subnet to the external network, whose number it returns. */
  async #router(subnet: string): Promise<string> {
    const query = "/v2.0/networks?router:external=true";
    const external = await this.#cloud.found("external network", async () => {
      const { networks } = await this.api.call<{ networks: Made[] }>("network", "GET", query);
      return networks[0]?.id;
    });
    const { id: router } = await this.#make("network", "/v2.0/routers", "router", {
      ...{ name: this.name, external_gateway_info: { network_id: external } },
    });
    const at = `/v2.0/routers/${router}`;
    const { port_id: port } = await this.api.call<{ port_id: string }>("network", "PUT", `${at}/add_router_interface`, {
      subnet_id: subnet,
    });
    this.#remember("network", `/v2.0/ports/${port}`, () =>
      this.api.call("network", "PUT", `${at}/remove_router_interface`, { subnet_id: subnet }),
    );
    return external;
  }

  async #make<More>(type: string, at: string, kind: string, content: Record<string, unknown>): Promise<Made & More> {
    const made = (await this.api.call<Record<string, Made & More>>(type, "POST", at, { [kind]: content }))[kind];
    assert.ok(made, `${type} made no ${kind}`);
    this.#remember(type, `${at}/${made.id}`);
    return made;
  }

  #remember(type: string, at: string, remove: () => Promise<unknown> = () => this.api.call(type, "DELETE", at)): void {
    this.#made.push({ type, at, remove });
  }
}

/** Whether a call says that the thing is not there; what a call that goes well means is said by the caller. */
async function gone(call: () => Promise<unknown>, otherwise = true): Promise<boolean> {
  try {
    await call();
    return otherwise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "status 404") {
      return true;
    }
    throw error;
  }
}

/** Pings an address from this computer, all the while, until it is stopped. */
export class PingWatch {
  readonly #address: string;
  /** When answers came, in milliseconds since 1970. */
  readonly #answers: number[] = [];
  readonly #end = new AbortController();
  readonly #done: Promise<unknown>;
  #rest = "";

  constructor(address: string) {
    this.#address = address;
    const args = ["-n", "-D", "-i", String(pingInterval), address];
    this.#done = capture("ping", args, { signal: this.#end.signal, onOutput: (text) => this.#read(text) });
  }

  /** Longest time without an answer since a moment, in seconds. */
  longestGap(since: number): number {
    const before = this.#answers.filter((at) => at <= since).at(-1) ?? since;
    const moments = [before, ...this.#answers.filter((at) => at > since), Date.now()];
    return Math.max(...moments.slice(1).map((at, index) => at - (moments[index] ?? at))) / 1000;
  }

  /** Whether an answer came later than a moment. */
  answered(since: number): boolean {
    return (this.#answers.at(-1) ?? 0) > since;
  }

  /** Waits for an answer that comes later than now. */
  async answers(limit: number): Promise<void> {
    const begin = Date.now();
    await eventually(`${this.#address} to answer to ping`, limit, async () => this.answered(begin), 100);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#end.abort();
    await within("the end of ping", 10, this.#done);
  }

  #read(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const seconds = /^\[(\d+\.\d+)\] \d+ bytes from /.exec(line)?.[1];
      if (seconds !== undefined) this.#answers.push(Number(seconds) * 1000);
    }
  }
}
