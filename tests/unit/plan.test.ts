import * as assert from "node:assert/strict";
import { addonImage, hostImages, hostsEntry, planCluster, sandboxImage } from "../../components/cluster/plan";
import { host, validArgs } from "./arguments";

describe("the plan of a cluster", () => {
  it("leaves upstream's image names to those who know them: kubeadm, and the kubelet for a pod", () => {
    const plan = planCluster("test", validArgs());
    assert.deepEqual(hostImages(plan, host(1, ["control"])), { controlPlane: "", all: "" });
    assert.equal(sandboxImage(plan), "");
    assert.equal(addonImage(plan, "kube-router"), "cloudnativelabs/kube-router:v1.6.1");
  });

  it("takes every image from a mirror, by digest where the mirror has one", () => {
    const imageMirror = {
      registry: "mirror.example/k8s",
      tags: { etcd: "3.6.16-0", pause: "3.10.1" },
      digests: { "pause:3.10.1": "sha256:00" },
    };
    const plan = planCluster("test", validArgs({ imageMirror, kubernetesVersion: "1.34.4" }));
    const control = hostImages(plan, host(1, ["control"]));
    assert.match(control.all, /^mirror\.example\/k8s\/pause:3\.10\.1 sha256:00\n/);
    assert.match(control.controlPlane, /^mirror\.example\/k8s\/etcd:3\.6\.16-0 -\n.*\/kube-apiserver:v1\.34\.4 -\n/);
    assert.equal(hostImages(plan, host(2, ["compute"])).controlPlane, "");
    assert.match(control.all, /\nmirror\.example\/k8s\/kube-router:\S+ -\nmirror\.example\/k8s\/busybox:\S+ -\n/);
  });

  it("names the API by the load balancer's own name where that is a name, else by one on the hosts", () => {
    const named = planCluster("test", validArgs({ endpoint: { external: "api.example" } }));
    assert.deepEqual([named.endpointName, hostsEntry(named)], ["api.example", ""]);
    const addressed = planCluster("test", validArgs({ endpoint: { virtualIp: "10.20.0.5" } }));
    assert.equal(hostsEntry(addressed), "10.20.0.5 api.test.internal");
  });
});
