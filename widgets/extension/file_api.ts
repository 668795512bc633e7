// What the server says of a file, and the import of a package.

import { URLExt } from "@jupyterlab/coreutils";
import type { Api, Experiment } from "./api.js";

/** An experiment in a package: nothing is decided of it, and its cost is not added up. */
export type PackedExperiment = Omit<Experiment, "cost" | "verdict">;

/** What a package holds; `problems` says in one line each what is altered, missing or contradictory. */
export interface PackageDescription {
  readonly path: string;
  readonly verified: boolean;
  readonly problems: readonly string[];
  readonly facts: {
    readonly size: number;
    readonly files: number;
    readonly rows: number;
    readonly audit_rows: number;
    readonly rewritten: boolean;
    readonly users: readonly string[];
    readonly lab: string;
    readonly at: string;
    readonly sha256: string;
  };
  readonly experiments: readonly PackedExperiment[];
}

export interface ImportOutcome {
  readonly words: string;
  readonly experiments: readonly string[];
  readonly new: number;
}

export type Value = string | number | boolean | null;

/** The first rows of a file; `total` is null where it was not read to its end. */
export interface Preview {
  readonly kind: "recording" | "lines" | "parquet";
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
  readonly total: number | null;
  readonly hidden: number;
  readonly note: string;
}

/** Why a file cannot be shown. */
export interface Refused {
  readonly refused: string;
}

export function describePackage(api: Api, path: string): Promise<PackageDescription | Refused> {
  return api.request(`package${URLExt.objectToQueryString({ path })}`);
}

/** Bring a package into a lab, whose audit will say so. */
export function importPackage(api: Api, path: string, lab: string): Promise<ImportOutcome> {
  return api.request("package/import", { method: "POST", body: JSON.stringify({ path, lab }) });
}

export function previewFile(api: Api, path: string): Promise<Preview | Refused> {
  return api.request(`preview${URLExt.objectToQueryString({ path })}`);
}
