import * as assert from "node:assert/strict";
import { deployed, site } from "./lab";
import { pod, service, volumeClaim, webServer } from "./support/objects";
import { eventually } from "./support/wait";

describe("power cuts", function () {
  this.timeout(900_000);

  const ask = (): Promise<string> =>
    site().exec("power-client", "busybox timeout 2 busybox wget -q -O- http://power-web");

  before(async () => {
    await deployed();
    const { busybox: image, workers, controls } = site();
    await site().apply(
      ...workers.map((node) =>
        pod(`power-web-${node}`, { image, node, labels: { app: "power" }, script: webServer(8080) }),
      ),
      service("power-web", { app: "power" }, 8080),
      pod("power-client", { image, node: controls[0] ?? "" }),
      volumeClaim("power-data"),
      pod("power-data", { image, claim: "power-data" }),
    );
    await site().podsReady("default", ...workers.map((node) => `power-web-${node}`), "power-client", "power-data");
    await site().exec("power-data", "echo kept >/data/word && sync");
  });

  after(async () => {
    await site().kubectl(
      ...["delete", "service/power-web", "pod/power-client", "pod/power-data", "pvc/power-data", "--ignore-not-found"],
    );
    await site().kubectl("delete", "pod", "--selector", "app=power", "--wait=false");
  });

  it("of a worker: pods elsewhere answer, and it rejoins unaided", async () => {
    const workers = site().workers;
    const dataNode = await site().kubectl("get", "pod", "power-data", "-o", "jsonpath={.spec.nodeName}");
    const lost = workers.find((node) => node !== dataNode) ?? "";
    const kept = workers.filter((node) => node !== lost);
    await site().lab.powerOff(lost);
    await eventually(`the cluster to miss ${lost}`, 180, async () => !(await site().readyNodes()).includes(lost));
    await site().nodesReady(
      30,
      site().hosts.filter((name) => name !== lost),
    );
    // The lost pod's address leaves the Service with its node: from then on every call is answered.
    await eventually("ten answers in a row from the pods elsewhere", 120, async () => {
      for (let call = 0; call < 10; call++) {
        const answer = (await ask()).trim();
        assert.ok(kept.includes(answer.replace("power-web-", "")), `${answer} answered`);
      }
      return true;
    });
    await site().lab.powerOn(lost);
    await site().nodesReady(240);
    await eventually(`the pod of ${lost} to answer again`, 240, async () => (await ask()).includes(lost), 200);
  });

  it("of all hosts at once: cluster and data are back unaided", async () => {
    const { hosts, workers } = site();
    await Promise.all(hosts.map((host) => site().lab.powerOff(host)));
    await assert.rejects(site().kubectl("get", "--raw", "/readyz", "--request-timeout=5s"));
    await Promise.all(hosts.map((host) => site().lab.powerOn(host)));
    await eventually("the API", 300, async () =>
      /^ok/.test(await site().kubectl("get", "--raw", "/readyz", "--request-timeout=5s")),
    );
    await eventually(
      "the volume's data",
      300,
      async () => (await site().exec("power-data", "cat /data/word")).trim() === "kept",
    );
    await site().nodesReady(300);
    const seen = new Set<string>();
    await eventually(
      "an answer of each worker's pod",
      300,
      async () => {
        seen.add((await ask()).trim());
        return workers.every((node) => seen.has(`power-web-${node}`));
      },
      200,
    );
  });

  it("leave nothing for pulumi to do", async () => {
    await site().pulumiOk("preview", "--expect-no-changes");
  });
});
