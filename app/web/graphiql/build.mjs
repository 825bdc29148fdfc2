// Bundles GraphiQL and the viewer of the REST API into the assets folder; every file carries a hash of its content in its name.

import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { basename } from "node:path";
import { build } from "esbuild";

const assets = new URL("../assets/", import.meta.url).pathname;

const shared = {
  absWorkingDir: new URL(".", import.meta.url).pathname,
  outdir: assets,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  target: "es2022",
  legalComments: "linked",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".graphql": "text", ".ttf": "file", ".woff2": "file", ".svg": "file" },
  logLevel: "warning",
};

const workers = {
  "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
  "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
};

/** The names that the entries' files were given, by the names that they would have without a hash. */
function names({ metafile }) {
  const files = Object.keys(metafile.outputs).map((path) => basename(path));
  const entries = files.filter((name) => /\.(js|css)$/.test(name) && !name.startsWith("part-"));
  return Object.fromEntries(entries.map((name) => [name.replace(/-[A-Z0-9]+\./, "."), name]));
}

async function compress(name) {
  const bytes = await readFile(assets + name);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await writeFile(`${assets}${name}.br`, brotliCompressSync(bytes, quality));
  await writeFile(`${assets}${name}.gz`, gzipSync(bytes));
}

await rm(assets, { recursive: true, force: true });
const built = await build({ ...shared, entryPoints: workers, format: "iife" });
const workerNames = JSON.stringify(names(built));
const page = await build({
  ...shared,
  entryPoints: { graphiql: "graphiql.jsx", viewer: "viewer.js" },
  format: "esm",
  splitting: true,
  jsx: "automatic",
  define: { ...shared.define, WORKERS: workerNames },
});
const compressible = (await readdir(assets)).filter((name) => /\.(js|css|svg|ttf)$/.test(name));
await Promise.all(compressible.map(compress));
// Last: its presence means that the folder is complete.
await writeFile(`${assets}manifest.json`, JSON.stringify(names(page), null, 2) + "\n");
