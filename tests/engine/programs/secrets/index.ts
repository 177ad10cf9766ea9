// A generated password, alone and in a Secret, and a secret of the user's.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { clusterProvider } from "../cluster";

const config = new pulumi.Config();
const options = { provider: clusterProvider() };
const namespace = new k8s.core.v1.Namespace("space", { metadata: { name: "secrets" } }, options).metadata.name;

const password = new random.RandomPassword("password", { length: 32, special: false }).result;
const mine = config.requireSecret("mine");
const encoded = mine.apply((text) => Buffer.from(text).toString("base64"));

new k8s.core.v1.Secret(
  "credentials",
  {
    metadata: { name: "credentials", namespace, labels: { public: config.require("public") } },
    data: { encoded },
    stringData: { password, config: pulumi.interpolate`[database]\npassword = ${password}\n` },
  },
  options,
);

export const result = password;
