// Keeping keys typed in a widget from being taken as shortcuts of the notebook around it.

/** Keep keys in `root`, except the one that saves the notebook. */
export function keepKeys(root: HTMLElement, signal: AbortSignal): void {
  // JupyterLab looks for the attribute in the capture phase of the document; the window comes first.
  const decide = (event: KeyboardEvent) => {
    const saves = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
    root.toggleAttribute("data-lm-suppress-shortcuts", !saves);
  };
  root.classList.add("lm-suppress-shortcuts");
  root.toggleAttribute("data-lm-suppress-shortcuts", true);
  window.addEventListener("keydown", decide, { capture: true, signal });
  // Notebook 7's and VS Code's own handlers listen while the event bubbles.
  root.addEventListener("keydown", (event) => event.stopPropagation(), { signal });
}
