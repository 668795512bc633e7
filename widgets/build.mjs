// Bundles each folder that has an index.ts into one <name>.js and one <name>.css of the Python package (for anywidget), and
// extension/ into a prebuilt JupyterLab extension, which loads the same folders when one of their views is opened.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const python = resolve(here, "../pplab");
const out = join(python, "views/widgets/static");
const names = readdirSync(here).filter((name) => existsSync(join(here, name, "index.ts")) && name !== "extension");

/** @type {import("esbuild").BuildOptions} */
const common = {
  absWorkingDir: here,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

/** @type {import("esbuild").BuildOptions} */
const options = {
  ...common,
  entryPoints: names.map((name) => ({ in: `${name}/index.ts`, out: name })),
  outdir: out,
  bundle: true,
  minify: true,
};

/** Build the extension: JupyterLab's builder takes a package of JavaScript, which is written to lib/ first. */
async function buildExtension() {
  const lib = join(here, "lib");
  rmSync(lib, { recursive: true, force: true });
  const folders = [...names, "shared", "extension"];
  const entryPoints = folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: here }))
    .filter((path) => !path.endsWith(".d.ts"));
  await build({ ...common, entryPoints, outdir: lib });
  const assets = folders.flatMap((folder) => globSync([`${folder}/**/*.{css,svg}`, `${folder}/*.json`], { cwd: here }));
  for (const path of assets) cpSync(join(here, path), join(lib, path));
  if (existsSync(join(here, "extension/schema")))
    cpSync(join(here, "extension/schema"), join(lib, "schema"), { recursive: true });
  const version = /^__version__ = "(.+)"$/m.exec(readFileSync(join(python, "__init__.py"), "utf8"))?.[1];
  const jupyterlab = {
    extension: true,
    outputDir: "../../pplab/views/widgets/static/labextension",
    schemaDir: "schema",
  };
  const manifest = {
    name: "pplab",
    version,
    license: "BSD-3-Clause",
    main: "extension/index.js",
    dependencies: {},
    jupyterlab,
  };
  writeFileSync(join(lib, "package.json"), JSON.stringify(manifest, null, 2));
  mkdirSync(join(out, "labextension"), { recursive: true });
  const builder = join(here, "node_modules/@jupyter/builder/lib/build-labextension.js");
  const core = join(here, "node_modules/@jupyterlab/core-meta/core.package.json");
  const done = spawnSync(process.execPath, [builder, "--core-package-file", core, lib], {
    cwd: here,
    encoding: "utf8",
  });
  if (done.status !== 0) throw new Error(`the extension was not built:\n${done.stdout}\n${done.stderr}`);
}

if (process.argv.includes("--watch")) {
  await (await context({ ...options, logLevel: "info" })).watch();
} else {
  await build(options);
  await buildExtension();
  for (const name of names) {
    const sizes = ["js", "css"].map((suffix) => statSync(join(out, `${name}.${suffix}`)).size);
    console.log(`${name}: ${sizes.map((size) => (size / 1024).toFixed(1)).join(" + ")} KB`);
  }
}
