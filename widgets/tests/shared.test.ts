import { afterEach, describe, expect, test, vi } from "vitest";
import { h, sanitisedHtml } from "../shared/dom.js";
import { duration, interval, number } from "../shared/format.js";
import { Frame } from "../shared/frame.js";
import { renderUntil } from "../shared/hearing.js";
import { position } from "../shared/ranges.js";
import { Toasts } from "../shared/toast.js";
import { type View, type Wire, widget } from "../shared/view.js";
import { button, notebook } from "./notebook.js";
import { TRAITS } from "./states/dashboard.js";

afterEach(() => document.body.replaceChildren());

test("text given to an element stays text", () => {
  const element = h("p", { title: '"><img>' }, "<b>bold</b>");
  expect(element.querySelector("*")).toBeNull();
  expect(element.textContent).toBe("<b>bold</b>");
});

test("false, null and undefined are left out of an element", () => {
  expect(h("p", { hidden: false, id: null, open: true }, null, false, undefined, "x").outerHTML).toBe(
    '<p open="">x</p>',
  );
});

test("only HTML that Python sanitised becomes markup", () => {
  expect(sanitisedHtml("<p><strong>x</strong></p>").querySelector("strong")).not.toBeNull();
});

test.each([
  [0.30000000000000004, "0.3"],
  [1024, "1,024"],
  [0, "0"],
  [-0.126, "-0.13"],
])("the number %f reads %s", (value, words) => expect(number(value)).toBe(words));

test("an interval that holds one value reads as that value", () => {
  expect([interval([0, 0.7]), interval([1, 1])]).toEqual(["0 to 0.7", "1"]);
});

test.each([
  [3.4, "3 ms"],
  [1400, "1.4 s"],
  [125_000, "2 min 5 s"],
])("a duration of %f ms reads %s", (value, words) => expect(duration(value)).toBe(words));

test("a position never leaves the track", () => {
  const axis = { name: "temperature", meaning: "", low: 0, high: 2, logarithmic: false };
  expect([position(axis, -1), position(axis, 1), position(axis, 9)]).toEqual([0, 50, 100]);
});

test("what a view listens to ends with it, as plotly's do not by themselves, and another view goes on hearing", async () => {
  const { comm, model, manager } = await notebook("dashboard", TRAITS);
  const [first, second] = [new AbortController(), new AbortController()];
  const heard: string[] = [];
  const purged = () => {
    if (first.signal.aborted) throw new TypeError("Cannot read properties of undefined (reading 'map')");
    heard.push("first");
  };
  const render = (listener: () => void) => async () => void model.on("change:headline", listener);
  await renderUntil(first.signal, manager, model.model_id, render(purged));
  await renderUntil(
    second.signal,
    manager,
    model.model_id,
    render(() => void heard.push("second")),
  );
  await comm.update({ headline: "One." });
  first.abort();
  await comm.update({ headline: "Two." });
  expect(heard).toEqual(["first", "second", "second"]);
});

test("a toast goes away by itself and leaves the focus where it is", () => {
  vi.useFakeTimers();
  const toasts = new Toasts(new AbortController().signal);
  document.body.append(toasts.element);
  toasts.show("copied");
  expect(toasts.element.textContent).toBe("copied");
  expect(document.activeElement).toBe(document.body);
  vi.advanceTimersByTime(5000);
  expect(toasts.element.textContent).toBe("");
  vi.useRealTimers();
});

test("the frame shows an error and the last duration, and tells what is done about the error", () => {
  const calls: string[] = [];
  const frame = new Frame("cards", new AbortController().signal, {
    onRetry: () => calls.push("retry"),
    onDismiss: () => calls.push("dismiss"),
  });
  frame.drawProblem({ code: "store", message: "the disk is full", hint: "make room" });
  expect(frame.root.querySelector("[role=alert]")?.textContent).toBe("the disk is full make room");
  button(frame.root, "Retry").click();
  button(frame.root, "Dismiss").click();
  expect(calls).toEqual(["retry", "dismiss"]);
  frame.drawProblem(null);
  frame.drawTiming({ operation: "run", milliseconds: 1400, correlation_id: "ab12" });
  expect([...frame.root.querySelectorAll("button")].map((one) => one.textContent)).toEqual(["run took 1.4 s"]);
  frame.drawKernel(true);
  expect(frame.body.inert).toBe(true);
});

describe("messages of the kernel", () => {
  test("are handed on in turn, and a missing one is noticed", async () => {
    const { comm, model } = await notebook("quiz", {
      questions: [],
      axes: [],
      answers: {},
      step: 0,
      saved: false,
      cell: "",
      below: "",
      preview: {
        answered: 0,
        ranges: {},
        points: {},
        precision: 0,
        personality: 0,
        confidence: 0,
        persona: "",
        reasons: [],
      },
    });
    interface Rows extends Wire {
      readonly fromKernel: { readonly kind: "rows"; readonly rows: readonly number[] };
    }
    const [seen, onGap] = [[] as number[], vi.fn()];
    const { render } = widget<Rows>("rows", (view: View<Rows>) =>
      view.listen((message) => seen.push(...message.rows), onGap),
    );
    const end = render({ model: model as never, el: h("div") });
    await comm.custom({ kind: "rows", rows: [1], seq: 4 });
    await comm.custom({ kind: "rows", rows: [2], seq: 5 });
    expect(onGap).not.toHaveBeenCalled();
    await comm.custom({ kind: "rows", rows: [3], seq: 7 });
    expect(onGap).toHaveBeenCalledOnce();
    end();
    await comm.custom({ kind: "rows", rows: [4], seq: 8 });
    expect(seen).toEqual([1, 2, 3]);
  });
});
