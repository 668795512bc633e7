import { afterEach, describe, expect, test, vi } from "vitest";
import { QuestionPanel } from "../quiz/question.js";
import type { QuizQuestion, QuizTraits } from "../shared/generated/quiz.js";
import { button, notebook, press } from "./notebook.js";
import { PREVIEW, TRAITS } from "./states/quiz.js";

const quiz = (traits: Partial<QuizTraits> = {}) => notebook("quiz", { ...TRAITS, ...traits });
const radios = (root: Element) => [...root.querySelectorAll<HTMLInputElement>("input[type=radio]")];
const title = (root: Element) => root.querySelector("h3")?.textContent;

afterEach(() => document.body.replaceChildren());

describe("a question", () => {
  test("is a radio group named by its text, with a radio for each option", async () => {
    const { root } = await (await quiz()).show();
    const group = root.querySelector("[role=radiogroup]");
    expect(root.querySelector(`#${group?.getAttribute("aria-labelledby")}`)?.textContent).toBe("What for?");
    expect(radios(root).map((radio) => radio.labels?.[0]?.textContent)).toEqual(["Code", "Chat"]);
  });

  test("sends the answer as a whole new set of answers", async () => {
    const { comm, show } = await quiz({ answers: { surprise: 2 } });
    const { root } = await show();
    radios(root)[1]?.click();
    expect(comm.sent.at(-1)).toMatchObject({ method: "update", state: { answers: { surprise: 2, task: "chat" } } });
  });

  test("is chosen by its digit, and Enter goes on to the next question with the focus", async () => {
    const { root } = await (await quiz()).show();
    const [first] = radios(root);
    first?.focus();
    press(first as Element, "2");
    expect(radios(root)[1]?.checked).toBe(true);
    press(document.activeElement as Element, "Enter");
    expect(title(root)).toBe("How surprising?");
    expect(document.activeElement).toBe(radios(root)[0]);
  });

  test("without an answer asks for one and stays", async () => {
    const { root } = await (await quiz()).show();
    button(root, "Next").click();
    expect(title(root)).toBe("What for?");
    expect(root.textContent).toContain("Choose one of the answers first.");
  });

  test("keeps its answer when one goes on and back", async () => {
    const { root } = await (await quiz()).show();
    radios(root)[1]?.click();
    button(root, "Next").click();
    button(root, "Back").click();
    expect(radios(root).map((radio) => radio.checked)).toEqual([false, true]);
  });
});

describe("the end of the quiz", () => {
  test("sends all answers with the request to finish, and shows the summary when they are stored", async () => {
    const { comm, show } = await quiz({ answers: { task: "code" }, step: 1 });
    const { root } = await show();
    radios(root)[0]?.click();
    button(root, "Finish").click();
    expect(comm.sent.at(-1)).toEqual({
      method: "custom",
      content: { kind: "finish", answers: { task: "code", surprise: 1 } },
    });
    expect(root.querySelector("[role=radiogroup]")).not.toBeNull();
    await comm.update({ saved: true });
    expect(root.querySelector("[role=status]")?.textContent).toBe("The calibration is saved.");
    button(root, "Proceed to experiment").click();
    expect(comm.sent.at(-1)).toEqual({ method: "custom", content: { kind: "proceed" } });
  });

  test("shows in one table what each answer added to what, from the start to the result", async () => {
    const rows = [
      {
        question: "task",
        text: "What for?",
        answer: "Code",
        ends: { temperature: [-0.3, -0.7] as const, max_tokens: [0, 1600] as const },
        scores: { precision: 5 },
      },
    ];
    const ranges = { temperature: [0, 0.3] as const, max_tokens: [100, 2600] as const };
    const preview = { ...PREVIEW, precision: 55, personality: 50, rows, ranges };
    const { root } = await (await quiz({ saved: true, step: 2, preview })).show();
    const lines = [...root.querySelectorAll(".pplab-answers tr")].map((line) =>
      [...line.children].map((cell) => cell.textContent),
    );
    expect(lines).toEqual([
      ["answer", "temperature", "max_tokens", "precision", "personality"],
      ["low", "high", "low", "high"],
      ["start", "0.3", "1", "100", "1,000", "50", "50"],
      ["task: Code", "-0.3", "-0.7", "", "+1,600", "+5", ""],
      ["result", "0", "0.3", "100", "2,600", "55", "50"],
      ["values to try", "0.3, 1", "", "", ""],
    ]);
  });

  test("shows the persona, and its two other strengths when they are opened", async () => {
    const { root } = await (await quiz({ saved: true, step: 2 })).show();
    expect(root.querySelector(".pplab-persona")?.textContent).toBe("Write in a plain, neutral tone.");
    const others = [...root.querySelectorAll("details")].map((details) => details.textContent);
    expect(others).toEqual(["Persona, lightBe plain.", "Persona, strongBe plain throughout."]);
  });

  test("goes to the first question without an answer instead of finishing", async () => {
    const { comm, show } = await quiz({ answers: { surprise: 1 }, step: 1 });
    const { root } = await show();
    button(root, "Finish").click();
    expect(title(root)).toBe("What for?");
    expect(comm.sent.every((message) => message.method === "update")).toBe(true);
  });

  test("shows what went wrong with a Retry that sends it again", async () => {
    const { comm, show } = await quiz({ answers: { task: "code", surprise: 1 }, step: 1 });
    const { root } = await show();
    button(root, "Finish").click();
    await comm.update({
      problem: { code: "store", message: "the disk is full", hint: "make room", correlation_id: null },
    });
    expect(root.querySelector("[role=alert]")?.textContent).toBe("the disk is full make room");
    button(root, "Retry").click();
    expect(comm.sent.at(-1)).toEqual({ method: "custom", content: { kind: "retry" } });
    await comm.update({ problem: null });
    expect(root.querySelector("[role=alert]")).toBeNull();
  });
});

