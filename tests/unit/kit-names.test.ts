import * as assert from "node:assert/strict";
import * as fc from "fast-check";
import { labelsOf, selectorOf } from "../../components/kit/labels";
import { hashedName, stableJson } from "../../components/kit/names";

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const base = fc.stringMatching(/^[a-z]([-a-z0-9]{0,80}[a-z0-9])?$/);

/** The same mapping with its keys the other way round, at every depth. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(reversed);
  }
  return typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, reversed(inner)]),
      )
    : value;
}

describe("kit: names", () => {
  it("gives equal content equal JSON, whatever the order of its keys", () => {
    assert.equal(stableJson({ b: [1, { d: null, c: "x" }], a: true }), '{"a":true,"b":[1,{"c":"x","d":null}]}');
    assert.equal(stableJson({ a: undefined }), "{}");
    assert.equal(stableJson(undefined), "null");
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(stableJson(reversed(value)), stableJson(value));
        assert.deepEqual(JSON.parse(stableJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("makes names that Kubernetes takes", () => {
    fc.assert(
      fc.property(base, fc.string(), fc.jsonValue(), (text, key, content) => {
        const name = hashedName(text, key, content);
        assert.match(name, label);
        assert.match(name, /-[0-9a-f]{10}$/);
      }),
    );
    assert.equal(hashedName(`${"a".repeat(51)}-b`, "key").length, 62, "a cut name does not end in two hyphens");
  });

  it("changes the name with content and key, and with nothing else", () => {
    const name = hashedName("keystone-config", "key", { a: 1, b: 2 }, "image");
    assert.equal(name, "keystone-config-c50c134f24");
    assert.equal(hashedName("keystone-config", "key", { b: 2, a: 1 }, "image"), name);
    assert.notEqual(hashedName("keystone-config", "key", { a: 1, b: 3 }, "image"), name);
    assert.notEqual(hashedName("keystone-config", "other", { a: 1, b: 2 }, "image"), name);
    assert.notEqual(hashedName("x", "key", "ab", "c"), hashedName("x", "key", "a", "bc"));
  });
});

describe("kit: labels", () => {
  it("selects by instance, name and component", () => {
    assert.deepEqual(labelsOf("openstack", "keystone", "api"), {
      "app.kubernetes.io/part-of": "stratiform",
      "app.kubernetes.io/instance": "openstack",
      "app.kubernetes.io/name": "keystone",
      "app.kubernetes.io/component": "api",
    });
    const labels = labelsOf("openstack", "keystone", "api");
    for (const selector of [selectorOf("openstack", "keystone"), selectorOf("openstack", "keystone", "api")]) {
      assert.ok(Object.entries(selector).every(([key, value]) => labels[key] === value));
    }
    assert.equal(Object.keys(selectorOf("openstack", "keystone")).length, 2);
  });
});
