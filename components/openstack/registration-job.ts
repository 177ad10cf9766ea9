import * as pulumi from "@pulumi/pulumi";
import { administratorJob } from "./administrator-job";
import type { CloudFacts, ServiceDefinition } from "./definition";
import type { JobOwner } from "./job";
import { type Registration, type RegistrationList, registration, registrationList } from "./registration";
import type { ServiceBuild } from "./service-build";

/** Enters a service into Keystone: its user, its services, their endpoints. None for Keystone, which enters itself. */
export function registrationJob(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  const { definition, facts, secrets } = build;
  const wanted = registration(facts, definition);
  if (wanted === undefined) {
    return [];
  }
  const password = secrets.laidOpen.apply(
    (open): Record<string, string> => (wanted.user === undefined ? {} : { password: open.servicePassword }),
  );
  return [keystoneJob(build, "register", { facts, wanted, password, adminPassword: build.adminPassword, dependsOn })];
}

/**
 * Takes out of Keystone what an earlier `up` entered and no definition names any more. It runs with the labels of
 * Keystone's own steps.
 * @param owner the cloud
 */
export function sweepJob(
  owner: Omit<JobOwner, "definition">,
  plan: {
    facts: CloudFacts;
    definitions: readonly ServiceDefinition[];
    adminPassword: pulumi.Output<string>;
    dependsOn: pulumi.Resource[];
  },
): pulumi.Resource {
  const wanted = registrationList(plan.facts, plan.definitions);
  return keystoneJob({ ...owner, definition: { name: "keystone" } }, "sweep", {
    ...plan,
    wanted,
    password: pulumi.output<Record<string, string>>({}),
  });
}

function keystoneJob(
  owner: JobOwner,
  mode: "register" | "sweep",
  plan: {
    facts: CloudFacts;
    wanted: Registration | RegistrationList;
    password: pulumi.Output<Record<string, string>>;
    adminPassword: pulumi.Output<string>;
    dependsOn: pulumi.Resource[];
  },
): pulumi.Resource {
  const { facts, wanted, password, adminPassword, dependsOn } = plan;
  return administratorJob(owner, mode, {
    facts,
    script: "register.py",
    words: [mode],
    files: password.apply(
      (files): Record<string, string> => ({ "registration.json": JSON.stringify(wanted), ...files }),
    ),
    adminPassword,
    dependsOn,
  });
}
