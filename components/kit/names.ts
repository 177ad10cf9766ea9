import { createHmac } from "node:crypto";

/** Longest name of an object that Kubernetes also uses as a label value (RFC 1123). */
const longestName = 63;

/** Characters of the hash in a name. */
const hashLength = 10;

/** JSON with the keys of every mapping in order, so that equal content gives equal text. Members that are `undefined` are left out. */
export function stableJson(value: unknown): string {
  const sorted = (_key: string, inner: unknown): unknown =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner;
  return JSON.stringify(value, sorted) ?? "null";
}

/**
 * Name of an object that is made anew whenever its content changes: `<base>-<10 hexadecimal digits>`, at most 63 characters.
 *
 * The hash is keyed, so that the name of a secret object says nothing about the secret to somebody without the key.
 * @param base beginning of the name: a DNS label; cut where it is too long
 * @param key key of the hash: one per stack
 * @param content all that the object is made of
 */
export function hashedName(base: string, key: string, ...content: unknown[]): string {
  const hash = createHmac("sha256", key).update(stableJson(content)).digest("hex").slice(0, hashLength);
  return `${base.slice(0, longestName - hashLength - 1).replace(/[-.]+$/, "")}-${hash}`;
}
