// Making elements. Everything goes in as text; the one exception is HTML that Python has sanitised.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/** Return a new element. A function becomes a listener (`onclick`), `true` an empty attribute; null and false are left out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child || child === "").map((child) => child as Node | string));
  return element;
}

/** Replace the children of `parent`. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}

/** Return an element that shows HTML which `pplab.views.html` has sanitised, and nothing else. */
export function sanitisedHtml(html: string): HTMLElement {
  const element = h("div");
  element.innerHTML = html;
  return element;
}

let lastId = 0;

/** Return an id that no other element of this page has, for labels and groups. */
export function freshId(prefix: string): string {
  lastId += 1;
  return `pplab-${prefix}-${lastId}-${Math.random().toString(36).slice(2, 8)}`;
}

/** Return a button. */
export function button(
  label: string,
  onclick: () => void,
  kind: "primary" | "plain" | "quiet" = "plain",
): HTMLButtonElement {
  return h("button", { type: "button", class: `pplab-button pplab-button-${kind}`, onclick }, label);
}
