import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { proxyConfiguration } from "../../components/backing/galera-config";
import { debianCatalogue } from "../../components/kit/debian-catalogue";
import { mergeFiles, renderOslo } from "../../components/kit/oslo";
import { routesOf } from "../../components/openstack/cloud-edge";
import { define } from "../../components/openstack/facts";
import { blankSecrets } from "../../components/openstack/service-files";
import { knownServices } from "../../components/openstack/services";
import { factoriesOf } from "../../components/openstack/validate";
import { edgeConfig } from "../../components/platform/edge-config";
import { ensureImages, imageLayers } from "../../images/build";
import { runInImage } from "../../images/chroot";
import { optionSources } from "../../images/option-supplement";
import { currentOptions, formatOptions, validateConfig } from "../../images/options";
import { recipeChain } from "../../images/recipes";
import { TerminalReporter } from "../../lab/report";
import { cloudArgs } from "../graph/programs/cloud-args";
import { issueCertificate } from "../unit/certificates";

const report = new TerminalReporter({ write: () => undefined });
const repository = path.resolve(__dirname, "../..");

/** What all services write, plain and secret in one, by service and file, or the file whose options it knows. */
function renderedFiles(): { service: string; file: string; text: string }[] {
  const args = { ...cloudArgs, services: Object.keys(knownServices) };
  const { definitions } = define(args, debianCatalogue, factoriesOf(args, []));
  return definitions.flatMap((definition) => {
    const secret = definition.secretConfig?.(blankSecrets) ?? {};
    const steps = mergeFiles(definition.steps?.config ?? {}, definition.steps?.secretConfig?.(blankSecrets) ?? {});
    return [mergeFiles(definition.config, secret), steps].flatMap((files) =>
      Object.entries(files).map(([file, sections]) => ({
        service: definition.name,
        file: definition.optionsLike?.[file] ?? file,
        text: renderOslo(sections),
      })),
    );
  });
}

/** A shell line that prints the application if the image lacks it: a line of uwsgi's configuration, a file or a module. */
function applicationCheck(line: string): string {
  const [kind, value = ""] = line.split("=");
  if (kind === "wsgi-file") return `test -f ${value} || echo ${value}`;
  const module = value.split(":")[0];
  const find = `import importlib.util, sys; sys.exit(importlib.util.find_spec('${module}') is None)`;
  return `python3 -c "${find}" || echo ${module}`;
}

describe("the images", function () {
  this.timeout(600_000);

  it("accept every file that the components write: oslo-config-validator in the image", async () => {
    const files = renderedFiles();
    assert.deepEqual([...new Set(files.map(({ service }) => service))].sort(), Object.keys(optionSources).sort());
    for (const { service, file, text } of files) {
      await validateConfig(service, text, report, file);
    }
    const broken = (files.find(({ service }) => service === "keystone")?.text ?? "").replace(
      /^expiration/m,
      "expiratoin",
    );
    await assert.rejects(validateConfig("keystone", broken, report), /expiratoin/);
  });

  it("read the configurations of both HAProxies: the edge's and the database's", async () => {
    const { certificate, key } = issueCertificate();
    const { facts, definitions } = define(cloudArgs, debianCatalogue, factoriesOf(cloudArgs, []));
    const routes = definitions.flatMap((definition) => routesOf(facts, definition));
    const place = { certificateFile: "/mnt/edge.pem", threads: 2, connections: 4000, stopSeconds: 600 };
    const members = [0, 1, 2].map((member) => `mariadb-${member}.members.cloud.svc.cluster.local`);
    const check = async (text: string): Promise<string> =>
      runInImage(
        await imageLayers("haproxy", report),
        ["haproxy", "-c", "-f", "/mnt/haproxy.cfg"],
        { "haproxy.cfg": text, "edge.pem": certificate + key },
        report,
      );
    await check(edgeConfig(routes, place));
    await check(proxyConfiguration(members, { threads: 1 }));
    await assert.rejects(
      check(edgeConfig(routes, place).replace("balance leastconn", "balance worstconn")),
      /balance only supports/,
    );
  });

  it("have just the options that the repository's lists say", async () => {
    for (const service of Object.keys(optionSources)) {
      const kept = path.join(repository, `components/openstack/options/2025.1/${service}.json`);
      assert.equal(formatOptions(await currentOptions(service, report)), fs.readFileSync(kept, "utf8"), service);
    }
  });

  it("have every program and every WSGI application that the catalogue names", async () => {
    for (const [name, entry] of Object.entries(debianCatalogue)) {
      const programs = Object.values(entry.programs).map(([program]) => `test -x ${program} || echo ${program}`);
      const applications = Object.values(entry.wsgi ?? {}).map(applicationCheck);
      const check = [...programs, ...applications].join("\n");
      const missing = await runInImage(await imageLayers(name, report), ["sh", "/mnt/check"], { check }, report);
      assert.equal(missing, "", `image ${name} lacks`);
    }
  });

  it("are not made again, and state their packages", async () => {
    const begin = performance.now();
    const built = await ensureImages(report);
    assert.deepEqual(
      report.times.filter((time) => /^Build/.test(time.title)),
      [],
    );
    console.log(`      unchanged build: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    const list = JSON.parse(fs.readFileSync(path.join(built.sbomDirectory, "keystone.spdx.json"), "utf8")) as {
      spdxVersion: string;
      packages: { name: string; versionInfo: string }[];
    };
    assert.match(list.spdxVersion, /^SPDX-2/);
    assert.ok(list.packages.some((one) => one.name === "keystone" && /^2:27\./.test(one.versionInfo)));
  });

  it("share the layers below", async () => {
    const [keystone, client] = [await imageLayers("keystone", report), await imageLayers("client", report)];
    assert.ok(recipeChain("keystone").length >= 3);
    assert.deepEqual(
      keystone.slice(0, 2).map((layer) => layer.digest),
      client.slice(0, 2).map((layer) => layer.digest),
    );
  });
});
