import * as assert from "node:assert/strict";
import { authorityProblems, certificateProblems } from "../../components/platform/certificate-check";
import { type Issued, issueCertificate } from "./certificates";

const dayMs = 86_400_000;

describe("check of a certificate that is brought in", function () {
  this.timeout(20_000);
  let own: Issued;
  let other: Issued;
  let addressOnly: Issued;

  before(() => {
    own = issueCertificate(["DNS:cloud.test", "DNS:*.apps.test", "IP:10.20.0.250"]);
    other = issueCertificate();
    addressOnly = issueCertificate(["IP:10.20.0.250"]);
  });

  const problems = (hosts: string[] = ["cloud.test"], pem = own.certificate, key?: string, now?: number): string[] =>
    certificateProblems(pem, hosts, key, now);

  it("finds nothing wrong with one that fits, alone or with its chain", () => {
    assert.deepEqual(problems(["cloud.test", "10.20.0.250", "one.apps.test"], own.certificate, own.key), []);
    assert.deepEqual(problems(["cloud.test"], own.certificate + own.authority, own.key), []);
  });

  const wrong: [string, () => string[], RegExp][] = [
    [
      "a name that it does not hold for",
      () => problems(["api.test"]),
      /the endpoint api\.test \(it holds for: DNS:cloud\.test/,
    ],
    [
      "an address that it does not hold for",
      () => problems(["10.20.0.9"]),
      /does not hold for the endpoint 10\.20\.0\.9 /,
    ],
    [
      "a name that is in its subject alone",
      () => problems(["server"], addressOnly.certificate),
      /does not hold for the endpoint server /,
    ],
    ["another's key", () => problems(undefined, own.certificate, other.key), /does not belong to the private key/],
    ["what is no key", () => problems(undefined, own.certificate, "word"), /private key that cannot be read/],
    [
      "an end in the past",
      () => problems(undefined, undefined, undefined, Date.now() + 31 * dayMs),
      /"CN=server" has expired on /,
    ],
    [
      "an end that is near",
      () => problems(undefined, undefined, undefined, Date.now() + 24 * dayMs),
      /expires on .* less than 7 days/,
    ],
    [
      "a beginning in the future",
      () => problems(undefined, undefined, undefined, Date.now() - 2 * dayMs),
      /valid only from /,
    ],
    [
      "another's authority after it",
      () => problems(undefined, own.certificate + other.authority),
      /is not issued by the certificate that follows it/,
    ],
    ["what is no certificate", () => problems(undefined, "word"), /holds no certificate; give/],
    [
      "a certificate that is broken",
      () => problems(undefined, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
      /cannot be read/,
    ],
  ];
  for (const [what, found, expected] of wrong) {
    it(`refuses ${what}`, () => {
      const said = found();
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0] ?? "", expected);
    });
  }

  it("never quotes a key", () => {
    const broken = own.key.replace(/[A-Za-z]/, "!");
    assert.doesNotMatch(problems(undefined, own.certificate, broken).join("\n"), /PRIVATE|[A-Za-z0-9+/]{40}/);
  });

  it("takes a CA for a CA, and nothing else", () => {
    assert.deepEqual(authorityProblems(own.authority, own.authorityKey), []);
    assert.match(authorityProblems(own.certificate).join("\n"), /is no CA/);
    assert.match(authorityProblems(own.authority, other.authorityKey).join("\n"), /does not belong to the private key/);
    assert.match(authorityProblems("word").join("\n"), /cannot be read/);
    assert.match(authorityProblems(own.authority, undefined, Date.now() + 31 * dayMs).join("\n"), /has expired/);
  });
});
