// Bundles the page, and writes the C++ that holds it: node build.mjs FOLDER.
// File names have digests of their contents, so that browsers may keep them for ever.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.resolve(process.argv[2] ?? path.join(here, "../build/web"));
const dist = path.join(folder, "dist");

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

async function bundle() {
  const result = await build({
    entryPoints: { page: path.join(here, "src/main.tsx"), icon: path.join(here, "src/icon.svg") },
    outdir: path.join(dist, "assets"),
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".svg": "copy" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  return Object.keys(result.metafile.outputs).map((name) => path.basename(name));
}

async function page(names) {
  const name = (ending) => {
    const found = names.find((each) => each.endsWith(ending));
    if (!found) throw new Error(`the bundle has no ${ending}`);
    return `/assets/${found}`;
  };
  const html = await readFile(path.join(here, "src/index.html"), "utf8");
  return html
    .replace("{script}", name(".js"))
    .replace("{style}", name(".css"))
    .replace("{icon}", name(".svg"));
}

// One file of the program: its bytes by the assembler, and what is said of it.
async function embed(file, number) {
  const bytes = await readFile(path.join(dist, file));
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  const symbol = `orrery_page_file_${number}`;
  return {
    assembly: `.global ${symbol}\\n${symbol}: .incbin \\"${path.join(dist, file)}\\"\\n`,
    declaration: `extern const std::byte ${symbol}[];  // NOLINT`,
    row: `{"${file === "index.html" ? "/" : `/${file}`}", "${types[path.extname(file)]}", "\\"${digest}\\"", ` +
      `${file !== "index.html"}, {${symbol}, ${bytes.length}}},`,
  };
}

async function program(files) {
  const parts = await Promise.all(files.map(embed));
  return `// Made by web/build.mjs.
#include <array>
#include <cstddef>

#include "cluster/page/page.hpp"

asm(".pushsection .rodata\\n${parts.map((each) => each.assembly).join("")}.popsection\\n");

extern "C" {
${parts.map((each) => each.declaration).join("\n")}
}

namespace orrery::cluster::page {

std::span<const File> files() {
  static const std::array<File, ${parts.length}> kFiles{{
    ${parts.map((each) => each.row).join("\n    ")}
  }};
  return kFiles;
}

}  // namespace orrery::cluster::page
`;
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await writeFile(path.join(dist, "index.html"), await page(await bundle()));
const assets = (await readdir(path.join(dist, "assets"))).sort().map((name) => `assets/${name}`);
await writeFile(path.join(folder, "files.cpp"), await program(["index.html", ...assets]));
