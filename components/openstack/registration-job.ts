import * as pulumi from "@pulumi/pulumi";
import { argumentVector } from "../kit/catalogue";
import { hashedSecret } from "../kit/hashed";
import type { CloudFacts, ServiceDefinition } from "./definition";
import { addAuthority, type Furnishing } from "./furnish";
import { type JobOwner, laidJob } from "./job";
import {
  administratorAccess,
  type Registration,
  type RegistrationList,
  registerScript,
  registration,
  registrationList,
} from "./registration";
import type { ServiceBuild } from "./service-build";
import { inputDirectory } from "./steps";

/** Image of the jobs that talk to Keystone. */
const clientImage = "client";

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
  const { context, definition, parent } = owner;
  const data = pulumi.all([plan.password, plan.adminPassword]).apply(
    ([password, adminPassword]): Record<string, string> => ({
      "clouds.yaml": administratorAccess(plan.facts, adminPassword),
      "registration.json": JSON.stringify(plan.wanted),
      "register.py": registerScript(),
      ...password,
    }),
  );
  const secret = hashedSecret(`${owner.name}-${mode}`, `${definition.name}-${mode}`, data, context, parent);
  const furnishing: Furnishing = {
    volumes: { input: { kind: "secret", name: secret.metadata.name } },
    mounts: [{ volume: "input", path: inputDirectory }],
  };
  addAuthority(furnishing);
  const program = ["python3", `${inputDirectory}/register.py`, mode];
  return laidJob(owner, mode, {
    image: clientImage,
    command: argumentVector(clientImage, context.entry(clientImage), program),
    furnishing,
    secret,
    dependsOn: plan.dependsOn,
  });
}
