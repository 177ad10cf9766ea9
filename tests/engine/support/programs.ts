import * as fs from "node:fs/promises";
import * as path from "node:path";
import { upstreamKubernetesUrl } from "../../../components/cluster/versions";
import { ensureKubernetes, type Reporter } from "../../../lab/toolchain";
import { hashOf, madeOnce } from "../../../lab/toolchain/cache";
import { downloadFile, downloadText } from "../../../lab/toolchain/download";
import { builtPrograms } from "../../../lab/toolchain/image-layers";
import { moduleBuilds } from "../../../lab/toolchain/image-recipes";

/** Kubernetes' programs that a test run needs, by their files. */
export interface Programs {
  etcd: string;
  apiServer: string;
  controllerManager: string;
  kubectl: string;
}

/** The programs of a Kubernetes release and its etcd, from the toolchain's cache, or put there. */
export async function ensurePrograms(version: string, report: Reporter): Promise<Programs> {
  const [release, etcd] = await Promise.all([ensureKubernetes(version, report), ensureEtcd(report)]);
  // What is downloaded for hosts has no control plane in it: there, images have.
  const controlPlane = release.origin === "built" ? release.directory : await downloadControlPlane(version, report);
  return {
    etcd,
    apiServer: path.join(controlPlane, "kube-apiserver"),
    controllerManager: path.join(controlPlane, "kube-controller-manager"),
    kubectl: path.join(release.directory, "kubectl"),
  };
}

async function ensureEtcd(report: Reporter): Promise<string> {
  const build = moduleBuilds.find(({ module }) => module === "tools/etcd");
  if (!build) throw new Error("lab/toolchain/image-recipes.ts: moduleBuilds names no tools/etcd any more");
  return path.join(await builtPrograms("etcd", build, report, build.renames), "etcd");
}

async function downloadControlPlane(version: string, report: Reporter): Promise<string> {
  const names = ["kube-apiserver", "kube-controller-manager"];
  const hash = await hashOf({ values: [version, upstreamKubernetesUrl, ...names] });
  const title = `Download the control plane of Kubernetes ${version}`;
  return madeOnce(`control-plane-${version}`, hash, title, report, async (directory, progress) => {
    for (const name of names) {
      const url = `${upstreamKubernetesUrl}/v${version}/bin/linux/amd64/${name}`;
      const digest = `sha256:${(await downloadText(`${url}.sha256`)).trim()}`;
      await downloadFile(url, path.join(directory, name), digest, progress);
      await fs.chmod(path.join(directory, name), 0o755);
    }
  });
}
