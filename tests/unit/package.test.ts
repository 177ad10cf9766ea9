import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const repository = path.resolve(__dirname, "../..");

/** A program of somebody else's: it must be able to name the components, and nothing may happen by the import. */
const program = `
const pulumi = require("@pulumi/pulumi");
const made = [];
(async () => {
  await pulumi.runtime.setMocks({
    newResource: (args) => { made.push(args.type); return { id: "id", state: args.inputs }; },
    call: (args) => { throw new Error("unexpected call of " + args.token); },
  });
  const stratiform = require("stratiform");
  await new Promise((resolve) => setTimeout(resolve, 100));
  console.log(JSON.stringify({ exports: Object.keys(stratiform).sort(), made }));
})();
`;

/** The same in TypeScript: the types that ship must be enough to write it. */
const typedProgram = `
import { HostRole, KubeadmCluster, type ClusterFacts, type KubeadmClusterArgs } from "stratiform";
import type * as pulumi from "@pulumi/pulumi";
export const args: KubeadmClusterArgs = {
  hosts: [{ name: "node-1", address: "10.20.0.11", roles: [HostRole.Control] }],
  ssh: { privateKey: "key", insecure: true },
};
export const facts = (cluster: KubeadmCluster): pulumi.Output<ClusterFacts> => cluster.facts;
`;

describe("the npm package", () => {
  let folder: string;
  let packed: string;

  before(function () {
    this.timeout(120_000);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "stratiform-package-"));
    const list = execFileSync("npm", ["pack", "--json", "--foreground-scripts=false", "--pack-destination", folder], {
      cwd: repository,
      encoding: "utf8",
      // The repository's .npmrc switches off scripts of dependencies; the package's own one compiles it.
      env: { ...process.env, npm_config_ignore_scripts: "false", npm_config_loglevel: "error" },
    });
    const [file] = JSON.parse(list.slice(list.indexOf("[\n"))) as { filename: string }[];
    packed = path.join(folder, "node_modules/stratiform");
    fs.mkdirSync(packed, { recursive: true });
    execFileSync("tar", ["-xzf", path.join(folder, file?.filename ?? ""), "-C", packed, "--strip-components=1"]);
    // What npm would install beside it.
    for (const name of fs.readdirSync(path.join(repository, "node_modules"))) {
      if (!name.startsWith(".")) {
        fs.symlinkSync(path.join(repository, "node_modules", name), path.join(folder, "node_modules", name));
      }
    }
  });

  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it("is compiled, with types and the files that the components read, and nothing else", () => {
    const files = fs.readdirSync(packed, { recursive: true, encoding: "utf8" });
    const read = ["openstack/scripts/register.py", "openstack/options/2025.1/keystone.json", "openstack/index.d.ts"];
    for (const file of ["package.json", "dist/index.js", "dist/index.d.ts", ...read.map((one) => `dist/${one}`)]) {
      assert.ok(files.includes(file), file);
    }
    const scripts = fs.readdirSync(path.join(repository, "components/cluster/scripts"));
    assert.ok(scripts.every((script) => files.includes(`dist/cluster/scripts/${script}`)));
    const stray = files.filter((file) =>
      /^(dist\/)?(config|lab|tests|tools|images|node_modules|plugin\.)|node_modules|(?<!\.d)\.ts$|\.yaml$/.test(file),
    );
    assert.deepEqual(stray, []);
  });

  it("gives another program its components, and creates nothing by itself", () => {
    fs.writeFileSync(path.join(folder, "program.js"), program);
    const text = execFileSync(process.execPath, ["program.js"], { cwd: folder, encoding: "utf8" });
    const { exports, made } = JSON.parse(text) as { exports: string[]; made: string[] };
    assert.deepEqual(made, []);
    for (const name of ["ExistingCluster", "HostRole", "KubeadmCluster"]) {
      assert.ok(exports.includes(name), name);
    }
  });

  it("has the types that a program needs", function () {
    this.timeout(60_000);
    fs.writeFileSync(path.join(folder, "program.ts"), typedProgram);
    const options = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "node16",
      "--types",
      "node",
      "--target",
      "es2022",
    ];
    execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), ...options, "program.ts"], { cwd: folder });
  });
});
