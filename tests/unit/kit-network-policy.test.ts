import * as assert from "node:assert/strict";
import * as fc from "fast-check";
import { selectorOf } from "../../components/kit/labels";
import { denyAll, eachDirection, type PolicyPlan, workloadPolicy } from "../../components/kit/network-policy";

const plan: PolicyPlan = { cloud: "openstack", service: "keystone", process: "api" };

/** What a rule says, without pulumi's inputs. */
interface Rule {
  from?: unknown[];
  to?: unknown[];
  ports?: unknown[];
}
const rules = (spec: object, direction: "ingress" | "egress"): Rule[] =>
  (spec as Record<"ingress" | "egress", Rule[]>)[direction];

describe("kit: network policies", () => {
  it("lets named pods in, and out to named pods and DNS", () => {
    assert.deepEqual(
      workloadPolicy({
        ...plan,
        ingressFrom: [
          { service: "edge", process: "haproxy" },
          { service: "nova", namespace: "openstack-node" },
          { cidr: "10.20.0.0/24" },
        ],
        ingressPorts: [5000],
        egressTo: [
          { service: "mariadb", process: "proxy", ports: [3306, 3306] },
          { cidr: "10.20.0.0/24", ports: [5000] },
        ],
        egressAnywhere: [443],
      }),
      {
        podSelector: { matchLabels: selectorOf("openstack", "keystone", "api") },
        policyTypes: ["Ingress", "Egress"],
        ingress: [
          {
            from: [
              { podSelector: { matchLabels: selectorOf("openstack", "edge", "haproxy") } },
              {
                namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "openstack-node" } },
                podSelector: { matchLabels: selectorOf("openstack", "nova") },
              },
              { ipBlock: { cidr: "10.20.0.0/24" } },
            ],
            ports: [{ protocol: "TCP", port: 5000 }],
          },
        ],
        egress: [
          {
            to: [
              {
                namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
                podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
              },
            ],
            ports: [
              { protocol: "UDP", port: 53 },
              { protocol: "TCP", port: 53 },
            ],
          },
          {
            to: [{ podSelector: { matchLabels: selectorOf("openstack", "mariadb", "proxy") } }],
            ports: [{ protocol: "TCP", port: 3306 }],
          },
          { to: [{ ipBlock: { cidr: "10.20.0.0/24" } }], ports: [{ protocol: "TCP", port: 5000 }] },
          { ports: [{ protocol: "TCP", port: 443 }] },
        ],
      },
    );
  });

  it("lets anybody in only where told so", () => {
    const open = workloadPolicy({ ...plan, ingressPorts: [5000], fromAnywhere: true });
    assert.deepEqual(rules(open, "ingress"), [{ ports: [{ protocol: "TCP", port: 5000 }] }]);
  });

  it("opens nothing by an empty list", () => {
    const peer = fc.constantFrom({ service: "a" }, { service: "b", process: "c" }, { cidr: "10.0.0.0/8" });
    const ports = fc.array(fc.integer({ min: 1, max: 65535 }), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(peer), ports, fc.array(fc.tuple(peer, ports)), (ingressFrom, ingressPorts, calls) => {
        const egressTo = calls.map(([one, callPorts]) => ({ ...one, ports: callPorts }));
        const spec = workloadPolicy({ ...plan, ingressFrom, ingressPorts, egressTo, egressAnywhere: [] });
        for (const rule of rules(spec, "ingress")) {
          assert.ok(rule.from?.length && rule.ports?.length, JSON.stringify(rule));
        }
        for (const rule of rules(spec, "egress")) {
          assert.ok(rule.to?.length && rule.ports?.length, JSON.stringify(rule));
        }
      }),
    );
    assert.deepEqual(rules(workloadPolicy(plan), "ingress"), []);
    assert.equal(rules(workloadPolicy(plan), "egress").length, 1, "DNS alone");
  });

  it("can be had as a policy for each direction", () => {
    const spec = workloadPolicy({ ...plan, ingressPorts: [5000], fromAnywhere: true, egressAnywhere: [443] });
    const [ingress, egress] = eachDirection(spec);
    assert.deepEqual(ingress, { podSelector: spec.podSelector, policyTypes: ["Ingress"], ingress: spec.ingress });
    assert.deepEqual(egress, { podSelector: spec.podSelector, policyTypes: ["Egress"], egress: spec.egress });
  });

  it("denies everything to everybody", () => {
    assert.deepEqual(denyAll(), { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  });
});
