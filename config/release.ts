import * as fs from "node:fs";
import * as path from "node:path";
import { parseDocument } from "yaml";
import { nearestKey } from "../components/kit/proposal";

/** A release file that was read, or why it was not. */
export type FoundRelease = { file: string; content: unknown } | { problem: string };

/** Names of the releases in a folder, the latest last. */
export function releaseNames(folder: string): string[] {
  const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return files
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
}

/**
 * Finds a release and reads its file.
 *
 * @param release name of a file in `releases/` without ".yaml", or a path (with a "/"), relative to the program's folder
 * @param folder the program's folder
 */
export function findRelease(release: string, folder: string): FoundRelease {
  const isPath = release.includes("/");
  const file = isPath ? path.resolve(folder, release) : path.join(folder, "releases", `${release}.yaml`);
  const shown = path.relative(folder, file).startsWith("..") ? file : path.relative(folder, file);
  if (!fs.existsSync(file) || !fs.statSync(file).isFile()) {
    return { problem: isPath ? missingFile(file) : missingRelease(release, path.join(folder, "releases")) };
  }
  const document = parseDocument(fs.readFileSync(file, "utf8"));
  const error = document.errors[0];
  return error === undefined
    ? { file: shown, content: document.toJS() as unknown }
    : { problem: `${shown} is not YAML: ${error.message.split("\n")[0]}` };
}

function missingFile(file: string): string {
  return `there is no file ${file}; correct the path, or write the name of a release in releases/`;
}

function missingRelease(release: string, folder: string): string {
  const names = releaseNames(folder);
  if (names.length === 0) {
    return `unknown release "${release}"; releases/ has none: put a release file there, or write the path of one`;
  }
  const nearest = nearestKey(release, names);
  const there = `releases/ has ${names.join(", ")}`;
  return `unknown release "${release}"; ${nearest === undefined ? there : `did you mean \`${nearest}\`? ${there}`}`;
}
