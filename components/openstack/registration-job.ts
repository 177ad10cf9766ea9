import * as pulumi from "@pulumi/pulumi";
import { administratorJob } from "./administrator-job";
import type { CloudFacts, ServiceDefinition } from "./definition";
import type { JobOwner } from "./job";
import {
  identityService,
  loginAtStart,
  type Registration,
  type RegistrationList,
  RegistrationPart,
  registration,
  registrationList,
} from "./registration";
import type { ServiceBuild } from "./service-build";

/** CPU that a job asks for for which a service's own processes wait. */
const userCpu = "200m";

/**
 * Enters a service's user into Keystone before any of its processes runs, where one would end without it. None for
 * others: their user comes with the rest, since every job costs seconds.
 */
export function userJob(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  return loginAtStart(build.definition) ? entryJob(build, "user", RegistrationPart.User, dependsOn, userCpu) : [];
}

/** Enters a service into Keystone: its user, its services, their endpoints. None for Keystone, which enters itself. */
export function registrationJob(build: ServiceBuild, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
  const part = loginAtStart(build.definition) ? RegistrationPart.Services : RegistrationPart.All;
  return entryJob(build, "register", part, dependsOn);
}

function entryJob(
  build: ServiceBuild,
  name: string,
  part: RegistrationPart,
  dependsOn: pulumi.Resource[],
  cpu?: string,
): pulumi.Resource[] {
  const { definition, facts, secrets } = build;
  const wanted = registration(facts, definition, part);
  if (wanted === undefined || (wanted.user === undefined && wanted.services.length === 0)) {
    return [];
  }
  const password = secrets.laidOpen.apply(
    (open): Record<string, string> => (wanted.user === undefined ? {} : { password: open.servicePassword }),
  );
  const plan = { facts, wanted, password, adminPassword: build.adminPassword, cpu, dependsOn };
  return [keystoneJob(build, name, "register", plan)];
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
  return keystoneJob({ ...owner, definition: { name: identityService } }, "sweep", "sweep", {
    ...plan,
    wanted,
    password: pulumi.output<Record<string, string>>({}),
  });
}

function keystoneJob(
  owner: JobOwner,
  name: string,
  mode: "register" | "sweep",
  plan: {
    facts: CloudFacts;
    wanted: Registration | RegistrationList;
    password: pulumi.Output<Record<string, string>>;
    adminPassword: pulumi.Output<string>;
    cpu?: string | undefined;
    dependsOn: pulumi.Resource[];
  },
): pulumi.Resource {
  const { facts, wanted, password, adminPassword, cpu, dependsOn } = plan;
  return administratorJob(owner, name, {
    facts,
    script: "register.py",
    words: [mode],
    files: password.apply(
      (files): Record<string, string> => ({ "registration.json": JSON.stringify(wanted), ...files }),
    ),
    adminPassword,
    cpu,
    dependsOn,
  });
}
