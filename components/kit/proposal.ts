import { distance } from "fastest-levenshtein";

/** Longest distance, in edited characters, at which a known key is proposed for an unknown one. */
const proposedDistance = 3;

/** The known key that an unknown one resembles so much that it was probably meant; undefined if there is none. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  const sorted = [...known].sort((left, right) => distance(key, left) - distance(key, right));
  const nearest = sorted[0];
  const limit = Math.min(proposedDistance, Math.ceil(key.length / 2));
  return nearest !== undefined && distance(key.toLowerCase(), nearest.toLowerCase()) <= limit ? nearest : undefined;
}

/** What to do about an unknown key: the known one it resembles, or all that are known. */
export function proposal(key: string, known: readonly string[]): string {
  const nearest = nearestKey(key, known);
  return nearest === undefined ? `remove it; known are ${known.join(", ")}` : `did you mean \`${nearest}\`?`;
}

/** Names in a sentence: `nova`, `neutron and nova`, `libvirt, neutron and nova`. */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
