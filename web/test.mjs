// The tests of the page's logic: src/**/*.test.ts, bundled for Node and run there.
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const source = path.join(path.dirname(fileURLToPath(import.meta.url)), "src");

async function tests(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map((each) => {
      const name = path.join(folder, each.name);
      if (each.isDirectory()) return tests(name);
      return each.name.endsWith(".test.ts") ? [name] : [];
    }),
  );
  return found.flat();
}

const folder = await mkdtemp(path.join(os.tmpdir(), "orrery-page-"));
try {
  await build({
    entryPoints: await tests(source),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".mjs"));
  const files = names.map((name) => path.join(folder, name));
  const result = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
  process.exitCode = result.status ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
