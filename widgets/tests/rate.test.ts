import { afterEach, describe, expect, test, vi } from "vitest";
import type { RatingFormTraits } from "../shared/generated/rate.js";
import { button, notebook, press } from "./notebook.js";
import { item, PAIRS, PROBLEM, SCALE, standing, TRAITS } from "./states/rate.js";

const scale = (traits: Partial<RatingFormTraits> = {}) => notebook("rate", { ...TRAITS, ...traits });
const pairs = () =>
  scale({ choices: PAIRS, question: "Which would you rather get?", standing: standing(1, { item: item(1, 2) }) });
const group = (root: Element) => root.querySelector("[role=group]") as HTMLElement;
const field = (root: Element) => root.querySelector("textarea") as HTMLTextAreaElement;
const texts = (root: Element) => [...root.querySelectorAll("[data-pplab=text]")].map((element) => element.textContent);
const named = (root: Element, name: string) =>
  [...root.querySelectorAll("button")].find((element) => nameOf(element) === name) as HTMLButtonElement;
/** What a button is called, without the hint of its key. */
function nameOf(element: Element): string {
  const visible = [...element.childNodes].filter((node) => (node as Element).ariaHidden !== "true");
  return visible.map((node) => node.textContent?.trim()).join("");
}
type Comm = Awaited<ReturnType<typeof scale>>["comm"];
const sent = (comm: Comm) => comm.sent.map((message) => message.content);
const rated = (number: number, choice: string, note = "") => ({ kind: "rate", number, choice, note });

afterEach(() => document.body.replaceChildren());

describe("an item", () => {
  test("shows its prompt, its answer in a box that scrolls by keyboard, and how far the rating is", async () => {
    const { root } = await (await scale({ standing: standing(13) })).show();
    expect(root.textContent).toContain("How good is this answer?");
    expect(root.querySelector("[aria-label=Prompt]")?.textContent).toContain("Prompt 13");
    const box = root.querySelector<HTMLElement>("[role=region][aria-label=Answer]");
    expect(box?.tabIndex).toBe(0);
    expect(box?.querySelector("[data-pplab=text]")?.textContent).toBe("Answer 13.0");
    expect(root.textContent).toContain("12 of 40");
    expect(root.querySelector("progress")?.value).toBe(12);
    expect(root.querySelector("[aria-live=polite]:not(.pplab-toasts)")?.textContent).toBe("Item 13 of 40");
  });

  test("of a pair shows the left and the right answer, each by its name", async () => {
    const { root } = await (await pairs()).show();
    const names = [...root.querySelectorAll("[role=region]")].map((box) => box.getAttribute("aria-label"));
    expect(names).toEqual(["Left answer", "Right answer"]);
    expect(texts(root)).toEqual(["Answer 1.0", "Answer 1.1"]);
  });

  test("has the prompt folded when it is long, and opened on request", async () => {
    const prompt = "a line\n".repeat(30);
    const { root } = await (await scale({ standing: standing(1, { item: { ...item(1), prompt } }) })).show();
    const box = root.querySelector(".pplab-rate-prompt-text") as HTMLElement;
    expect(box.hasAttribute("data-folded")).toBe(true);
    button(root, "show more").click();
    expect(box.hasAttribute("data-folded")).toBe(false);
    expect(box.tabIndex).toBe(0);
    button(root, "show less").click();
    expect(box.hasAttribute("data-folded")).toBe(true);
    expect(texts(root)).toEqual(["Answer 1.0"]);
  });

  test("leaves its prompt opened when the next item has the same one", async () => {
    const prompt = "a line\n".repeat(30);
    const { comm, show } = await scale({ standing: standing(1, { item: { ...item(1), prompt } }) });
    const { root } = await show();
    button(root, "show more").click();
    await comm.update({ standing: standing(2, { item: { ...item(2), prompt } }) });
    expect(texts(root)).toEqual(["Answer 2.0"]);
    button(root, "show less");
    await comm.update({ standing: standing(3, { item: { ...item(3), prompt: `${prompt}more` } }) });
    button(root, "show more");
  });

  test("shows a prompt as text, whatever is in it", async () => {
    const prompt = "<img src=x onerror=alert(1)>";
    const { root } = await (await scale({ standing: standing(1, { item: { ...item(1), prompt } }) })).show();
    expect(root.querySelector("img")).toBeNull();
    expect(root.querySelector(".pplab-rate-prompt-text")?.textContent).toBe(prompt);
  });
});

