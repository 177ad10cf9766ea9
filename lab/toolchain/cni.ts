import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cniArchive, cniPluginsVersion, upstreamCniUrl, upstreamDigests } from "../../components/cluster/versions";
import { packDirectory } from "./archive";
import { digestOf, hashOf, madeOnce } from "./cache";
import { downloadFile, reachable } from "./download";
import { type GoBuild, goBuild, goHash } from "./go";
import type { Reporter } from "./reporter";

/** The archive of the CNI plugins, laid out as upstream's release. */
export interface CniPlugins {
  /** Version with its `v`. */
  version: string;
  /** Path of the archive; its name is upstream's. */
  archive: string;
  /** `sha256:<64 hexadecimal digits>` of the archive. */
  digest: string;
}

const source = "github.com/containernetworking/plugins/plugins";
const build: GoBuild = {
  module: "tools/cni",
  packages: [
    ...["main/bridge", "main/loopback", "ipam/host-local"],
    ...["meta/bandwidth", "meta/firewall", "meta/portmap", "meta/tuning"],
  ].map((name) => `${source}/${name}`),
};

/** The CNI plugins: upstream's archive where it can be had within seconds, else the few that a cluster needs, built. */
export async function ensureCniPlugins(report: Reporter): Promise<CniPlugins> {
  const pinned = upstreamDigests[`${cniPluginsVersion}/${cniArchive}`];
  const upstream = pinned !== undefined && (await reachable(new URL(upstreamCniUrl).origin));
  const hash = upstream ? await hashOf({ values: [cniPluginsVersion, pinned] }) : await goHash(build);
  const title = `${upstream ? "Download" : "Build"} the CNI plugins ${cniPluginsVersion}`;
  const directory = await madeOnce("cni-plugins", hash, title, report, async (place, progress) => {
    const archive = join(place, cniArchive);
    if (upstream) {
      await downloadFile(`${upstreamCniUrl}/${cniPluginsVersion}/${cniArchive}`, archive, pinned, progress);
      return;
    }
    const programs = join(place, "programs");
    await mkdir(programs);
    await goBuild(build, programs, progress);
    await packDirectory(programs, archive);
    await rm(programs, { recursive: true });
  });
  const archive = join(directory, cniArchive);
  return { version: cniPluginsVersion, archive, digest: await digestOf(archive) };
}
