import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { OpenStackCloud, type ServiceFactory } from "../../../components/openstack";
import { cloudArgs } from "./cloud-args";

const range = new pulumi.Config("test").get("range") ?? "100-199";

const shares = (name: string, more: Partial<ReturnType<ServiceFactory>>): ServiceFactory => {
  return () => ({
    name,
    image: "client",
    needs: ["keystone"],
    config: {},
    secretConfig: (secrets) => ({ [`${name}.conf`]: { DEFAULT: { word: secrets.sharedSecret("metadata") } } }),
    processes: [{ name: "api", command: ["python3"], port: name.length }],
    ...more,
  });
};

/** Two services that share a secret; the first has the administrator do something when both answer. */
const first = shares("first", {
  setup: [{ name: "networks", script: "networks.py", arguments: { range }, needs: ["second"] }],
});
const second = shares("second", { needs: ["first"] });

const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
new OpenStackCloud("cloud", cloudArgs, { provider }, [first, second]);
