import * as assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { KubeadmCluster } from "../../../../components/index";
import { OpenStackCloud } from "../../../../components/openstack/index";
import { stackConfig } from "../../../../config/index";
import { greeter } from "../../../../examples/own-service/greeter";

// As the program of this repository, with one definition more.
const config = stackConfig();
assert.ok(config.cloud, "the stack file has no cloud");
const cluster = new KubeadmCluster(config.name, config.cluster);
const cloud = new OpenStackCloud(
  config.cloud.cloudName ?? "openstack",
  { cluster: cluster.facts, ...config.cloud },
  { provider: cluster.provider, deletedWith: cluster },
  [greeter],
);

export const kubeconfig = pulumi.secret(cluster.kubeconfig);
export const apiServer = cluster.facts.apiServer;
const cloudsYaml = cloud.cloudsYaml;

export { cloudsYaml as "clouds.yaml" };
export const { caCertificate, endpoint, endpoints } = cloud;
export const region = config.cloud.region ?? "RegionOne";
