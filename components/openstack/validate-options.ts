import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigFiles } from "../kit/config";
import { checkOptions, type OptionList, type OptionProblems } from "../kit/options";
import { proposal } from "../kit/proposal";
import type { CloudPlanArgs } from "./args";
import type { ServiceDefinition } from "./definition";
import { blankSecrets } from "./service-files";
import { knownServices } from "./services";

/**
 * Options that definitions write by what an input of the cloud says, whichever service and section they stand in, and that
 * input. An override of one would part what belongs together: endpoints, certificates, NetworkPolicies.
 */
const settledByInputs: Readonly<Record<string, string>> = {
  auth_url: "endpoint.internal",
  cafile: "certificate",
  memcache_servers: "sizes.memcached.server.replicas",
  memcached_servers: "sizes.memcached.server.replicas",
  novncproxy_base_url: "endpoint.public",
  region_name: "region",
  www_authenticate_uri: "endpoint.public",
};

/** The option list of a service in a series, kept from the images by `npm run images -- options`; undefined for services of others. */
export function optionList(series: string, service: string): OptionList | undefined {
  const file = join(__dirname, "options", series, `${service}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as OptionList) : undefined;
}

/** Problems of all options of a cloud: those that its user overrides, and those that definitions set. */
export function optionProblems(args: CloudPlanArgs, definitions: readonly ServiceDefinition[]): OptionProblems {
  const found = definitions.map((definition) => serviceProblems(args, definition));
  return {
    errors: [...targetProblems(args, definitions), ...found.flatMap((one) => one.errors)],
    warnings: found.flatMap((one) => one.warnings),
  };
}

/** Overrides of services that the cloud does not have. */
function targetProblems(args: CloudPlanArgs, definitions: readonly ServiceDefinition[]): string[] {
  const enabled = definitions.map((one) => one.name);
  return Object.keys(args.overrides ?? {})
    .filter((service) => !enabled.includes(service))
    .map((service) =>
      Object.keys(knownServices).includes(service)
        ? `overrides.${service}: ${service} is not enabled; add it to services, or remove the override`
        : `overrides.${service}: ${service} is no service; ${proposal(service, enabled)}`,
    );
}

function serviceProblems(args: CloudPlanArgs, definition: ServiceDefinition): OptionProblems {
  const overrides: ConfigFiles = args.overrides?.[definition.name] ?? {};
  const errors = [...formatProblems(definition, overrides), ...ownedProblems(definition, overrides)];
  const kept = optionList(args.release.series, definition.name);
  if (kept === undefined) {
    return { errors, warnings: [] };
  }
  const list = withLikes(kept, definition.optionsLike ?? {});
  const own = (file: string, section: string, option: string) =>
    `definition ${definition.name}: ${file} [${section}] ${option}`;
  const override = (file: string, section: string, option: string) =>
    `overrides.${definition.name}.${[file, section, option].filter((part) => part !== "").join(".")}`;
  const ofUser = checkOptions(list, overrides, override);
  const checks = [
    checkOptions(list, definition.config, own),
    checkOptions(list, definition.secretConfig?.(blankSecrets) ?? {}, own),
    checkOptions(list, definition.steps?.config ?? {}, own),
    ofUser,
  ];
  return {
    errors: [...errors, ...checks.flatMap((check) => check.errors)],
    // What a definition still sets is not for its user to mend.
    warnings: ofUser.warnings,
  };
}

/** A list that knows further files, each by the options of another one. */
function withLikes(list: OptionList, likes: Record<string, string>): OptionList {
  const files = Object.entries(likes).flatMap(([file, like]) => {
    const sections = list.files[like];
    return sections === undefined || list.files[file] !== undefined ? [] : [[file, sections] as const];
  });
  return { ...list, files: { ...list.files, ...Object.fromEntries(files) } };
}

/** Overrides of files that have no sections and options, which would change nothing: those of libvirt, for instance. */
function formatProblems(definition: ServiceDefinition, overrides: ConfigFiles): string[] {
  const others = [definition.files, ...definition.processes.map((process) => process.files)].flatMap((files) =>
    Object.keys(files ?? {}),
  );
  return Object.keys(overrides)
    .filter((file) => others.includes(file))
    .map(
      (file) =>
        `overrides.${definition.name}.${file}: belongs to the component, and has another format than options; remove it`,
    );
}

/** Options that an override sets although the component owns them. */
function ownedProblems(definition: ServiceDefinition, overrides: ConfigFiles): string[] {
  return Object.entries(overrides).flatMap(([file, sections]) =>
    Object.entries(sections ?? {}).flatMap(([section, options]) =>
      Object.keys(options ?? {}).flatMap((option) => {
        const instead = ownedInstead(definition, file, section, option);
        return instead === undefined
          ? []
          : [`overrides.${definition.name}.${file}.${section}.${option}: belongs to the component; ${instead}`];
      }),
    ),
  );
}

/** What to do in place of overriding an option that the component owns; undefined for one that it does not. */
function ownedInstead(
  definition: ServiceDefinition,
  file: string,
  section: string,
  option: string,
): string | undefined {
  const isSet = definition.config[file]?.[section]?.[option] !== undefined;
  const input =
    definition.ownedOptions?.[`${file}.${section}.${option}`] ?? (isSet ? settledByInputs[option] : undefined);
  if (input !== undefined) {
    return `set ${input} instead`;
  }
  const isSecret = definition.secretConfig?.(blankSecrets)[file]?.[section]?.[option] !== undefined;
  return isSecret ? "it is made by the stack and kept secret; remove it" : undefined;
}
