import type { ConfigSections } from "../kit/config";
import { consoleTls } from "./console-tls";
import type { CloudFacts, EndpointPort, ProcessDefinition } from "./definition";
import { scriptText } from "./script-text";

const program = "novncproxy.py";

/** Where users' browsers reach consoles. */
export const consoleEndpoint: EndpointPort = { name: "console", port: 6080, process: "novncproxy" };

/** URL of the page with the console of a server; Nova adds a token. */
export function consoleUrl(cloud: CloudFacts): string {
  return `${cloud.endpointPort("nova", consoleEndpoint.name, "public")}/vnc_lite.html`;
}

/** Options of the console and its proxy. To hosts it goes by TLS, with a certificate on either side. */
export function consoleSections(cloud: CloudFacts): ConfigSections {
  return {
    vnc: {
      enabled: true,
      novncproxy_host: "0.0.0.0",
      novncproxy_port: consoleEndpoint.port,
      novncproxy_base_url: consoleUrl(cloud),
      auth_schemes: ["vencrypt"],
      vencrypt_client_cert: consoleTls.certificate,
      vencrypt_client_key: consoleTls.privateKey,
      vencrypt_ca_certs: consoleTls.caCertificate,
    },
  };
}

/** The proxy between a browser and a server's console. Its readiness is its open port: it starts a process for each call. */
export function consoleProcess(cloud: CloudFacts, file: string): ProcessDefinition {
  const directory = cloud.path("nova", "config");
  return {
    name: consoleEndpoint.process,
    command: [
      ...["python3", `${directory}/${program}`, "--web", cloud.path("nova", "novnc")],
      ...["--config-file", `${directory}/${file}`, "--config-dir", `${directory}/${file}.d`],
    ],
    configFiles: [file],
    files: { [program]: scriptText(program) },
    port: consoleEndpoint.port,
    scratch: ["state"],
    talksTo: ["mariadb", "rabbitmq", "consoles"],
    startsAlone: true,
  };
}
