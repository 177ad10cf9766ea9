import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  messagingSecret,
  messagingSections,
  OpenStackCloud,
  type OpenStackCloudArgs,
  type ServiceFactory,
} from "../../../components/openstack";
import { cloudArgs } from "./cloud-args";

/** What the test changes, handed over as the stack's configuration. */
const changes = new pulumi.Config("test").getObject<Partial<OpenStackCloudArgs>>("args") ?? {};

/** A service that uses the message bus, and keeps something on a volume. */
const courier: ServiceFactory = () => ({
  name: "courier",
  image: "rabbitmq",
  needs: ["keystone", "rabbitmq"],
  messaging: true,
  config: { "courier.conf": messagingSections() },
  secretConfig: (secrets) => ({ "courier.conf": messagingSecret(secrets) }),
  processes: [
    {
      name: "worker",
      command: ["sh", "-c", "exec sleep infinity"],
      talksTo: ["rabbitmq"],
      environment: { COURIER: "yes" },
      claims: [{ name: "letters", path: "state", size: "1Gi" }],
    },
  ],
});

/** A service that has a database, and no step in whose pod it could be made. */
const ledger: ServiceFactory = () => ({
  name: "ledger",
  image: "placement",
  needs: ["mariadb", "keystone"],
  databases: ["ledger"],
  config: {},
  processes: [{ name: "clerk", command: ["sh", "-c", "exec sleep infinity"], talksTo: ["mariadb"] }],
});

const provider = new k8s.Provider("cluster", { kubeconfig: "{}" });
const services = ["keystone", "placement", "glance"];
new OpenStackCloud("cloud", { ...cloudArgs, services, ...changes }, { provider }, [courier, ledger]);
