import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, madeOnce } from "../lab/toolchain/cache";
import { makeRootFileSystem } from "../lab/toolchain/debian";
import { ensurePackages } from "../lab/toolchain/packages";
import { run } from "../lab/toolchain/process";
import type { Reporter } from "../lab/toolchain/reporter";
import { imageDebianRelease, packageDay } from "./recipes";

/** A disk for a virtual machine. */
export interface GuestImage {
  /** The disk, qcow2. */
  file: string;
  /** Version of its kernel. */
  kernel: string;
}

/** Beginning of the lines with which the guest says on its console how far it is. */
export const guestMark = "stratiform-guest:";

/** User, beside root, for whom the server's key is. */
export const guestUser = "guest";

/** What the guest consists of, and what makes a disk of it. The programs run in the throw-away tree that they are unpacked into. */
const guestPackages: readonly string[] = [
  // liblzma5 is for depmod, which reads compressed modules with it and does not say so in its dependencies.
  ...["base-files", "linux-image-cloud-amd64", "liblzma5", "busybox-static", "dropbear-bin", "util-linux", "e2fsprogs"],
  ...["syslinux", "mtools", "dosfstools", "qemu-utils"],
];

/** Folder of what is put into the guest, and of the script that makes its disk. */
const guestDirectory = join(__dirname, "guest");

/** Debian packages that the build needs on this computer. */
const builderPackages: readonly string[] = ["debian-archive-keyring", "mmdebstrap"];

/**
 * The guest for the lab and for tests: a small Linux that boots within seconds even without KVM, asks for its address by
 * DHCP and for its key, name and user data at the metadata service, and lets root in by ssh. Made once.
 */
export async function ensureGuestImage(report: Reporter): Promise<GuestImage> {
  await ensurePackages(builderPackages, report);
  const files = (await readdir(guestDirectory)).map((name) => join(guestDirectory, name));
  const hash = await hashOf({ values: [imageDebianRelease, packageDay, ...guestPackages], files });
  const directory = await madeOnce("guest", hash, "Build the guest image", report, async (place, progress) => {
    const archive = join(place, "guest.tar");
    await makeRootFileSystem(
      {
        variant: "extract",
        packages: guestPackages,
        script: join(guestDirectory, "build.sh"),
        release: imageDebianRelease,
      },
      archive,
      progress,
    );
    await run("tar", ["-C", place, "--strip-components=2", "--no-same-owner", "-xf", archive, "./guest"]);
    await rm(archive, { force: true });
  });
  return {
    file: join(directory, "guest.qcow2"),
    kernel: (await readFile(join(directory, "kernel"), "utf8")).trim(),
  };
}
