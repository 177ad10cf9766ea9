import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, hashOf, withLock } from "./cache";
import { podman } from "./containers";
import { debianRelease, makeRootFileSystem } from "./debian";
import { ensurePackages, labPackages } from "./packages";
import { runAsRoot } from "./process";
import type { Reporter } from "./reporter";

/** What is on a lab host from the start: what a server has after its installation, and Debian's containerd. */
const hostPackages = [
  ...["systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "sudo"],
  ...["openssh-server", "ca-certificates", "curl"],
  ...["iproute2", "iptables", "nftables", "ipset", "ebtables", "conntrack", "socat", "ethtool", "iputils-ping"],
  ...["containerd", "runc", "keepalived"],
];

const setupScript = join(__dirname, "host-image.sh");

/**
 * The image of a lab host: a Debian system with systemd, sshd and containerd, made once.
 * @returns its reference in podman's store, such as `localhost/stratiform-lab-host:0123456789abcdef`
 */
export async function ensureHostImage(report: Reporter): Promise<string> {
  await ensurePackages(labPackages, report);
  const hash = await hashOf({ values: [debianRelease, ...hostPackages], files: [setupScript] });
  const image = `localhost/stratiform-lab-host:${hash}`;
  if (await imageExists(image)) return image;
  await report.phase("Build the image of a lab host", (progress) =>
    withLock("host-image", async () => {
      if (await imageExists(image)) return;
      const archive = join(cacheDirectory(), "host-image.tar");
      try {
        await mkdir(cacheDirectory(), { recursive: true });
        await makeRootFileSystem(
          { variant: "minbase", packages: hostPackages, script: setupScript },
          archive,
          progress,
        );
        progress("imports the root file system");
        await podman(["import", "--quiet", "--change", 'CMD ["/sbin/init"]', archive, image]);
      } finally {
        if (existsSync(archive)) await rm(archive).catch(() => runAsRoot("rm", ["-f", archive]));
      }
    }),
  );
  return image;
}

function imageExists(image: string): Promise<boolean> {
  return podman(["image", "exists", image]).then(
    () => true,
    () => false,
  );
}
