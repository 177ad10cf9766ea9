import { containerState } from "./host";
import { mirrorPort, mirrorService } from "./mirror";
import { stackFileOf } from "./pulumi";
import type { LabRecord } from "./record";
import { registryPort, registryService } from "./registry";
import { plainTable } from "./report";
import { servicePid } from "./service";

/** What a lab is at this moment, for the terminal. */
export async function labStatus(record: LabRecord): Promise<string> {
  const { name, network, provider } = record;
  const hosts = await Promise.all(
    record.hosts.map(async (host) => {
      const state = (await containerState(host.container)) ?? "gone";
      return [host.name, host.address, host.providerAddress, state, host.container];
    }),
  );
  const service = async (what: string, port: number) => {
    const pid = await servicePid(name, what);
    const state = pid === undefined ? "not running" : `running (process ${pid})`;
    return `https://${network.gateway}:${port}  ${state}`;
  };
  return [
    plainTable(["Host", "Address (eth0)", "Provider (eth1)", "State", "Container"], hosts),
    `Networks    ${network.subnet} (lab), ${provider.subnet} (provider)`,
    `Registry    ${await service(registryService, registryPort)}`,
    `Mirror      ${await service(mirrorService, mirrorPort)}`,
    `Stack file  ${stackFileOf(record)}`,
    ...(record.tools === undefined ? [] : [`Tools       ${record.tools.origin}`]),
  ].join("\n");
}
