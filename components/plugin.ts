import { componentProviderHost } from "@pulumi/pulumi/provider/experimental";
import { CloudVerification, ExistingCluster, KubeadmCluster, OpenStackCloud } from "./index";

/** The components that users of other languages see. A new one is added here on purpose, and to the schema's snapshot. */
export const components = [CloudVerification, ExistingCluster, KubeadmCluster, OpenStackCloud];

// Pulumi's plugin runner loads this file (`main` of package.json beside it) and asks the server that starts here.
componentProviderHost({ name: "stratiform", components, dirname: __dirname });
