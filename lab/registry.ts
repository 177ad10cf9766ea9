import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { LabCertificates } from "./certificates";
import { labDirectory } from "./names";
import { ensureService } from "./service";
import { cacheDirectory } from "./toolchain/index";

/** Port of the registry on this computer's address in the lab network. */
export const registryPort = 5000;
/** Name of its pid file and log. */
export const registryService = "registry";

/**
 * The container registry of a lab, with TLS. The image store is shared by all labs: images are named by their content,
 * so what one lab pushed is there for the next.
 * @returns the registry as images name it
 */
export async function ensureRegistry(lab: string, address: string, certificates: LabCertificates): Promise<string> {
  const store = join(cacheDirectory(), "registry");
  await mkdir(store, { recursive: true });
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: store }, delete: { enabled: true } },
    http: {
      addr: `${address}:${registryPort}`,
      tls: { certificate: certificates.certificate, key: certificates.key },
    },
  };
  const file = join(labDirectory(lab), "registry.yml");
  await writeFile(file, stringify(config));
  await ensureService({
    lab,
    name: registryService,
    command: ["docker-registry", "serve", file],
    address,
    port: registryPort,
  });
  return `${address}:${registryPort}`;
}
