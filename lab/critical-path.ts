/** A resource of a stack's exported state, as far as the critical path looks at it. */
export interface DatedResource {
  urn: string;
  /** Whether a provider has it; components have no time of their own. @default false */
  custom?: boolean;
  /** When it was there, as the engine stamps it. */
  created?: string;
  /** URNs of the resources that it waited for. @default none */
  dependencies?: string[];
}

/** A link of the chain that an update's time consists of. */
export interface PathLink {
  /** Type and name of the resource, such as `kubernetes:batch/v1:Job openstack-keystone-migrate`. */
  resource: string;
  /** Seconds from the beginning until it was there. */
  at: number;
  /** Seconds that it took after the last thing it waited for was there. */
  seconds: number;
}

/**
 * The chain of resources that a first deployment's time consists of: the one that was there last, before it the last one
 * of those that it waited for, and so on. Making any other resource faster makes the deployment no shorter.
 *
 * @param resources the stack's resources, all of one deployment
 * @param begin when it began, in milliseconds since 1970; what was there before is no link
 */
export function criticalPath(resources: readonly DatedResource[], begin: number): PathLink[] {
  const dated = resources.flatMap(({ urn, custom, created, dependencies }) =>
    custom && created !== undefined ? [{ urn, created: Date.parse(created), dependencies: dependencies ?? [] }] : [],
  );
  const known = new Map(dated.filter(({ created }) => created >= begin).map((one) => [one.urn, one]));
  const last = (urns: Iterable<string>) =>
    [...urns]
      .flatMap((urn) => known.get(urn) ?? [])
      .reduce<(typeof dated)[number] | undefined>(
        (latest, one) => (latest === undefined || one.created > latest.created ? one : latest),
        undefined,
      );
  const links: PathLink[] = [];
  for (let one = last(known.keys()); one !== undefined; ) {
    const before = last(one.dependencies);
    links.unshift({
      resource: nameOf(one.urn),
      at: (one.created - begin) / 1000,
      seconds: (one.created - (before?.created ?? begin)) / 1000,
    });
    one = before;
  }
  return links;
}

function nameOf(urn: string): string {
  const [, , types = "", ...name] = urn.split("::");
  return `${types.slice(types.lastIndexOf("$") + 1)} ${name.join("::")}`;
}
