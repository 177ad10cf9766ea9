import * as assert from "node:assert/strict";
import { site } from "./lab";
import { type Cloud, coreDeployed, space } from "./support/cloud";
import { eventually } from "./support/wait";

/** Longest wait until the cloud is well again, in seconds: a bound against hanging, no aim. */
const wellLimit = 300;
const messages = Array.from({ length: 20 }, (_, number) => `letter ${number}`);

/** Puts letters into a quorum queue of Nova's virtual host, takes them out, or removes the queue, as Nova itself would. */
const courier = `
import configparser, glob, json, sys
import kombu

parser = configparser.RawConfigParser(strict=False)
parser.read(glob.glob("/etc/nova/*.d/secret.conf"))
url = parser["DEFAULT"]["transport_url"].replace("rabbit://", "amqp://", 1)
name = "stratiform-kept"
queue = kombu.Queue(name, durable=True, queue_arguments={"x-queue-type": "quorum"})
with kombu.Connection(url, transport_options={"confirm_publish": True}) as connection:
    bound = queue(connection.default_channel)
    if sys.argv[1] == "put":
        bound.declare()
        for text in json.loads(sys.argv[2]):
            kombu.Producer(connection.default_channel).publish(text, routing_key=name, delivery_mode=2)
    elif sys.argv[1] == "take":
        while (message := bound.get()) is not None:
            print(message.payload)
            message.ack()
    else:
        bound.delete()
`;

describe("the message bus", function () {
  this.timeout(1_800_000);
  let cloud: Cloud;

  before(async () => {
    cloud = await coreDeployed(site());
  });

  after(async () => {
    await asNova("remove").catch(() => undefined);
  });

  /** What a program of RabbitMQ says in the first member. */
  function ctl(...args: string[]): Promise<string> {
    const program = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "--quiet", ...args];
    return site().kubectl("--namespace", space, "exec", "rabbitmq-0", "--", ...program);
  }

  /** Lines of a list, each as its columns. */
  async function list(...args: string[]): Promise<string[][]> {
    const text = await ctl(...args, "--no-table-headers");
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.split("\t"));
  }

  async function asNova(what: "put" | "take" | "remove"): Promise<string[]> {
    const [pod] = await cloud.pods("nova", "conductor");
    assert.ok(pod, "no pod of nova-conductor");
    const program = ["python3", "-c", courier, what, JSON.stringify(messages)];
    const text = await site().kubectl("--namespace", space, "exec", pod.name, "--", ...program);
    return text.split("\n").filter((line) => line !== "");
  }

  it("has a virtual host and a user for each service that uses it, and nobody else", async () => {
    const vhosts = (await list("list_vhosts", "name")).flat().sort();
    assert.ok(vhosts.includes("nova") && vhosts.includes("neutron"), `${vhosts}`);
    assert.ok(!vhosts.includes("/"), "the virtual host of the user guest");
    const users = (await list("list_users")).map(([name]) => name).sort();
    assert.deepEqual(
      users,
      vhosts.map((vhost) => `${vhost}-g1`),
    );
    for (const vhost of vhosts) {
      const permissions = await list("list_permissions", "--vhost", vhost);
      assert.deepEqual(
        permissions.map(([user]) => user),
        [`${vhost}-g1`],
      );
    }
  });

  it("has quorum queues and streams, and no classic queue", async () => {
    const queues: string[] = [];
    for (const [vhost = ""] of await list("list_vhosts", "name")) {
      for (const [name, type] of await list("list_queues", "--vhost", vhost, "name", "type")) {
        queues.push(`${type} ${vhost} ${name}`);
      }
    }
    console.log(
      `      ${queues.length} queues, ${queues.filter((queue) => queue.startsWith("stream")).length} of them streams`,
    );
    assert.ok(
      queues.some((queue) => /^quorum nova conductor$/.test(queue)),
      queues.join("\n"),
    );
    assert.ok(
      queues.some((queue) => /^stream nova \S+_fanout$/.test(queue)),
      queues.join("\n"),
    );
    assert.deepEqual(
      queues.filter((queue) => !/^(quorum|stream) /.test(queue)),
      [],
    );
  });

  it("lets nobody administer it without the cookie, nor the cookie be read by others", async () => {
    const script = "stat -c '%a %u' /run/rabbitmq/.erlang.cookie; id -u";
    const text = await site().kubectl("--namespace", space, "exec", "rabbitmq-0", "--", "sh", "-c", script);
    const [mode, owner, user] = text.trim().split(/\s+/);
    assert.equal(mode, "400");
    assert.equal(owner, user);
  });

  it("keeps what is in a queue when its pod is deleted, and those who use it come back", async () => {
    await asNova("put");
    const before = await cloud.pods("rabbitmq");
    assert.ok(before.length > 0);
    await cloud.deletePods(before);
    const seconds = await cloud.well(wellLimit, new Set(before.map(({ uid }) => uid)));
    console.log(`      well after ${seconds.toFixed(1)} s`);
    assert.deepEqual(await asNova("take"), messages);
    const listeners = async (): Promise<boolean> => {
      const found = await list("list_queues", "--vhost", "nova", "name", "consumers");
      return found.some(([name, consumers]) => name === "conductor" && Number(consumers) > 0);
    };
    await eventually("nova-conductor to listen again", 120, listeners);
  });

  it("is started anew when its process is killed, and keeps what it has", async () => {
    await asNova("put");
    const [member] = await cloud.pods("rabbitmq");
    assert.ok(member);
    const kill = "kill -9 $(grep -lz beam[.]smp /proc/[0-9]*/cmdline | head -n 1 | cut -d / -f 3)";
    await site().kubectl("--namespace", space, "exec", member.name, "--", "sh", "-c", kill);
    await eventually("a new start of the member", 60, async () => {
      const [now] = await cloud.pods("rabbitmq");
      return now !== undefined && now.restarts > member.restarts;
    });
    await cloud.well(wellLimit);
    assert.deepEqual(await asNova("take"), messages);
  });
});
