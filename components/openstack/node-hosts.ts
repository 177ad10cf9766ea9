import type { CloudFacts, NodeHosts } from "./definition";

/** Names of the hosts of a kind. */
export function nodeHosts(cloud: CloudFacts, hosts: NodeHosts): readonly string[] {
  return hosts === "network"
    ? [...new Set([...cloud.hosts("compute"), ...cloud.hosts("gateway")])]
    : cloud.hosts(hosts);
}
