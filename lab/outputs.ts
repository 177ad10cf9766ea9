import { capture } from "./execute";
import { labEnvironment } from "./pulumi";
import type { LabRecord } from "./record";
import { repositoryDirectory } from "./toolchain/index";
import { requireTools } from "./tools";

/** An API endpoint, as the stack's output `endpoints` lists them. */
export interface EndpointOutput {
  /** Service, such as `keystone`. */
  service: string;
  /** Type in the catalogue, such as `identity`. */
  type: string;
  /** URL for users. */
  publicUrl: string;
  /** URL for the cloud's own services. */
  internalUrl: string;
}

/** Outputs of the stack that the lab's commands use. Those of the cloud are there once a whole cloud is. */
export interface StackOutputs {
  apiServer?: string;
  kubernetesVersion?: string;
  hosts?: unknown[];
  cloudName?: string;
  caCertificate?: string;
  endpoints?: EndpointOutput[];
  "clouds.yaml"?: string;
}

/** The stack's outputs, secrets laid open; none while it was never brought up. */
export async function stackOutputs(record: LabRecord): Promise<StackOutputs> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", record.stack];
  const env = labEnvironment(record);
  const output = await capture(requireTools(record).pulumi, args, { cwd: repositoryDirectory, env });
  return output.code === 0 ? (JSON.parse(output.stdout) as StackOutputs) : {};
}
