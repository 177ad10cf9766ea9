// Refuses its configuration, as the product does.
import * as pulumi from "@pulumi/pulumi";

throw new pulumi.RunError("cluster.hosts[1].name: dev-1 is the name of another host already; give each host its own");
