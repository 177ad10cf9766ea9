import * as pulumi from "@pulumi/pulumi";

/** Exit code of a program by which Pulumi's program host knows that the user has been told: it adds nothing. */
const alreadyReported = 32;

/**
 * Tells the user what a check found, and ends the program. A rejected output would travel through everything that waits
 * for it, and be told once for each; so where the program has a process of its own, that ends here.
 * @param summary one line, without a full stop
 * @param problems each with its place, what is wrong and what to do
 */
export async function refuse(resource: pulumi.Resource, summary: string, problems: readonly string[]): Promise<never> {
  const list = problems.map((text) => `  - ${text}`).join("\n");
  await pulumi.log.error(`${summary}:\n${list}`, resource);
  if (/[\\/]@pulumi[\\/]pulumi[\\/]cmd[\\/]run([\\/]|$)/.test(process.argv[1] ?? "")) {
    process.exit(alreadyReported);
  }
  throw new pulumi.ResourceError(`${summary} (see the error before)`, resource, true);
}

/** An output's value, or undefined in a preview in which it is not known yet. */
export async function valueIfKnown<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  // The SDK keeps this member out of its types; a plain `apply` cannot tell "unknown" at all.
  const known = await (output as unknown as { isKnown: Promise<boolean> }).isKnown;
  return known ? new Promise((resolve) => void output.apply((value) => resolve(value as T))) : undefined;
}
