import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { parse } from "yaml";
import { outdatedTests, type TempestFacts, tempestConfig } from "../../components/operations/tempest-config";
import { tempestLabels, tempestObjects } from "../../components/operations/tempest-job";
import {
  parseTempestResults,
  type TempestTest,
  tempestCounts,
  tempestHtml,
  tempestJunit,
  tempestName,
  tempestProgram,
  tempestText,
} from "../../components/operations/tempest-report";
import { podClouds, tempestArguments } from "../../lab/tempest";

const facts: TempestFacts = {
  image: "image-1",
  imageAlt: "image-2",
  flavor: "flavor-1",
  flavorAlt: "flavor-2",
  externalNetwork: "net-1",
  externalNetworkName: "external",
  extensions: ["router", "agent"],
  serviceTypes: ["identity", "image", "network", "compute", "placement"],
  computeHosts: 2,
  computeMicroversion: "2.96",
  authUrl: "https://cloud.example:5000/v3",
  region: "RegionOne",
  username: "admin",
  password: "a$b",
  project: "admin",
  caFile: "/etc/stratiform/ca/ca.crt",
  imageFile: "/work/guest.qcow2",
  directory: "/work",
};

/** Options of an INI file, as `section.option`. */
function optionsOf(text: string): Record<string, string> {
  let section = "";
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
      const [, option, value] = /^(\w+) =\s?(.*)$/.exec(line) ?? [];
      return option === undefined ? [] : [[`${section}.${option}`, value ?? ""] as const];
    }),
  );
}

describe("Tempest's configuration", () => {
  const options = optionsOf(tempestConfig(facts));

  it("names what there is in the cloud", () => {
    const expected: Record<string, string> = {
      "identity.uri_v3": "https://cloud.example:5000/v3",
      "identity.ca_certificates_file": "/etc/stratiform/ca/ca.crt",
      // oslo.config reads "$$" as "$".
      "auth.admin_password": "a$$b",
      "compute.image_ref": "image-1",
      "compute.image_ref_alt": "image-2",
      "compute.flavor_ref_alt": "flavor-2",
      "compute.min_compute_nodes": "2",
      "compute.max_microversion": "2.96",
      "network.public_network_id": "net-1",
      "network.floating_network_name": "external",
      "network-feature-enabled.api_extensions": "agent,router",
      "validation.image_ssh_user": "root",
      "validation.ssh_shell_prologue": "",
      "scenario.img_file": "/work/guest.qcow2",
    };
    for (const [option, value] of Object.entries(expected)) assert.equal(options[option], value, option);
  });

  it("tests services that are in the catalogue, and no others", () => {
    const available = (types: string[]): string[] =>
      Object.entries(optionsOf(tempestConfig({ ...facts, serviceTypes: types })))
        .filter(([option, value]) => option.startsWith("service_available.") && value === "true")
        .map(([option]) => option.split(".")[1] ?? "");
    assert.deepEqual(available(facts.serviceTypes), ["glance", "neutron", "nova"]);
    assert.deepEqual(available(["block-storage", "object-store"]), ["cinder", "swift"]);
    assert.deepEqual(available([]), []);
  });

  it("takes other options, and refuses what is none", () => {
    const other = optionsOf(tempestConfig(facts, ["compute.build_timeout=600", "image.http_image=http://a=b"]));
    assert.equal(other["compute.build_timeout"], "600");
    assert.equal(other["compute.image_ref"], "image-1");
    assert.equal(other["image.http_image"], "http://a=b");
    assert.throws(() => tempestConfig(facts, ["build_timeout=600"]), /--set build_timeout=600: write <section>/);
  });
});

