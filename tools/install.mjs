// Installs the npm packages of package-lock.json if they are not there: a fresh clone needs no command of its own.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const marker = join(root, "node_modules", ".stratiform");
const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(marker) || readFileSync(marker, "utf8").trim() !== lock) {
  const begin = Date.now();
  console.log("▸ Install npm packages (npm ci)");
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  // npm names its own path: the one that runs this script is the one to use.
  const npm = process.env.npm_execpath;
  const result = npm?.endsWith(".js")
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit" });
  if (result.error !== undefined || result.status !== 0) {
    const why = result.error === undefined ? "the lines above say why" : result.error.message;
    console.error(`npm ci did not succeed: ${why}. Put that right and run the command again.`);
    process.exit(result.status || 1);
  }
  writeFileSync(marker, `${lock}\n`);
  console.log(`✓ Install npm packages (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
}
