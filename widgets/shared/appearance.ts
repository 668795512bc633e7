// How the page shows a widget: its theme, the room there is, and whether motion is welcome.

export interface Appearance {
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

/** Call `onChange` now and whenever the appearance of `root` changes; below `minWidth` pixels it is narrow. */
export function watchAppearance(
  root: HTMLElement,
  minWidth: number,
  signal: AbortSignal,
  onChange: (appearance: Appearance) => void,
): void {
  const motion = matchMedia("(prefers-reduced-motion: reduce)");
  let previous = "";
  let width = 0;
  const check = () => {
    width = root.clientWidth || width; // none while hidden, as JupyterLab's page is when the theme changes
    if (!width) return;
    const appearance = { dark: isDark(), narrow: width < minWidth, still: motion.matches };
    const key = JSON.stringify(appearance);
    if (key !== previous) onChange(appearance);
    previous = key;
  };
  const sizes = new ResizeObserver(check);
  sizes.observe(root);
  const themes = new MutationObserver(check);
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  motion.addEventListener("change", check, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", check, { signal });
  signal.addEventListener("abort", () => {
    sizes.disconnect();
    themes.disconnect();
  });
}
