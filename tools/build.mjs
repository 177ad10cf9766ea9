// Compiles the components into dist/, with the files they read at run time beside them. Run by `npm run build` and `npm pack`.
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "components");
const target = process.argv[2] ?? join(root, "dist");
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
/** Files of the plugin face, which is used from the source tree. */
const pluginFace = ["PulumiPlugin.yaml", "package.json", "tsconfig.json", "node_modules"].map((name) =>
  join(source, name),
);

rmSync(target, { recursive: true, force: true });
execFileSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", target], {
  cwd: root,
  stdio: "inherit",
});
cpSync(source, target, {
  recursive: true,
  filter: (path) => extname(path) !== ".ts" && !pluginFace.includes(path),
});
