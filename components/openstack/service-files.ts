import type { ImageEntry } from "../kit/catalogue";
import type { ConfigFiles } from "../kit/config";
import { mergeFiles, renderOslo } from "../kit/oslo";
import { uwsgiIni } from "../kit/uwsgi";
import type { CloudFacts, ProcessDefinition, ServiceDefinition, ServiceSecrets } from "./definition";

/** Where the configuration of uwsgi is mounted. */
export const uwsgiFile = "/etc/stratiform/uwsgi.ini";

/** Key of the uwsgi configuration in a ConfigMap. */
const uwsgiKey = "uwsgi.ini";

/** Secrets for looking at what a definition writes and where, while their values do not matter. */
export const blankSecrets: ServiceSecrets = {
  databaseUrl: (database) => `mysql+pymysql://user:password@host/${database}`,
  messageBusUrl: "rabbit://user:password@host:5672/vhost",
  servicePassword: "password",
  adminPassword: "password",
  sharedSecret: () => "password",
};

/** One file of a pod, and the key under which its text lies. */
export interface FileMount {
  /** Key in the ConfigMap or Secret. */
  key: string;
  /** Path in the pod. */
  path: string;
}

/** What a process or a step finds in its file system, rendered. */
export interface RenderedFiles {
  /** Texts by key. */
  data: Record<string, string>;
  /** Where they are mounted. */
  mounts: FileMount[];
}

/** Key of a file in a ConfigMap: a path has slashes, which a key may not have. */
function keyOf(file: string): string {
  return file.split("/").join("_");
}

/** Files of a definition that a process reads. */
function filesOf(process: ProcessDefinition, files: ConfigFiles): ConfigFiles {
  const wanted = process.configFiles;
  return wanted === undefined
    ? files
    : Object.fromEntries(Object.entries(files).filter(([file]) => wanted.includes(file)));
}

/** The plain files of a process: configuration with the user's overrides on top, files of other formats, uwsgi's own. */
export function plainFiles(
  facts: CloudFacts,
  definition: ServiceDefinition,
  process: ProcessDefinition,
  entry: ImageEntry,
  overrides: ConfigFiles,
): RenderedFiles {
  const directory = configDirectory(definition, entry);
  const data: Record<string, string> = {};
  const mounts: FileMount[] = [];
  const add = (file: string, text: string, path = `${directory}/${file}`): void => {
    data[keyOf(file)] = text;
    mounts.push({ key: keyOf(file), path });
  };
  for (const [file, sections] of Object.entries(filesOf(process, mergeFiles(definition.config, overrides)))) {
    add(file, renderOslo(sections));
  }
  for (const [file, text] of Object.entries({ ...definition.files, ...process.files })) {
    add(file, text);
  }
  if (process.wsgi === true) {
    add(uwsgiKey, uwsgiText(facts, definition, process, entry), uwsgiFile);
  }
  return { data, mounts };
}

/**
 * The secret files of a process. Each lies in the configuration directory that oslo.config reads beside the file it
 * belongs to: `keystone.conf.d/keystone.conf` beside `keystone.conf`.
 */
export function secretFiles(
  definition: ServiceDefinition,
  process: ProcessDefinition,
  entry: ImageEntry,
  secrets: ServiceSecrets,
): RenderedFiles {
  const directory = configDirectory(definition, entry);
  const files = Object.entries(filesOf(process, definition.secretConfig?.(secrets) ?? {}));
  return {
    data: Object.fromEntries(files.map(([file, sections]) => [keyOf(file), renderOslo(sections)])),
    mounts: files.map(([file]) => ({
      key: keyOf(file),
      path: `${directory}/${definition.configDirectories?.[file] ?? `${file}.d`}/secret.conf`,
    })),
  };
}

/** The files of a service's steps: only what they need, plain and secret in one. */
export function stepFiles(definition: ServiceDefinition, entry: ImageEntry, secrets: ServiceSecrets): RenderedFiles {
  const directory = configDirectory(definition, entry);
  const files = Object.entries(
    mergeFiles(definition.steps?.config ?? {}, definition.steps?.secretConfig?.(secrets) ?? {}),
  );
  return {
    data: Object.fromEntries(files.map(([file, sections]) => [keyOf(file), renderOslo(sections)])),
    mounts: files.map(([file]) => ({ key: keyOf(file), path: `${directory}/${file}` })),
  };
}

function configDirectory(definition: ServiceDefinition, entry: ImageEntry): string {
  return entry.paths["config"] ?? `/etc/${definition.name}`;
}

function uwsgiText(
  facts: CloudFacts,
  definition: ServiceDefinition,
  process: ProcessDefinition,
  entry: ImageEntry,
): string {
  const application = entry.wsgi?.[process.name];
  if (application === undefined || process.port === undefined) {
    throw new Error(
      `definition ${definition.name}: process ${process.name} is a WSGI application, and needs a port and an entry wsgi.${process.name} in the image's catalogue entry`,
    );
  }
  return uwsgiIni({
    port: process.port,
    application,
    workers: facts.size(definition.name, process.name).workers,
    extra: process.uwsgi ?? [],
  });
}