describe("Tempest's job", () => {
  const plan = {
    ...{ cloud: "openstack", name: "tempest-1", image: "registry:5000/stratiform/tempest@sha256:1", uid: 42400 },
    ...{ config: "[auth]\nadmin_password = secret-1\n", clouds: "secret-2", guestImage: "image-1", limit: 600 },
    ...{ args: ["--smoke"], hostAliases: [{ ip: "10.0.0.1", hostnames: ["cloud.example"] }] },
  };
  const objects = tempestObjects(plan);
  const [secret, policy, job] = objects;

  it("is a Secret, a NetworkPolicy and a Job of one name, with labels to find them by", () => {
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ["Secret", "NetworkPolicy", "Job"],
    );
    for (const { metadata } of objects) {
      assert.deepEqual(metadata, { name: "tempest-1", namespace: "openstack", labels: tempestLabels("openstack") });
    }
    assert.deepEqual(policy?.["spec"], {
      podSelector: { matchLabels: tempestLabels("openstack") },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [{}],
    });
  });

  it("has its secrets in the Secret alone", () => {
    assert.match(JSON.stringify(secret), /secret-1.*secret-2/);
    assert.doesNotMatch(JSON.stringify([policy, job]), /secret-[12]/);
  });

  it("runs once, without rights, and may ping", () => {
    const spec = job?.["spec"] as {
      backoffLimit: number;
      activeDeadlineSeconds: number;
      template: { spec: Record<string, unknown> };
    };
    assert.equal(spec.backoffLimit, 0);
    assert.equal(spec.activeDeadlineSeconds, 600 + 3600);
    const pod = JSON.stringify(spec.template.spec);
    assert.match(pod, /"sysctls":\[\{"name":"net.ipv4.ping_group_range","value":"0 2147483647"\}\]/);
    assert.match(pod, /"runAsUser":42400/);
    assert.match(pod, /"readOnlyRootFilesystem":true/);
    assert.match(pod, /"drop":\["ALL"\]/);
    assert.doesNotMatch(pod, /"add":/);
    assert.match(pod, /tempest_run\.sh","--smoke"/);
    assert.match(pod, /"name":"LIMIT","value":"600"/);
    assert.match(pod, /"cloud\.example"/);
  });
});

describe("Tempest's command line", () => {
  it("says which tests in one way", () => {
    const [smoke, exclude, outdated = "", ...rest] = tempestArguments({ smoke: true });
    assert.deepEqual([smoke, exclude, ...rest], ["--smoke", "--exclude-regex", "--concurrency", "2"]);
    for (const { test } of outdatedTests) assert.match(`${test}[id-1,smoke]`, new RegExp(outdated));
    assert.doesNotMatch("tempest.api.identity.admin.v3.test_roles.RolesV3TestJSON.test_list", new RegExp(outdated));
    assert.deepEqual(tempestArguments({ regex: "identity", exclude: "slow", concurrency: 1 }), [
      ...["--regex", "identity", "--exclude-regex", `${outdated}|slow`, "--concurrency", "1"],
    ]);
    assert.throws(() => tempestArguments({}), /say which tests/);
    assert.throws(() => tempestArguments({ smoke: true, regex: "x" }), /say which tests/);
  });

  it("hands credentials on with the CA where the pod has it", () => {
    const text = "clouds: {openstack: {auth: {username: admin}, region_name: R, cacert: /lab/ca.crt}}";
    const given = podClouds(text, "/etc/ca.crt");
    assert.deepEqual(parse(given.text), {
      clouds: { admin: { auth: { username: "admin" }, region_name: "R", cacert: "/etc/ca.crt" } },
    });
    assert.equal(given.region, "R");
  });
});

describe("Tempest's report", () => {
  const tests: TempestTest[] = [
    { id: "tempest.api.A.test_good[id-1,smoke]", status: "success", seconds: 1.5, detail: "" },
    {
      id: "tempest.api.A.test_bad[id-2]",
      status: "fail",
      seconds: 20,
      detail: "Traceback\n  <x>\nValueError: \u0001a & b",
    },
    { id: "tempest.api.B.test_out[id-3]", status: "skip", seconds: 0, detail: "no volumes" },
    { id: "setUpClass (tempest.api.C)", status: "fail", seconds: 3, detail: "boom" },
    { id: "tempest.api.D.test_killed", status: "inprogress", seconds: 0, detail: "" },
  ];

  it("counts a test that never ended as failed", () => {
    assert.deepEqual(tempestCounts(tests), { passed: 1, failed: 3, skipped: 1 });
    assert.deepEqual(tempestCounts([]), { passed: 0, failed: 0, skipped: 0 });
  });

  it("names tests without their tags", () => {
    assert.equal(tempestName("tempest.api.A.test_good[id-1,smoke]"), "tempest.api.A.test_good");
    assert.equal(tempestName("setUpClass (tempest.api.C)"), "setUpClass (tempest.api.C)");
  });

  it("is read from the list that the pod writes", () => {
    assert.deepEqual(parseTempestResults(JSON.stringify(tests)), tests);
    assert.throws(() => parseTempestResults('{"a":1}'), /no list/);
  });

  it("shows failures with their tracebacks, reasons, the slowest, and the counts last", () => {
    const text = tempestText(tests, 1);
    assert.match(text, /^Failed\n {2}tempest\.api\.A\.test_bad\n {4}Traceback\n {6}<x>\n {4}ValueError/);
    assert.match(text, /Skipped\n {2}tempest\.api\.B\.test_out: no volumes/);
    assert.match(text, /Slowest, in seconds\n\s+20\.0 {2}tempest\.api\.A\.test_bad\n\n/);
    assert.match(text, /5 tests: 1 passed, 3 failed, 1 skipped$/);
  });

  it("is well-formed JUnit and HTML, whatever a console printed", () => {
    const junit = tempestJunit(tests);
    assert.match(junit, /<testsuite name="tempest" tests="5" failures="3" skipped="1" time="24\.500">/);
    assert.match(
      junit,
      /classname="tempest\.api\.A" name="test_bad" time="20\.000"><failure message="ValueError: \ufffda &amp; b">/,
    );
    assert.match(junit, /classname="" name="setUpClass \(tempest\.api\.C\)"/);
    const page = tempestHtml(tests, "run <1>");
    assert.match(page, /<h1>run &lt;1&gt;<\/h1><p>1 passed, 3 failed, 1 skipped/);
    const parsed = (xml: string) =>
      spawnSync("python3", ["-c", "import sys, xml.etree.ElementTree as e; e.fromstring(sys.stdin.buffer.read())"], {
        input: xml,
        encoding: "utf8",
      });
    assert.equal(parsed(junit).status, 0, parsed(junit).stderr);
    assert.ok(
      page.indexOf("test_bad") < page.indexOf("test_good") && page.indexOf("test_good") < page.indexOf("test_out"),
    );
  });
});

