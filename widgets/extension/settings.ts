// The user's settings of pplab, as JupyterLab keeps them; what a kernel obeys is read by the kernel.

import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { DEFAULTS, type Settings } from "../shared/generated/settings.js";

const PLUGIN = "pplab:settings";

/** Return the settings in force: the user's, an administrator's, or the default. */
function inForce(found: ISettingRegistry.ISettings): Settings {
  return { ...DEFAULTS, ...(found.composite as Partial<Settings>) };
}

/** Tell `take` the settings, at once and whenever they change; without a registry, or where it has none of ours, the defaults. */
export async function watchSettings(
  registry: ISettingRegistry | null,
  take: (settings: Settings) => void,
): Promise<void> {
  try {
    const found = await registry?.load(PLUGIN);
    take(found ? inForce(found) : DEFAULTS);
    found?.changed.connect(() => take(inForce(found)));
  } catch {
    take(DEFAULTS); // an installation without our settings
  }
}
