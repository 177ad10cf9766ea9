import type { HostArgs, KubeadmClusterArgs } from "../../components/cluster/args";

/** A public key of the right form. */
export const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0vJ5xk1uG0o0VQ0v0Yb0Yw3dZ0n6m0v0Qe0";

/** A private key of the right form, as far as configuration looks at it. It opens nothing. */
export const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nnot a key\n-----END OPENSSH PRIVATE KEY-----\n";

/** Host number `index` (from 1) of a site. */
export function host(index: number, roles: HostArgs["roles"], more: Partial<HostArgs> = {}): HostArgs {
  return { name: `node-${index}`, address: `10.20.0.${10 + index}`, roles, hostKey, ...more };
}

/** Valid arguments: one control host, two compute hosts. */
export function validArgs(more: Partial<KubeadmClusterArgs> = {}): KubeadmClusterArgs {
  return {
    hosts: [host(1, ["control"]), host(2, ["compute"]), host(3, ["compute"])],
    ssh: { privateKey },
    ...more,
  };
}
