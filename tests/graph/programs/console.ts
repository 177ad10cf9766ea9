import * as k8s from "@pulumi/kubernetes";
import { OpenStackCloud, type ServiceFactory } from "../../../components/openstack";
import { cloudArgs } from "./cloud-args";

/** A service like Nova, of an image that the small cloud has: a worker that logs in at its start, then others at once. */
const stage: ServiceFactory = () => ({
  name: "stage",
  image: "client",
  needs: ["keystone", "mariadb"],
  catalog: [{ type: "stage", port: 8123 }],
  endpointPorts: [{ name: "console", port: 6080, process: "console" }],
  databases: ["stage"],
  config: { "stage.conf": {} },
  steps: { expand: [{ name: "schema", commands: [["python3", "--version"]] }] },
  processes: [
    { name: "conductor", command: ["python3"], loginAtStart: true },
    { name: "scheduler", command: ["python3"], beside: true },
    { name: "listener", command: ["python3"], beside: true, startsAlone: true },
    { name: "api", command: ["python3"], port: 8123 },
    { name: "console", command: ["python3"], port: 6080, beside: true, talksTo: ["consoles"] },
  ],
});

const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
new OpenStackCloud("cloud", { ...cloudArgs, networks: { hosts: ["10.20.0.0/24"] } }, { provider }, [stage]);
