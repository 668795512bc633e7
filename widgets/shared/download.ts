// A file that the kernel sends in parts, into the browser's downloads, wherever the kernel runs.

import { h } from "./dom.js";

interface Part {
  readonly name: string;
  readonly part: number;
  readonly parts: number;
  readonly data: string;
}

/** Gathers the parts of one file at a time. */
export class Downloader {
  readonly #root: HTMLElement;
  #parts: Uint8Array<ArrayBuffer>[] = [];

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  /** Add the next part; return whether it was the last and the file was handed to the browser. */
  add(part: Part): boolean {
    if (part.part === 1) this.#parts = [];
    this.#parts.push(Uint8Array.from(atob(part.data), (character) => character.charCodeAt(0)));
    if (part.part < part.parts) return false;
    const complete = this.#parts.length === part.parts;
    if (complete) this.#save(part.name, new Blob(this.#parts));
    this.#parts = [];
    return complete;
  }

  #save(name: string, file: Blob): void {
    const url = URL.createObjectURL(file);
    // In the page, not just in memory: VS Code watches for clicks on such links in its document.
    const link = h("a", { href: url, download: name, class: "pplab-hidden", tabindex: -1 });
    this.#root.append(link);
    link.click();
    link.remove();
    // The browser reads the file after the click has been handled.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}
