import { run } from "./process";

/**
 * Packs a directory's content so that equal content gives equal bytes: names sorted, no times, owner root.
 * @param file the archive; compressed by its ending `.tgz`, else not
 */
export async function packDirectory(directory: string, file: string): Promise<void> {
  const compress = file.endsWith(".tgz") ? ["--use-compress-program=gzip -n"] : [];
  const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  await run("tar", ["-C", directory, ...fixed, "--mode=u+rw,go=u-w", ...compress, "-cf", file, "."], {
    env: { LC_ALL: "C" },
  });
}
