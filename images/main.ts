import { copyFile, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { describeError, UserError } from "../lab/error";
import { plainTable, TerminalReporter } from "../lab/report";
import { type BuiltImage, type BuiltImages, ensureImages } from "./build";
import { ensureGuestImage } from "./guest";
import { writeOptions } from "./options";
import { hasImage, type PushTarget, pushImages } from "./push";
import { formatRelease, writeReleaseFile } from "./release-file";

interface RegistryOptions {
  registry?: string;
  certDir?: string;
  plainHttp?: boolean;
}

interface ReleaseOptions {
  out?: string;
  name?: string;
  predecessor?: string;
}

/** The registry that options name, or undefined if they name none. */
function target(options: RegistryOptions): PushTarget | undefined {
  if (options.registry === undefined) return undefined;
  const certDirectory = options.certDir === undefined ? undefined : resolve(options.certDir);
  return { registry: options.registry, certDirectory, plainHttp: options.plainHttp };
}

function mebibytes(one: BuiltImage): string {
  const bytes = one.image.layers.reduce((sum, layer) => sum + layer.size, 0);
  return (bytes / 2 ** 20).toFixed(0);
}

/** Table of the images, and whether a registry has them. */
async function imageTable(built: BuiltImages, registry: PushTarget | undefined): Promise<string> {
  const rows = await Promise.all(
    Object.values(built.images).map(async (one) => [
      one.name,
      one.version,
      one.image.digest.slice(0, "sha256:".length + 12),
      String(one.packages.length),
      mebibytes(one),
      ...(registry === undefined ? [] : [(await hasImage(registry, one)) ? "yes" : "no"]),
    ]),
  );
  const head = ["Image", "Version", "Digest", "Packages", "MiB to pull"];
  return plainTable(registry === undefined ? head : [...head, `In ${registry.registry}`], rows);
}

/** Compressed size of all different layers. */
function totalSize(built: BuiltImages): string {
  const layers = Object.values(built.images).flatMap((one) => one.image.layers);
  const sizes = new Map(layers.map((layer) => [layer.digest, layer.size]));
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return `${sizes.size} layers, shared among the images: ${(bytes / 2 ** 20).toFixed(0)} MiB together`;
}

async function release(options: ReleaseOptions, report: TerminalReporter): Promise<void> {
  const built = await ensureImages(report);
  const { predecessor } = options;
  const args = { ...built.release, name: options.name ?? built.release.name, predecessor };
  if (options.out === undefined) {
    process.stdout.write(formatRelease(args));
    return;
  }
  await writeReleaseFile(options.out, args, ["Written by `npm run images -- release`."]);
  report.say(`Release ${args.name} written to ${options.out}`);
}

async function packageList(name: string, report: TerminalReporter): Promise<void> {
  const built = await ensureImages(report);
  if (built.images[name] === undefined) {
    throw new UserError(`There is no image ${name}; there are ${Object.keys(built.images).join(", ")}`);
  }
  process.stdout.write(await readFile(join(built.sbomDirectory, `${name}.spdx.json`), "utf8"));
}

async function guest(options: { out?: string }, report: TerminalReporter): Promise<void> {
  const { file, kernel } = await ensureGuestImage(report);
  const { size } = await stat(file);
  if (options.out !== undefined) await copyFile(file, options.out);
  report.say(`${options.out ?? file}: qcow2, ${(size / 2 ** 20).toFixed(1)} MiB, Linux ${kernel}`);
}

function program(report: TerminalReporter): Command {
  const root = new Command("npm run images --")
    .description("Images of the cloud's services, made from Debian's packages")
    .showHelpAfterError("(--help shows what there is)");
  const withRegistry = (command: Command) =>
    command
      .option("--cert-dir <directory>", "directory with ca.crt, the CA of the registry's certificate")
      .option("--plain-http", "talk to the registry without TLS");
  root
    .command("build")
    .description("build what is missing, and the release file of it")
    .action(async () => {
      const built = await ensureImages(report);
      if (report.times.length > 0) report.say(report.table());
      report.say(await imageTable(built, undefined));
      report.say(totalSize(built));
      report.say(`Release file: ${built.releaseFile}\nPackage lists (SPDX): ${built.sbomDirectory}`);
    });
  withRegistry(root.command("push"))
    .description("build what is missing, and push what the registry lacks; log in before with skopeo login")
    .requiredOption("--registry <registry>", "registry, with a path prefix if any: registry.example:5000")
    .action(async (options: RegistryOptions & { registry: string }) => {
      const built = await ensureImages(report);
      const pushed = await pushImages(built, target(options) ?? { registry: options.registry }, report);
      report.say(pushed.length === 0 ? `${options.registry} has all images` : `Pushed ${pushed.join(", ")}`);
    });
  withRegistry(root.command("list"))
    .description("show the images: version, digest, size")
    .option("--registry <registry>", "show whether this registry has them")
    .action(async (options: RegistryOptions) => {
      const built = await ensureImages(report);
      report.say(await imageTable(built, target(options)));
    });
  root
    .command("sbom <name>")
    .description("print the package list of an image, as SPDX 2.3")
    .action((name: string) => packageList(name, report));
  root
    .command("release")
    .description("write a release file of the images: what the stack file's release names")
    .option("--out <file>", "file to write (default: to the terminal)")
    .option("--name <name>", "name of the release: <series>-<number> (default: local-<hash>)")
    .option("--predecessor <name>", "release that it follows")
    .action((options: ReleaseOptions) => release(options, report));
  root
    .command("guest")
    .description("build the disk of a small virtual machine, for tests of a cloud")
    .option("--out <file>", "copy the disk to this file")
    .action((options: { out?: string }) => guest(options, report));
  root
    .command("options")
    .description("write the option lists of the images' services into this repository")
    .action(async () => {
      for (const file of await writeOptions(report)) report.say(file);
    });
  return root;
}

/** Progress goes to standard error, so that a list or a release can be redirected. */
function reporterFor(command: string | undefined): TerminalReporter {
  const redirected = command === "sbom" || command === "release";
  return new TerminalReporter(redirected ? { write: (line) => void process.stderr.write(`${line}\n`) } : {});
}

if (require.main === module) {
  const argv = process.argv.slice(2);
  program(reporterFor(argv[0]))
    .parseAsync(argv, { from: "user" })
    .catch((error: unknown) => {
      process.stderr.write(`\n${describeError(error)}\n`);
      process.exit(1);
    });
}