describe("a choice", () => {
  test.each(SCALE)("on the scale is made by its key or its button: $label", async ({ key, label }) => {
    const { comm, show } = await scale();
    const { root } = await show();
    press(group(root), key);
    await comm.update({ standing: standing(2) });
    named(root, label).click();
    expect(sent(comm)).toEqual([rated(1, key), rated(2, key)]);
  });

  test.each(PAIRS)("between two is made by its key or its button: $label", async ({ value, key, label }) => {
    const { comm, show } = await pairs();
    const { root } = await show();
    press(group(root), key);
    await comm.update({ standing: standing(2, { item: item(2, 2), last: value }) });
    expect(root.textContent).toContain(`last: ${label}`);
    named(root, label).click();
    expect(sent(comm)).toEqual([rated(1, value), rated(2, value)]);
  });

  test("is made once until the kernel has stored it", async () => {
    const { comm, show } = await scale();
    const { root } = await show();
    press(group(root), "4");
    press(group(root), "4");
    named(root, "1 bad").click();
    press(group(root), "u");
    expect(sent(comm)).toEqual([rated(1, "4")]);
    expect(group(root).getAttribute("aria-busy")).toBe("true");
    expect(named(root, "1 bad").getAttribute("aria-disabled")).toBe("true");
    await comm.update({ standing: standing(2) });
    expect(group(root).getAttribute("aria-busy")).toBe("false");
    press(group(root), "5");
    expect(sent(comm)).toEqual([rated(1, "4"), rated(2, "5")]);
  });

  test("is not made by a key that is held down, with Ctrl, or of the other kind of rating", async () => {
    const { comm, show } = await scale();
    const { root } = await show();
    press(group(root), "4", { repeat: true });
    press(group(root), "4", { ctrlKey: true });
    for (const key of ["0", "6", "=", "x", "ArrowLeft", "Enter", " "]) press(group(root), key);
    expect(sent(comm)).toEqual([]);
  });

  test("brings the next item with the focus, forty times by keyboard alone", async () => {
    const { comm, show } = await scale();
    const { root } = await show();
    root.focus();
    for (let number = 1; number <= 40; number += 1) {
      expect(document.activeElement).toBe(group(root));
      expect(texts(root)).toEqual([`Answer ${number}.0`]);
      press(document.activeElement as Element, String((number % 5) + 1));
      await comm.update({ standing: standing(number + 1, number === 40 ? { item: null, outcome: "Done." } : {}) });
    }
    expect(sent(comm)).toEqual(Array.from({ length: 40 }, (_, i) => rated(i + 1, String(((i + 1) % 5) + 1))));
    expect((document.activeElement as Element).textContent).toBe("Thank you: 40 of 40 rated, all saved.");
  });
});

describe("undo", () => {
  test.each(["u", "U", "Backspace"])("takes the last rating back with %s, once", async (key) => {
    const { comm, show } = await scale({ standing: standing(5) });
    const { root } = await show();
    press(group(root), key);
    press(group(root), key);
    expect(sent(comm)).toEqual([{ kind: "undo", number: 5 }]);
    await comm.update({ standing: standing(4, { last: "" }) });
    expect(texts(root)).toEqual(["Answer 4.0"]);
    press(group(root), key);
    expect(named(root, "Undo").disabled).toBe(true);
    expect(sent(comm)).toHaveLength(1);
  });

  test("brings back the note of its item", async () => {
    const { comm, show } = await scale();
    const { root } = await show();
    press(group(root), "n");
    field(root).value = "too long";
    press(field(root), "Escape");
    press(group(root), "2");
    await comm.update({ standing: standing(2) });
    expect(field(root).value).toBe("");
    press(group(root), "u");
    await comm.update({ standing: standing(1) });
    expect(field(root).value).toBe("too long");
    press(group(root), "3");
    expect(sent(comm).at(-1)).toEqual(rated(1, "3", "too long"));
  });
});

describe("a note", () => {
  test("opens with n, takes every key as text, and goes with the rating", async () => {
    const { comm, show } = await scale({ standing: standing(2) });
    const { root } = await show();
    group(root).focus();
    press(group(root), "n");
    expect(document.activeElement).toBe(field(root));
    expect(named(root, "Note").getAttribute("aria-expanded")).toBe("true");
    for (const key of ["1", "u", "n", "x", "=", "ArrowLeft", "Backspace", "Enter"]) press(field(root), key);
    expect(sent(comm)).toEqual([]);
    field(root).value = " says 4 of 5 ";
    press(field(root), "Enter", { ctrlKey: true });
    expect(document.activeElement).toBe(group(root));
    press(group(root), "4");
    expect(sent(comm)).toEqual([rated(2, "4", "says 4 of 5")]);
  });

  test("that is empty closes when it is left, one with words stays", async () => {
    const { root } = await (await scale()).show();
    const isOpen = () => !(root.querySelector(".pplab-rate-note") as HTMLElement).hidden;
    named(root, "Note").click();
    press(field(root), "Escape");
    expect(isOpen()).toBe(false);
    named(root, "Note").click();
    field(root).value = "vague";
    press(field(root), "Escape");
    expect(isOpen()).toBe(true);
  });

  test("is kept when its rating could not be stored", async () => {
    const { comm, show } = await scale();
    const { root } = await show();
    field(root).value = "vague";
    press(group(root), "2");
    await comm.update({ problem: PROBLEM });
    press(group(root), "2");
    expect(sent(comm)).toEqual([rated(1, "2", "vague"), rated(1, "2", "vague")]);
  });
});

