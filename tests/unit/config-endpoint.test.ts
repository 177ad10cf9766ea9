import * as assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as net from "node:net";
import * as tls from "node:tls";
import type { EndpointAddressArgs } from "../../components/platform/args";
import { endpointProblems } from "../../components/platform/endpoint-check";
import {
  endpointAddresses,
  validateEndpointNames,
  validateEndpointPlaces,
} from "../../components/platform/validate-endpoint";
import { type Issued, issueCertificate } from "./certificates";

const place = {
  hosts: [{ name: "node-1", address: "10.20.0.11" }],
  podNetwork: "10.244.0.0/16",
  serviceNetwork: "10.96.0.0/16",
  virtualIp: "10.20.0.10",
};

/** Wrong endpoints, and what is said of each. */
const wrong: Record<string, [Partial<EndpointAddressArgs>, RegExp]> = {
  "a URL": [{ public: "https://cloud.example" }, /^\.public: "https:\/\/cloud\.example" is neither a host name nor an/],
  "four numbers that are no address": [
    { public: "10.20.0.256" },
    /^\.public: "10\.20\.0\.256" is not an IPv4 address;/,
  ],
  IPv6: [{ public: "fd00::1" }, /^\.public: "fd00::1" is not an IPv4 address;/],
  "a loopback address": [{ internal: "127.0.0.1" }, /^\.internal: 127\.0\.0\.1 cannot be the address of a machine;/],
  "a name without an address": [{ public: "cloud.example" }, /^\.publicAddress: is missing, as public is a name;/],
  "a wrong address of a name": [
    { public: "cloud.example", publicAddress: "10.20.0" },
    /^\.publicAddress: "10\.20\.0" is not an IPv4 address;/,
  ],
  "an address that is not the address": [
    { publicAddress: "10.20.0.249" },
    /^\.publicAddress: 10\.20\.0\.249 is not public,/,
  ],
  "an address of nothing": [
    { internal: undefined, internalAddress: "10.20.0.251" },
    /^\.internalAddress: has no meaning without internal;/,
  ],
  "an interface that nobody uses": [
    { announce: "none", interface: "eth0" },
    /^\.interface: has no meaning with announce: none;/,
  ],
  "an interface's name": [{ interface: "a/b" }, /^\.interface: "a\/b" is not an interface's name;/],
  "two addresses of one name": [
    { public: "a.test", publicAddress: "10.20.0.250", internal: "a.test", internalAddress: "10.20.0.251" },
    /^\.internalAddress: public and internal are the same name,/,
  ],
  "an unknown way to announce": [
    { announce: "bgp" as never },
    /^\.announce: "bgp" is not possible; use one of keepalived,/,
  ],
};

/** Endpoints that do not fit the cluster, and what is said of each. */
const misplaced: Record<string, [Partial<EndpointAddressArgs>, RegExp]> = {
  "a host's address": [
    { public: "10.20.0.11" },
    /^\.public: 10\.20\.0\.11 is the address of host node-1; endpoints have/,
  ],
  "a host's name": [
    { public: "node-1", publicAddress: "10.20.0.250" },
    /^\.public: node-1 is the name of host node-1; endpoints have/,
  ],
  "a host's address for a name": [
    { public: "cloud.example", publicAddress: "10.20.0.11" },
    /^\.publicAddress: 10\.20\.0\.11 is the address of host node-1;/,
  ],
  "an address of the pod network": [
    { internal: "10.244.3.1" },
    /^\.internal: 10\.244\.3\.1 lies in the cluster's pod network/,
  ],
  "an address of the service network": [
    { internal: "10.96.0.9" },
    /^\.internal: 10\.96\.0\.9 lies in .* service network/,
  ],
  "the API's address": [
    { internal: "10.20.0.10" },
    /^\.internal: 10\.20\.0\.10 is the virtual IP of the Kubernetes API;/,
  ],
};

describe("endpoint names and addresses", () => {
  const endpoint = { public: "10.20.0.250", internal: "10.20.0.251" };

  it("may be addresses, or names with addresses", () => {
    const names = { public: "cloud.example", publicAddress: "10.20.0.250", internal: "10.20.0.251", interface: "eth0" };
    for (const valid of [endpoint, { public: "10.20.0.250" }, names]) {
      assert.deepEqual([...validateEndpointNames(valid), ...validateEndpointPlaces(valid, place)], []);
    }
    assert.deepEqual(validateEndpointNames({ public: "cloud.example", announce: "loadBalancer" }), []);
    assert.deepEqual(endpointAddresses(names), ["10.20.0.250", "10.20.0.251"]);
    assert.deepEqual(endpointAddresses({ public: "cloud.example" }), []);
  });

  for (const [title, [change, message]] of Object.entries(wrong)) {
    it(`cannot have ${title}`, () => {
      const problems = validateEndpointNames({ ...endpoint, ...change });
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", message);
    });
  }

  for (const [title, [change, message]] of Object.entries(misplaced)) {
    it(`cannot have ${title}`, () => {
      const problems = validateEndpointPlaces({ ...endpoint, ...change }, place);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", message);
    });
  }
});

describe("endpoint addresses that are in use", () => {
  const servers: net.Server[] = [];
  let own: Issued;
  let foreign: Issued;

  function listen(server: net.Server): Promise<number> {
    servers.push(server);
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  }

  function edge({ certificate, key }: Issued): Promise<number> {
    return listen(tls.createServer({ cert: certificate, key }));
  }

  function ask(port: number, ours: string[]): Promise<string[]> {
    return endpointProblems([{ path: "endpoint.public", host: "127.0.0.1", port }], ours);
  }

  before(() => {
    own = issueCertificate();
    foreign = issueCertificate();
  });
  after(() => {
    for (const server of servers) {
      server.close();
    }
  });

  it("are free where nothing answers", async () => {
    const port = await listen(net.createServer());
    await new Promise((closed) => servers.pop()?.close(closed));
    assert.deepEqual(await ask(port, []), []);
  });

  it("are the cloud's own where its authority or its certificate is shown", async () => {
    const port = await edge(own);
    assert.deepEqual(await ask(port, [own.authority]), []);
    assert.deepEqual(await ask(port, [own.certificate]), []);
  });

  it("are the cloud's own where a busy edge shows its certificate late", async () => {
    const behind = await edge(own);
    const late = await listen(
      net.createServer((socket) => {
        setTimeout(() => {
          const onward = net.connect(behind, "127.0.0.1");
          socket.pipe(onward).pipe(socket);
          for (const one of [socket, onward]) one.on("error", () => undefined);
        }, 4000);
      }),
    );
    assert.deepEqual(await ask(late, [own.authority]), []);
  });

  it("are refused where another's certificate is shown", async () => {
    const port = await edge(foreign);
    for (const ours of [[], [own.authority]]) {
      const [problem, ...more] = await ask(port, ours);
      assert.deepEqual(more, []);
      assert.match(
        problem ?? "",
        /^endpoint\.public: 127\.0\.0\.1:\d+ is in use by something that is not this cloud \(its certificate is for DNS:cloud\.test/,
      );
    }
  });

  it("are refused where something else than TLS answers", async () => {
    const silent = await listen(net.createServer());
    const plain = await listen(http.createServer());
    await Promise.all(
      [silent, plain].map(async (port) =>
        assert.match((await ask(port, [own.authority]))[0] ?? "", /takes connections, without TLS/),
      ),
    );
  }).timeout(30_000);
});
