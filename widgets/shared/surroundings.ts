// What the page around a widget looks like: its theme, the room there is, and whether motion is welcome.

export interface Surroundings {
  readonly dark: boolean;
  readonly narrow: boolean;
  readonly still: boolean;
}

function isDark(): boolean {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "false";
  if (classList.contains("vscode-dark") || classList.contains("vscode-high-contrast")) return true;
  if (classList.contains("vscode-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Call `tell` now and whenever the surroundings of `root` change; below `room` pixels they are narrow. */
export function watchSurroundings(
  root: HTMLElement,
  room: number,
  signal: AbortSignal,
  tell: (found: Surroundings) => void,
): void {
  const motion = matchMedia("(prefers-reduced-motion: reduce)");
  let told = "";
  let width = 0;
  const look = () => {
    width = root.clientWidth || width; // none while hidden, as JupyterLab's page is when the theme changes
    if (!width) return;
    const found = { dark: isDark(), narrow: width < room, still: motion.matches };
    const words = JSON.stringify(found);
    if (words !== told) tell(found);
    told = words;
  };
  const sizes = new ResizeObserver(look);
  sizes.observe(root);
  const themes = new MutationObserver(look);
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  motion.addEventListener("change", look, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look, { signal });
  signal.addEventListener("abort", () => {
    sizes.disconnect();
    themes.disconnect();
  });
}