describe("a view", () => {
  test("never answers a change by the kernel with a save", async () => {
    const { comm, show } = await quiz();
    await show();
    await comm.update({ preview: { ...PREVIEW, answered: 1 }, saved: true, problem: null, took: null });
    expect(comm.sent).toEqual([]);
  });

  test("stays in step with another view of the same model, which keeps its focus to itself", async () => {
    const { show } = await quiz();
    const [one, other] = [await show(), await show()];
    radios(one.root)[1]?.focus();
    radios(one.root)[1]?.click();
    expect(radios(other.root)[1]?.checked).toBe(true);
    button(one.root, "Next").click();
    expect(title(other.root)).toBe("How surprising?");
    expect(one.root.contains(document.activeElement)).toBe(true);
  });

  test("does not take the focus when it appears", async () => {
    await (await quiz()).show();
    expect(document.activeElement).toBe(document.body);
  });

  test("moves the preview when the kernel answers", async () => {
    const { comm, show } = await quiz();
    const { root } = await show();
    await comm.update({
      preview: { ...PREVIEW, precision: 71.6, ranges: { ...PREVIEW.ranges, temperature: [0, 0.5] } },
    });
    const words = [...root.querySelectorAll(".pplab-quiz-side .pplab-range-words")].map(
      (element) => element.textContent,
    );
    expect(words).toEqual(["72", "40", "0 to 0.5", "100 to 1,000"]);
    const bars = [...root.querySelectorAll<HTMLElement>(".pplab-quiz-side .pplab-range-bar")];
    expect(bars[0]?.style.width).toBe("25%");
    expect(Number.parseFloat(bars[1]?.style.left ?? "")).toBeCloseTo(100 / 3);
  });

  test("keeps keys from the notebook, except the one that saves it", async () => {
    const { root } = await (await quiz()).show();
    const [first] = radios(root);
    expect(press(first as Element, "d")).toBe(false);
    expect(root.hasAttribute("data-lm-suppress-shortcuts")).toBe(true);
    press(first as Element, "s", { ctrlKey: true });
    expect(root.hasAttribute("data-lm-suppress-shortcuts")).toBe(false);
  });

  test("says that the kernel is gone and takes no more answers", async () => {
    const { model, show } = await quiz();
    const { root } = await show();
    model.comm_live = false;
    await vi.waitUntil(() => root.hasAttribute("data-kernel-gone"));
    expect(root.querySelector("[role=status]")?.textContent).toContain("The kernel is gone");
    expect(root.querySelector<HTMLElement>(".pplab-body")?.inert).toBe(true);
    model.comm_live = true;
    await vi.waitUntil(() => !root.hasAttribute("data-kernel-gone"));
  });

  test("listens no more once it is taken away", async () => {
    const { comm, model, show } = await quiz();
    const { root, remove } = await show();
    const before = root.innerHTML;
    remove();
    await vi.waitUntil(() => !Object.keys((model as never as { _events: object })._events).includes("change:preview"));
    await comm.update({ preview: { ...PREVIEW, precision: 99 } });
    expect(root.innerHTML).toBe(before);
  });

  test("shows how long the last operation took", async () => {
    const { comm, show } = await quiz();
    const { root } = await show();
    await comm.update({ took: { operation: "calibrate", milliseconds: 1234, correlation_id: "ab12" } });
    expect(button(root, "calibrate took 1.2 s").title).toBe("Copy: %pplab trace ab12 --full");
  });
});

test("the question is drawn from data alone, and tells what was answered", () => {
  const calls: unknown[] = [];
  const panel = new QuestionPanel({
    onBack: () => calls.push("back"),
    onNext: () => calls.push("next"),
    onAnswer: (question, answer) => calls.push([question, answer]),
  });
  document.body.append(panel.element);
  panel.draw({ question: TRAITS.questions[1] as QuizQuestion, index: 1, count: 2, answer: undefined });
  button(panel.element, "Finish").click();
  expect(calls).toEqual([]);
  expect(document.activeElement).toBe(radios(panel.element)[0]);
  radios(panel.element)[1]?.click();
  button(panel.element, "Finish").click();
  button(panel.element, "Back").click();
  expect(calls).toEqual([["surprise", 2], "next", "back"]);
  panel.drawAnswer(1);
  expect(radios(panel.element).map((radio) => radio.checked)).toEqual([true, false]);
});
