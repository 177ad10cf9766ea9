import type { GoBuild } from "./go";

/** An image made of programs that are built from a module under tools/. */
export interface ImageRecipe {
  /** Name of the image. */
  image: string;
  /** Module that the programs are built from. */
  module: string;
  /** Module whose pinned version is the image's tag. @default `tag` is given */
  dependency?: string;
  /** Tag of the image. @default the version of `dependency` */
  tag?: string;
  /** Paths of the programs in the image, upstream's; the first one is the entry point. */
  paths: readonly string[];
  /** Whether the programs call iptables and the like. @default false: the image holds nothing but the programs */
  onNetworkBase?: boolean;
}

/** Tag that Kubernetes gives its pause image; kubeadm 1.34 and 1.35 ask for the same. */
const pauseTag = "3.10.1";

/** Tag of the etcd image: kubeadm wants the version of etcd and a number of the image's own. */
const etcdTag = "3.6.16-0";

/** The modules under tools/ whose programs go into images; `renames` gives programs the names they have there. */
export const moduleBuilds: readonly (GoBuild & { renames?: Readonly<Record<string, string>> })[] = [
  {
    module: "tools/kube-router",
    packages: ["github.com/cloudnativelabs/kube-router/cmd/kube-router"],
  },
  { module: "tools/addons", packages: ["./coredns", "github.com/rancher/local-path-provisioner"] },
  {
    module: "tools/etcd",
    packages: ["server", "etcdctl", "etcdutl"].map((part) => `go.etcd.io/etcd/${part}/v3`),
    renames: { server: "etcd" },
  },
  { module: "tools/pause", packages: ["."], variables: { "main.version": pauseTag } },
];

/** Images of what is not part of a Kubernetes release. */
export const imageRecipes: readonly ImageRecipe[] = [
  {
    image: "kube-router",
    module: "tools/kube-router",
    dependency: "github.com/cloudnativelabs/kube-router",
    paths: ["/usr/local/bin/kube-router"],
    onNetworkBase: true,
  },
  { image: "coredns", module: "tools/addons", dependency: "github.com/coredns/coredns", paths: ["/coredns"] },
  {
    image: "local-path-provisioner",
    module: "tools/addons",
    dependency: "github.com/rancher/local-path-provisioner",
    paths: ["/usr/bin/local-path-provisioner"],
  },
  {
    image: "etcd",
    module: "tools/etcd",
    tag: etcdTag,
    paths: ["/usr/local/bin/etcd", "/usr/local/bin/etcdctl", "/usr/local/bin/etcdutl"],
  },
  { image: "pause", module: "tools/pause", tag: pauseTag, paths: ["/pause"] },
];
