import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { OpenStackCloud, type OpenStackCloudArgs } from "../../../components/openstack";
import { cloudArgs } from "./cloud-args";

/** What the test changes, handed over as the stack's configuration. */
const changes = new pulumi.Config("test").requireObject<Partial<OpenStackCloudArgs>>("args");

const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
const cloud = new OpenStackCloud("cloud", { ...cloudArgs, ...changes }, { provider });

export const cloudsYaml = cloud.cloudsYaml;
export const endpoint = cloud.endpoint;
export const endpoints = cloud.endpoints;
