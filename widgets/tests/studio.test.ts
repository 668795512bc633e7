import { afterEach, describe, expect, test, vi } from "vitest";
import type { Draft, StudioTraits } from "../shared/generated/studio.js";
import { Form } from "../studio/form.js";
import { button, notebook } from "./notebook.js";
import { DRAFT, TRAITS } from "./states/studio.js";

const studio = (traits: Partial<StudioTraits> = {}) => notebook("studio", { ...TRAITS, ...traits });
type Shown = Awaited<ReturnType<Awaited<ReturnType<typeof studio>>["show"]>>["root"];

function field<Kind extends HTMLElement = HTMLInputElement>(root: Shown, label: string): Kind {
  const named = root.querySelector(`[aria-label="${label}"]`);
  if (named) return named as Kind;
  const match = [...root.querySelectorAll("label")].find((e) => e.textContent === label);
  return (match?.htmlFor ? root.querySelector(`#${match.htmlFor}`) : match?.querySelector("input")) as Kind;
}

function put(input: HTMLInputElement | HTMLTextAreaElement, value: string, event = "input"): void {
  input.value = value;
  input.dispatchEvent(new Event(event, { bubbles: true }));
}

const parameter = (root: Element, name: string) =>
  [...root.querySelectorAll("[role=group]")].find((e) => e.textContent?.startsWith(name)) as HTMLElement;
const drafts = (comm: { readonly sent: readonly Record<string, unknown>[] }) =>
  comm.sent.filter((m) => m.method === "update").map((m) => (m.state as { draft: Draft }).draft);

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("what may vary", () => {
  const shown = async (draft: Partial<Draft> = {}) => {
    const { model, show } = await studio({ draft: { ...DRAFT, ...draft } });
    const { root } = await show();
    return { root, draft: () => model.get("draft") as Draft };
  };

  test("adds a model that was asked before", async () => {
    const { root, draft } = await shown();
    button(root, "+ large@there").click();
    expect(draft().models).toBe("small, large@there");
    expect(root.textContent).not.toContain("+ large@there");
  });

  test("compares personas by name, and three strengths of the calibrated one", async () => {
    const { root, draft } = await shown({ systems: [{ name: "", text: "Be brief." }] });
    button(root, "Compare another persona").click();
    expect(draft().systems).toEqual([
      { name: "persona 1", text: "Be brief." },
      { name: "persona 2", text: "" },
    ]);
    vi.useFakeTimers();
    put(field(root, "Name of persona 1"), "brief");
    vi.runAllTimers();
    expect(draft().systems[0]).toEqual({ name: "brief", text: "Be brief." });
    button(root, "Compare three strengths").click();
    expect(draft().systems.map(({ name }) => name)).toEqual(["light", "medium", "strong"]);
    field<HTMLButtonElement>(root, "Leave out persona 3").click();
    expect(draft().systems).toHaveLength(2);
  });

  test("finds a parameter by its meaning and ticks the values that the models take", async () => {
    const { root, draft } = await shown();
    put(field(root, "Search parameters"), "thinks");
    button(root, "+ reasoning_effort").click();
    expect(draft().written).toEqual({ reasoning_effort: "" });
    expect(field(root, "none").disabled).toBe(true);
    field(root, "low").click();
    field(root, "high").click();
    expect(draft().written).toEqual({ reasoning_effort: "low,high" });
    expect(parameter(root, "reasoning_effort").textContent).toContain("sweep");
  });

  test("greys a parameter that no model takes, with the reason", async () => {
    const { root } = await shown();
    const stop = button(root, "stop");
    expect(stop.disabled).toBe(true);
    expect(stop.closest("li")?.textContent).toContain("small does not take it");
  });

  test("sends any field of the request as x.NAME", async () => {
    const { root, draft } = await shown();
    put(field(root, "Search parameters"), "x.mirostat");
    button(root, "+ x.mirostat").click();
    vi.useFakeTimers();
    put(field(root, "Values of x.mirostat"), "0,2");
    vi.runAllTimers();
    expect(draft().written).toEqual({ "x.mirostat": "0,2" });
    field<HTMLButtonElement>(root, "Leave out x.mirostat").click();
    expect(draft().written).toEqual({});
  });
});

