import * as k8s from "@pulumi/kubernetes";
import { OpenStackCloud } from "../../../components/openstack";
import { greeter } from "../../../examples/own-service/greeter";
import { cloudArgs } from "./cloud-args";

const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
new OpenStackCloud("cloud", cloudArgs, { provider }, [greeter]);
