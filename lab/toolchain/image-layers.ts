import { copyFile, link, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { packDirectory } from "./archive";
import { hashOf, madeOnce } from "./cache";
import { debianRelease, makeRootFileSystem } from "./debian";
import { type GoBuild, goBuild, goHash } from "./go";
import { type Layer, layerMadeOnce } from "./oci";
import type { Reporter } from "./reporter";

/** What kube-proxy and kube-router call. */
const networkPackages = ["iptables", "ipset", "nftables", "conntrack", "iproute2", "kmod", "procps"];

const busyboxScript = join(__dirname, "busybox.sh");

/** A Debian base with the tools that set up a host's network. */
export async function networkBase(report: Reporter): Promise<Layer> {
  const hash = await hashOf({ values: [debianRelease, ...networkPackages] });
  return layerMadeOnce("network", hash, "Build the base of network images", report, (archive, progress) =>
    makeRootFileSystem({ variant: "essential", packages: networkPackages }, archive, progress),
  );
}

/** Debian's busybox with all its applets and its C library (a static one cannot resolve names), and nothing else. */
export async function busyboxLayer(report: Reporter): Promise<Layer> {
  const hash = await hashOf({ values: [debianRelease, "busybox", "libc6"], files: [busyboxScript] });
  return layerMadeOnce("busybox", hash, "Build the busybox image", report, (archive, progress) =>
    makeRootFileSystem(
      { variant: "extract", packages: ["busybox", "libc6"], script: busyboxScript },
      archive,
      progress,
    ),
  );
}

/**
 * Programs of an image.
 * @param files path in the image → file on this computer; the directory above a file must be content-addressed
 */
export async function programLayer(
  name: string,
  files: Readonly<Record<string, string>>,
  report: Reporter,
): Promise<Layer> {
  const origins = Object.entries(files).map(([path, file]) => `${path}=${basename(dirname(file))}/${basename(file)}`);
  return layerMadeOnce(name, await hashOf({ values: origins }), `Pack ${name}`, report, async (archive) => {
    const stage = join(dirname(archive), "stage");
    for (const [path, file] of Object.entries(files)) {
      const target = join(stage, path);
      await mkdir(dirname(target), { recursive: true });
      await link(file, target).catch(() => copyFile(file, target));
    }
    await packDirectory(stage, archive);
    await rm(stage, { recursive: true });
  });
}

/**
 * Programs built from a module under tools/, made once.
 * @param renames new names for programs called otherwise in an image
 * @returns their directory
 */
export async function builtPrograms(
  name: string,
  build: GoBuild,
  report: Reporter,
  renames: Readonly<Record<string, string>> = {},
): Promise<string> {
  return madeOnce(name, await goHash(build), `Build ${name}`, report, async (directory, progress) => {
    await goBuild(build, directory, progress);
    for (const [from, to] of Object.entries(renames)) await rename(join(directory, from), join(directory, to));
  });
}
