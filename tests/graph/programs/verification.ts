import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { CloudVerification, type CloudVerificationArgs } from "../../../components/index";

/** What the test changes, handed over as the stack's configuration. */
const changes = new pulumi.Config("test").requireObject<Partial<CloudVerificationArgs> & { alone?: boolean }>("args");
const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
const cloudsYaml = pulumi.secret(
  "clouds: {openstack: {auth: {username: admin, password: secret-1}, region_name: R, cacert: ca.crt}}",
);
const args = { cloudsYaml, image: "registry:5000/stratiform/client@sha256:1", guestImage: "guest", ...changes };

new CloudVerification("verification", args, changes.alone ? {} : { provider });
