import { KubeadmCluster } from "../../../components/index";

// A library user's mistake: no control host, and the same address twice.
new KubeadmCluster("metal", {
  hosts: [
    { name: "node-1", address: "10.20.0.11", roles: ["compute"], hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO" },
    { name: "node-2", address: "10.20.0.11", roles: ["compute"], hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO" },
  ],
  ssh: { privateKey: "key" },
});