describe("the end", () => {
  const end = standing(41, { item: null, last: "3", outcome: "Your ratings put 0.7 first.\nBy 0.2." });

  test("says that all is saved, what the ratings say, and lets the last one be taken back", async () => {
    const { comm, show } = await scale({ standing: standing(40) });
    const { root } = await show();
    await comm.update({ standing: end });
    const status = root.querySelector("[role=status]");
    expect(status?.textContent).toBe("Thank you: 40 of 40 rated, all saved.");
    const lines = [...root.querySelectorAll(".pplab-rate-outcome p")].map((line) => line.textContent);
    expect(lines).toEqual(["Your ratings put 0.7 first.", "By 0.2."]);
    expect(root.querySelector("[role=group]")).toBeNull();
    press(status as Element, "4");
    press(status as Element, "u", { repeat: true });
    expect(sent(comm)).toEqual([]);
    press(status as Element, "u");
    press(status as Element, "u");
    expect(sent(comm)).toEqual([{ kind: "undo", number: 0 }]);
    await comm.update({ standing: standing(40) });
    expect(texts(root)).toEqual(["Answer 40.0"]);
    expect(root.textContent).not.toContain("0.7");
  });

  test("of what was rated earlier offers nothing to undo", async () => {
    const { root } = await (await scale({ standing: { ...end, last: "" } })).show();
    expect(named(root, "Undo").hidden).toBe(true);
  });
});

describe("a view", () => {
  test("holds nothing of an item but its number, its prompt and its answers", async () => {
    const { root } = await (await pairs()).show();
    const allowed = ["Prompt 1", "Answer 1.0", "Answer 1.1", "Item 1 of 40", "0 of 40"];
    const own = "Which would you rather get? Stop when you like. Prompt Left answer Right answer";
    const controls = [...PAIRS.flatMap(({ sign, label }) => [sign, label]), "Undo", "u", "Note", "n"];
    const help = "Note on this item; Escape goes back to rating";
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found: string[] = [];
    while (walker.nextNode()) found.push(walker.currentNode.textContent?.trim() ?? "");
    const known = [...allowed, ...controls, help];
    expect(found.filter((words) => words && !known.includes(words) && !own.includes(words))).toEqual([]);
    expect(allowed.filter((words) => !found.includes(words))).toEqual([]);
    const data = [...root.querySelectorAll("*")].flatMap((element) => Object.keys((element as HTMLElement).dataset));
    expect(new Set(data)).toEqual(new Set(["pplab"]));
  });

  test("shows an error with Retry, takes another choice meanwhile, and keeps the focus", async () => {
    const { comm, show } = await scale();
    const { root } = await show();
    group(root).focus();
    press(group(root), "4");
    await comm.update({ problem: PROBLEM });
    expect(root.querySelector("[role=alert]")?.textContent).toBe("the disk is full make room");
    expect(group(root).getAttribute("aria-busy")).toBe("false");
    button(root, "Retry").focus();
    button(root, "Retry").click();
    expect(sent(comm)).toEqual([rated(1, "4"), { kind: "retry" }]);
    await comm.update({ problem: null });
    await comm.update({ standing: standing(2) });
    expect(document.activeElement).toBe(group(root));
    expect(texts(root)).toEqual(["Answer 2.0"]);
  });

  test("says that the kernel is gone and sends no more", async () => {
    const { comm, model, show } = await scale();
    const { root } = await show();
    model.comm_live = false;
    await vi.waitUntil(() => root.hasAttribute("data-kernel-gone"));
    expect(root.querySelector("[role=status]")?.textContent).toContain("The kernel is gone");
    press(group(root), "4");
    named(root, "4 good").click();
    expect(sent(comm)).toEqual([]);
  });

  test("does not take the focus, neither when it appears nor from elsewhere", async () => {
    const { comm, show } = await scale();
    const [one, other] = [await show(), await show()];
    expect(document.activeElement).toBe(document.body);
    one.root.focus();
    press(group(one.root), "4");
    await comm.update({ standing: standing(2) });
    expect(document.activeElement).toBe(group(one.root));
    expect(texts(other.root)).toEqual(["Answer 2.0"]);
  });

  test("keeps its keys from the notebook", async () => {
    const { root } = await (await scale()).show();
    for (const key of ["x", "d", "1", "ArrowDown", "Enter"]) expect(press(group(root), key)).toBe(false);
    expect(root.hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
  });

  test("never answers a change by the kernel with a message", async () => {
    const { comm, show } = await scale();
    await show();
    await comm.update({ standing: standing(2), problem: PROBLEM });
    await comm.update({ standing: standing(41, { item: null }), problem: null });
    expect(comm.sent).toEqual([]);
  });
});
