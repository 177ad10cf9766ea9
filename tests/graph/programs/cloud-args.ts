import type { OpenStackCloudArgs } from "../../../components/openstack";

const images = [
  ...["mariadb", "memcached", "haproxy", "keepalived", "client", "keystone"],
  ...["rabbitmq", "placement", "glance"],
];

/** A small cloud with Keystone, for tests on the stand-in engine. */
export const cloudArgs: OpenStackCloudArgs = {
  cluster: {
    clusterName: "dev",
    apiServer: "https://10.20.0.11:6443",
    kubernetesVersion: "1.34.4",
    podNetwork: "10.244.0.0/16",
    serviceNetwork: "10.96.0.0/16",
    dnsDomain: "cluster.local",
    storageClass: "local-path",
    hosts: [
      { name: "node-1", address: "10.20.0.11", roles: ["control", "gateway"] },
      { name: "node-2", address: "10.20.0.12", roles: ["compute"] },
    ],
  },
  profile: "lab",
  release: {
    name: "2025.1-0",
    series: "2025.1",
    kubernetesVersion: "1.34.4",
    images: Object.fromEntries(
      images.map((image, number) => [
        image,
        { path: `stratiform/${image}`, digest: `sha256:${String(number).padStart(64, "0")}` },
      ]),
    ),
  },
  registry: "10.20.0.1:5000",
  services: ["keystone"],
  // Nobody is to be asked about addresses that are made up.
  preflight: "up",
  endpoint: { public: "10.20.0.250", internal: "10.20.0.251" },
};
