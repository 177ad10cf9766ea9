import * as pulumi from "@pulumi/pulumi";
import { stableJson } from "../kit/names";
import { administratorJob } from "./administrator-job";
import type { ServiceBuild } from "./service-build";

/** Exit code of a program that refuses for good: EX_CONFIG of sysexits.h, as scripts/administrator.py says. */
const refused = 78;

/**
 * What a service's definition has the administrator do once the service answers.
 * @param answersOf what there is to wait for until a service answers
 */
export function setupJobs(
  build: ServiceBuild,
  dependsOn: pulumi.Resource[],
  answersOf: (service: string) => pulumi.Resource[],
): pulumi.Resource[] {
  const { definition, facts, adminPassword } = build;
  return (definition.setup ?? []).map((setup) =>
    administratorJob(build, setup.name, {
      facts,
      script: setup.script,
      files: pulumi.output<Record<string, string>>({ "arguments.json": stableJson(setup.arguments) }),
      adminPassword,
      refusals: [refused],
      dependsOn: [...dependsOn, ...(setup.needs ?? []).flatMap(answersOf)],
    }),
  );
}
