// The words of the views in the reader's language, where the page has a translation of them, and in English elsewhere.

/** What a view uses of JupyterLab's `TranslationBundle`. */
export interface Translation {
  __(text: string, ...values: readonly unknown[]): string;
  _n(one: string, many: string, n: number, ...values: readonly unknown[]): string;
}

// Each view is bundled on its own, so that the page is all it shares with the extension.
const PLACE = Symbol.for("pplab.translation");
const page = globalThis as { [PLACE]?: Translation | undefined };

/** Take the words of all views of this page from `translation` from now on; without one they are English. */
export function setTranslation(translation: Translation | undefined): void {
  page[PLACE] = translation;
}

/** Return `text`, which is written in English, in the reader's language, with the values in the places of %1, %2 and so on. */
export function trans(text: string, ...values: readonly unknown[]): string {
  return page[PLACE]?.__(text, ...values) ?? filled(text, values);
}

/** Return the form of a text that goes with the number `n`, which is %1; further values are %2 and so on. */
export function transPlural(one: string, many: string, n: number, ...values: readonly unknown[]): string {
  return page[PLACE]?._n(one, many, n, ...values) ?? filled(n === 1 ? one : many, [n, ...values]);
}

function filled(text: string, values: readonly unknown[]): string {
  return text.replace(/%(\d+)/g, (_, place) => String(values[Number(place) - 1]));
}
