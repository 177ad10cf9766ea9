import { existsSync } from "node:fs";
import { withLock } from "./cache";
import { run, runAsRoot, succeeds } from "./process";
import type { Reporter } from "./reporter";

/** Debian packages that the lab and its toolchain need on this computer. */
export const labPackages: readonly string[] = [
  "aardvark-dns",
  "ca-certificates",
  "debian-archive-keyring",
  "docker-registry",
  "iproute2",
  "iptables",
  "mmdebstrap",
  "netavark",
  "openssh-client",
  "podman",
  "procps",
  "runc",
  "skopeo",
  "zstd",
];

const policyFile = "/usr/sbin/policy-rc.d";

/** The packages of `names` that are not installed. */
async function missingPackages(names: readonly string[]): Promise<string[]> {
  const format = "$" + "{Package} $" + "{db:Status-Status}\\n";
  // dpkg-query fails if one of the names is unknown, and lists the known ones all the same.
  const listing = run("sh", ["-c", `dpkg-query -W -f='${format}' "$@" 2>/dev/null || true`, "sh", ...names]);
  const installed = new Set((await listing).split("\n").map((line) => line.trim()));
  return names.filter((name) => !installed.has(`${name} installed`));
}

/**
 * Installs Debian packages that are missing. No service of theirs is started or stays enabled.
 * @param names package names
 * @throws Error with what to install by hand, on a system without apt-get
 */
export async function ensurePackages(names: readonly string[], report: Reporter): Promise<void> {
  if (!existsSync("/usr/bin/apt-get")) {
    throw new Error(
      `This system has no apt-get: install what these Debian packages hold by its own means: ${names.join(" ")}`,
    );
  }
  if ((await missingPackages(names)).length === 0) return;
  await report.phase("Install Debian packages", (progress) =>
    withLock(
      "packages",
      async () => {
        const missing = await missingPackages(names);
        if (missing.length === 0) return;
        progress(missing.join(" "));
        const options = { env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" }, onLine: progress };
        const patient = ["-o", "DPkg::Lock::Timeout=300"];
        await runAsRoot("apt-get", ["update", "-q", ...patient], options);
        await withoutServices(missing, () =>
          runAsRoot("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...patient, ...missing], options),
        );
      },
      () => progress("waits for another run that installs packages"),
    ),
  );
}

/** Runs an installation that must not start services, and disables what it enabled. */
async function withoutServices(names: readonly string[], install: () => Promise<string>): Promise<void> {
  const ownPolicy = !existsSync(policyFile);
  if (ownPolicy) {
    await runAsRoot("sh", ["-c", `printf '#!/bin/sh\\nexit 101\\n' > ${policyFile} && chmod 755 ${policyFile}`]);
  }
  try {
    await install();
  } finally {
    if (ownPolicy) await runAsRoot("rm", ["-f", policyFile]);
  }
  const files = (await run("dpkg", ["-L", ...names])).split("\n");
  const units = files.flatMap(
    (file) => /\/systemd\/system\/([^/@]+\.(?:service|socket|timer|path))$/.exec(file)?.[1] ?? [],
  );
  if (units.length > 0 && (await succeeds("systemctl", ["--version"]))) {
    await runAsRoot("systemctl", ["--root=/", "disable", "--quiet", ...units]);
  }
}
