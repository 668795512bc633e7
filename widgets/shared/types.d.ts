// esbuild bundles an imported style sheet into the <name>.css beside the <name>.js.
declare module "*.css";