describe("Tempest's programs", () => {
  it("make each thing once, and take away what they made (tempest_prepare.py)", () => {
    const program = `
import sys; sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(tempestProgram("."))})
from types import SimpleNamespace as T
import tempest_prepare as p
images, flavors = [T(id="broken", name=p.NAME, status="queued"), T(id="other", name="other", status="active")], []
def make_image(name, **_): images.append(T(id=f"i{len(images)}", name=name, status="active")); return images[-1]
def make_flavor(**f): flavors.append(T(id=f"f{len(flavors)}", name=f["name"], ram=f["ram"])); return flavors[-1]
access = T(service_catalog=T(catalog=[{"type": "image", "endpoints": [1]}, {"type": "old", "endpoints": []}]))
cloud = T(
    image=T(images=lambda name: [i for i in images if i.name == name], create_image=make_image, delete_image=images.remove),
    compute=T(flavors=lambda is_public: flavors, create_flavor=make_flavor, delete_flavor=flavors.remove,
              services=lambda binary: [T(state="up", status="enabled"), T(state="down", status="enabled")],
              get_endpoint_data=lambda: T(max_microversion=(2, 96))),
    network=T(networks=lambda is_router_external: [T(id="n", name="external")], extensions=lambda: [T(alias="router"), T(alias="agent")]),
    session=T(auth=T(get_access=lambda session: access)))
first = p.make(cloud, "file")
assert first == p.make(cloud, "file"), "made twice"
assert "broken" not in [i.id for i in images]
assert (first["computeHosts"], first["computeMicroversion"], first["serviceTypes"], first["extensions"]) == (1, "2.96", ["image"], ["agent", "router"]), first
assert [f.ram for f in flavors] == [192, 224]
p.clean(cloud)
assert [i.id for i in images] == ["other"] and flavors == []
`;
    const run = spawnSync("python3", ["-c", program], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
  });

  it("write reasons and tracebacks, and no logs (tempest_results.py)", () => {
    const program = `
import sys, json, datetime; sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(tempestProgram("."))})
from types import SimpleNamespace as T
import tempest_results as r
at = lambda second: datetime.datetime(2026, 1, 1, 0, 0, second)
text = lambda t: T(as_text=lambda: t)
details = {"pythonlogging": text("log"), "traceback": text("Traceback"), "traceback-1": text("second\\n")}
print(json.dumps([
  r.entry({"id": "a", "status": "fail", "timestamps": [at(1), at(3)], "details": details}),
  r.entry({"id": "b", "status": "skip", "timestamps": [at(1), None], "details": {"reason": text("why")}}),
  r.entry({"id": "c", "status": "success", "timestamps": [], "details": {"traceback": text("odd")}}),
]))
`;
    const run = spawnSync("python3", ["-c", program], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(JSON.parse(run.stdout), [
      { id: "a", status: "fail", seconds: 2, detail: "Traceback\nsecond" },
      { id: "b", status: "skip", seconds: 0, detail: "why" },
      { id: "c", status: "success", seconds: 0, detail: "" },
    ]);
  });
});
