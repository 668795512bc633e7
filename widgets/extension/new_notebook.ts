// A new notebook under a free name in a folder: the experiment notebook, unless it is to hold something else.

import type { Contents } from "@jupyterlab/services";
import template from "./experiment_notebook.json";

/** Make the notebook in `folder` and return its path. */
export async function createNotebook(
  contents: Contents.IManager,
  folder: string,
  name: string,
  content: object = template,
): Promise<string> {
  const listed = await contents.get(folder, { content: true });
  const taken = new Set((listed.content as readonly Contents.IModel[]).map((file) => file.name.toLowerCase()));
  const path = [folder, freeName(taken, name)].filter(Boolean).join("/");
  await contents.save(path, { type: "notebook", format: "json", content });
  return path;
}

/** "experiment.ipynb", else "experiment 2.ipynb" and so on: the first that is not taken. */
export function freeName(taken: ReadonlySet<string>, name: string): string {
  for (let number = 1; ; number += 1) {
    const free = `${name}${number > 1 ? ` ${number}` : ""}.ipynb`;
    if (!taken.has(free.toLowerCase())) return free;
  }
}
