// Bundles each folder that has an index.ts into one <name>.js and one <name>.css of the Python package, and the one extension.
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(here, "../pplab/views/widgets/static");
const names = readdirSync(here).filter((name) => existsSync(join(here, name, "index.ts")));

/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: here,
  entryPoints: names.map((name) => ({ in: `${name}/index.ts`, out: name })),
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

/** @type {import("esbuild").BuildOptions} */
const extension = {
  ...options,
  entryPoints: [{ in: "reopened/extension.ts", out: "remoteEntry" }],
  outdir: join(out, "labextension/static"),
  format: "iife",
};

mkdirSync(extension.outdir, { recursive: true });
copyFileSync(join(here, "reopened/package.json"), join(out, "labextension/package.json"));
await build(extension);

if (process.argv.includes("--watch")) {
  await (await context({ ...options, logLevel: "info" })).watch();
} else {
  await build(options);
  for (const name of names) {
    const sizes = ["js", "css"].map((suffix) => statSync(join(out, `${name}.${suffix}`)).size);
    console.log(`${name}: ${sizes.map((size) => (size / 1024).toFixed(1)).join(" + ")} KB`);
  }
}