describe("the form", () => {
  test("shows the draft inside the calibration", async () => {
    const { root } = await (await studio()).show();
    expect(field<HTMLTextAreaElement>(root, "Prompt").value).toBe("Why?");
    expect(field<HTMLTextAreaElement>(root, "Persona").placeholder).toBe("You are kind.");
    expect(parameter(root, "temperature").textContent).toContain("sweep · calibrated 0.2 to 0.8");
    expect(parameter(root, "max_tokens").textContent).toContain("fixed at 800 · calibrated 100 to 800");
    expect(field(root, "temperature, value 2").value).toBe("100");
  });

  test("takes what is typed after a moment, as a whole new draft", async () => {
    const { comm, show } = await studio();
    const { root } = await show();
    vi.useFakeTimers();
    put(field<HTMLTextAreaElement>(root, "Prompt"), "Why n");
    put(field<HTMLTextAreaElement>(root, "Prompt"), "Why not?");
    expect(drafts(comm)).toEqual([]);
    vi.runAllTimers();
    expect(drafts(comm)).toEqual([{ ...DRAFT, prompt: "Why not?" }]);
  });

  test("keeps sliders inside the calibrated range, and typed values too", async () => {
    const { model, show } = await studio();
    const draft = () => model.get("draft") as Draft;
    const { root } = await show();
    vi.useFakeTimers();
    put(field(root, "temperature, value 1"), "50");
    put(field(root, "temperature, value 2, exactly"), "1.9", "change");
    vi.runAllTimers();
    expect(draft()?.values.temperature).toEqual([0.5, 0.8]);
  });

  test("lets values go beyond when that is asked for, marks them, and brings them back", async () => {
    const { model, show } = await studio();
    const draft = () => model.get("draft") as Draft;
    const { root } = await show();
    field(root, "Beyond the calibrated ranges").click();
    vi.useFakeTimers();
    put(field(root, "temperature, value 2"), "100");
    vi.runAllTimers();
    expect(draft()).toMatchObject({ beyond: true, values: { temperature: [0.2, 2] } });
    expect(field(root, "temperature, value 2, exactly").hasAttribute("data-beyond")).toBe(true);
    field(root, "Beyond the calibrated ranges").click();
    expect(draft()).toMatchObject({ beyond: false, values: { temperature: [0.2, 0.8] } });
  });

  test("adds a value in the widest gap and removes one", async () => {
    const { model, show } = await studio();
    const draft = () => model.get("draft") as Draft;
    const { root } = await show();
    vi.useFakeTimers();
    button(parameter(root, "temperature"), "Add value").click();
    vi.runAllTimers();
    expect(draft()?.values.temperature).toEqual([0.2, 0.5, 0.8]);
    field<HTMLButtonElement>(root, "Remove value 1 of temperature").click();
    vi.runAllTimers();
    expect(draft()?.values.temperature).toEqual([0.5, 0.8]);
  });

  test("sets a parameter that is spread over orders of magnitude in whole numbers", async () => {
    const { model, show } = await studio();
    const draft = () => model.get("draft") as Draft;
    const { root } = await show();
    vi.useFakeTimers();
    button(parameter(root, "max_tokens"), "Set").click();
    vi.runAllTimers();
    expect(draft()?.values.max_tokens).toEqual([280]);
  });

  test("starts anew from another calibration, or from none", async () => {
    const { model, show } = await studio();
    const draft = () => model.get("draft") as Draft;
    const { root } = await show();
    const select = field<HTMLSelectElement>(root, "Calibration");
    select.value = "";
    select.dispatchEvent(new Event("change"));
    expect(draft()).toEqual({ ...DRAFT, calibration: "", values: {} });
    expect(parameter(root, "temperature").textContent).toContain("server default");
    select.value = "c-1";
    select.dispatchEvent(new Event("change"));
    expect(draft()).toEqual(DRAFT);
  });

  test("shows the same draft in every view, and leaves the field alone that is typed in", async () => {
    const { show } = await studio();
    const [one, other] = [await show(), await show()];
    const prompt = field<HTMLTextAreaElement>(one.root, "Prompt");
    prompt.focus();
    vi.useFakeTimers();
    put(prompt, "Why not? ");
    vi.runAllTimers();
    expect(field<HTMLTextAreaElement>(other.root, "Prompt").value).toBe("Why not? ");
    expect(document.activeElement).toBe(prompt);
  });

  test("never answers a change of the kernel with a save", async () => {
    const { comm, show } = await studio();
    await show();
    await comm.update({ ahead: { ...TRAITS.ahead, columns: ["city"] }, code: "x", state: "running" });
    expect(comm.sent).toEqual([]);
  });
});

describe("a run", () => {
  test("is sent with what was typed last, without waiting", async () => {
    const { comm, show } = await studio();
    const { root } = await show();
    put(field<HTMLTextAreaElement>(root, "Prompt"), "At once");
    button(root, "Run").click();
    expect(comm.sent.at(-1)).toEqual({
      method: "custom",
      content: { kind: "run", draft: { ...DRAFT, prompt: "At once" } },
    });
  });

  test("is paused, gone on with and cancelled", async () => {
    const { comm, show } = await studio();
    const { root } = await show();
    expect(button(root, "Pause").hidden).toBe(true);
    await comm.update({ state: "running" });
    expect(button(root, "Running…").disabled).toBe(true);
    button(root, "Pause").click();
    await comm.update({ state: "paused" });
    button(root, "Go on").click();
    button(root, "Cancel").click();
    expect(comm.sent.map((m) => (m.content as { kind: string }).kind)).toEqual(["pause", "go_on", "cancel"]);
  });

  test("that cannot be sent says why before it is tried", async () => {
    const ahead = {
      possible: false,
      line: "temperature=3 is out of range",
      more: ["give a value in [0, 2]"],
      columns: [],
    };
    const { root } = await (await studio({ ahead })).show();
    expect(root.querySelector("[role=status]")?.textContent).toBe("temperature=3 is out of range");
    expect(root.textContent).toContain("give a value in [0, 2]");
  });
});

test("the form is drawn from data alone, and says for every parameter what is sent while no value is chosen", () => {
  const edits: unknown[] = [];
  const form = new Form({ ...TRAITS, onEdit: (part, typing) => edits.push([part, typing]) });
  document.body.append(form.element);
  form.draw({ ...DRAFT, values: {} });
  form.drawColumns(["city"]);
  expect(parameter(form.element, "temperature").textContent).toContain(
    "sampled from the range · calibrated 0.2 to 0.8",
  );
  expect(parameter(form.element, "max_tokens").textContent).toContain("fixed at 800 · calibrated 100 to 800");
  expect(form.element.textContent).toContain("Columns: {city}");
  const use = field<HTMLButtonElement>(form.element, "Use calibrated values of temperature");
  expect(use.textContent).toBe("Use calibrated");
  use.click();
  put(field<HTMLTextAreaElement>(form.element, "Prompt"), "Why not?");
  expect(edits).toEqual([
    [{ values: { temperature: [0.2, 0.8] } }, true],
    [{ prompt: "Why not?" }, true],
  ]);
});
