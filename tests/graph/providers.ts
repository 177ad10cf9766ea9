import { createHash, generateKeyPairSync } from "node:crypto";
import type { JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";

/** Key and value by which Pulumi marks an object as a secret on the wire. */
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** What stands for a value that is not known yet. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

type Values = Record<string, JavaScriptValue>;

/** A value marked as a secret. */
export function secretMarker(value: JavaScriptValue): JavaScriptValue {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

/** Whether a value, as sent, is marked as a secret. */
export function isSecret(value: JavaScriptValue | undefined): boolean {
  return typeof value === "object" && value !== null && (value as Values)[signatureKey] === secretSignature;
}

/** A value, as sent, with every secret in it laid open. */
export function reveal(value: JavaScriptValue | undefined): JavaScriptValue {
  if (typeof value !== "object" || value === null) {
    return value ?? null;
  }
  if (isSecret(value)) {
    return reveal((value as Values)["value"]);
  }
  return Array.isArray(value)
    ? value.map(reveal)
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** A certificate whose key exists nowhere. Providers' stand-ins hand it out as every certificate. */
export const certificatePem = `-----BEGIN CERTIFICATE-----
MIIBijCCATGgAwIBAgIUJehkeADiixS2c+HCFo+ZLprpRkYwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPc3RyYXRpZm9ybSB0ZXN0MCAXDTI2MTEyNDEyMDYyNVoYDzIx
MjYxMDMxMTIwNjI1WjAaMRgwFgYDVQQDDA9zdHJhdGlmb3JtIHRlc3QwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAAToU9/mvov4BXjXN2Ed1E81UKx+h5i4HxZ8WTWn
D2xudYf5NWAVN6KEw08XMMuVV+Th/sCp1aCuIgA0gphpIhD3o1MwUTAdBgNVHQ4E
FgQU7ENROyf/lUc604c8SOnN+oWCf9cwHwYDVR0jBBgwFoAU7ENROyf/lUc604c8
SOnN+oWCf9cwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAyT/MO
JNZwDIdCBLYzGT1SlEqJLljbNHhjE/yDAe3ZygIgNd/wJDcNZ6Q9zQwNR0drRRwp
RYxXUAlBl8tZQ7CPs8o=
-----END CERTIFICATE-----
`;

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

const keys = new Map<string, { privateKeyPem: string; publicKeyPem: string }>();

function keyPair(urn: string): { privateKeyPem: string; publicKeyPem: string } {
  const known = keys.get(urn);
  if (known) {
    return known;
  }
  const pair = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "sec1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const made = { privateKeyPem: pair.privateKey, publicKeyPem: pair.publicKey };
  keys.set(urn, made);
  return made;
}

function randomOutputs(urn: string, inputs: Values): Values {
  const length = Number(reveal(inputs["byteLength"] ?? inputs["length"]) ?? 16);
  const bytes = Buffer.concat(Array.from({ length: Math.ceil(length / 32) }, (_, i) => digest(`${urn}${i}`))).subarray(
    0,
    length,
  );
  const result = bytes.toString("hex").slice(0, length);
  return {
    hex: bytes.toString("hex"),
    base64: bytes.toString("base64"),
    b64Std: bytes.toString("base64"),
    b64Url: bytes.toString("base64url"),
    dec: BigInt(`0x${bytes.toString("hex")}`).toString(),
    result,
  };
}

/**
 * Outputs that a provider would add to a resource's inputs. The same URN has the same outputs for as long as the test
 * process lives, as in a stack that stands.
 */
export function computedOutputs(type: string, urn: string, inputs: Values): Values {
  switch (type) {
    case "tls:index/privateKey:PrivateKey": {
      const { privateKeyPem, publicKeyPem } = keyPair(urn);
      return { privateKeyPem: secretMarker(privateKeyPem), publicKeyPem };
    }
    case "tls:index/selfSignedCert:SelfSignedCert":
    case "tls:index/locallySignedCert:LocallySignedCert":
      return { certPem: certificatePem };
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n" };
    case "random:index/randomId:RandomId":
    case "random:index/randomString:RandomString":
      return randomOutputs(urn, inputs);
    case "random:index/randomBytes:RandomBytes":
    case "random:index/randomPassword:RandomPassword": {
      const outputs = randomOutputs(urn, inputs);
      return Object.fromEntries(Object.entries(outputs).map(([key, value]) => [key, secretMarker(value)]));
    }
    case "command:remote:Command":
      return { stdout: "", stderr: "" };
    default:
      return {};
  }
}
