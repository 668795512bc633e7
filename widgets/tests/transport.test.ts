import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Card } from "../cards/card.js";
import { ServedModel, ServedView } from "../extension/transport.js";
import type { CardData } from "../shared/generated/cards.js";
import { type View, type Wire, widget } from "../shared/view.js";

const SERVED = { lost: "The server does not answer.", notebookLabel: "Open in a notebook", openNotebook: vi.fn() };
const WORDS = { opening: "Opening…", failed: "Could not be loaded.", retry: "Retry" };
const STATE = { me: "m1", problem: null, took: null, count: 1, user: null };

interface CounterWire extends Wire {
  readonly name: "counter";
  readonly traits: Wire["traits"] & { readonly count: number; readonly user: string | null; readonly figure?: string };
  readonly toKernel: { readonly kind: "ask" };
  readonly fromKernel: { readonly kind: "page"; readonly words: string };
}

/** A socket whose other end is the test. */
class Socket {
  static made: Socket[] = [];
  readyState = 1;
  readonly sent: unknown[] = [];
  onmessage: ((event: { data: string }) => void) | undefined;
  onclose: (() => void) | undefined;

  constructor() {
    Socket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.lose();
  }

  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  lose(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

const latest = () => Socket.made.at(-1) as Socket;
const plotly = { newPlot: vi.fn(async () => undefined), react: vi.fn(async () => undefined), purge: vi.fn() };
let views: View<CounterWire>[] = [];
let heard: string[] = [];
let served: ServedView[] = [];

const bundle = {
  default: widget<CounterWire>("counter", (view) => {
    views.push(view);
    const shown = document.createElement("output");
    view.frame.body.append(shown);
    view.watch(["count", "user"], ({ count, user }) => {
      shown.textContent = `${count} ${user}`;
    });
    view.listen(
      (message) => heard.push(message.words),
      () => heard.push("gap"),
    );
    view.send({ kind: "ask" });
  }),
};

interface Options {
  readonly loadPlotly?: () => Promise<typeof plotly>;
  readonly explain?: () => Promise<{ message: string; hint: string } | null>;
}

function open({ loadPlotly = async () => plotly, explain = async () => null }: Options = {}) {
  const el = document.createElement("div");
  document.body.append(el);
  const connect = () => new Socket() as unknown as WebSocket;
  served.push(
    new ServedView({ el, connect, explain, load: async () => bundle, loadPlotly, served: SERVED, words: WORDS }),
  );
  return el;
}

const drawn = (el: Element) => vi.waitUntil(() => el.querySelector("output"));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  Socket.made = [];
  views = [];
  heard = [];
});

afterEach(() => {
  for (const one of served) one.dispose();
  served = [];
  vi.useRealTimers();
  vi.clearAllMocks();
  document.body.replaceChildren();
});

/** Let what is under way come to rest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

async function shown(): Promise<Element> {
  const el = open();
  latest().say({ kind: "state", values: STATE });
  await settle();
  return el;
}

describe("a served model", () => {
  const make = () => {
    const send = vi.fn();
    return { send, model: new ServedModel({ a: 1, b: [1, 2] }, SERVED, send) };
  };

  test("tells of a changed trait when all of them are set, and of no equal one", () => {
    const { model } = make();
    const seen: unknown[] = [];
    model.on("change:a", () => seen.push([model.get("a"), model.get("b")]));
    model.on("change:b", () => seen.push("b"));
    model.receive({ kind: "state", values: { a: 2, b: [1, 2] } });
    expect(seen).toEqual([[2, [1, 2]]]);
    model.receive({ kind: "state", values: { a: 3, b: [3] } });
    expect(seen.slice(1)).toEqual([[3, [3]], "b"]);
  });

  test("sends what the user changed, once, and not what is as it was", () => {
    const { model, send } = make();
    model.set("b", [1, 2]);
    model.save_changes();
    expect(send).not.toHaveBeenCalled();
    model.set("a", 5);
    model.save_changes();
    model.save_changes();
    expect(send.mock.calls).toEqual([[{ kind: "update", values: { a: 5 } }]]);
    expect(model.chosen).toEqual({ a: 5 });
  });

  test("hears no more where it was told so", () => {
    const { model } = make();
    const react = vi.fn();
    model.on("msg:custom", react);
    model.receive({ kind: "custom", content: { kind: "page" } });
    expect(react).toHaveBeenCalledWith({ kind: "page" }, []);
    model.off("msg:custom", react);
    model.receive({ kind: "custom", content: {} });
    expect(react).toHaveBeenCalledOnce();
  });
});

describe("a served view", () => {
  test("is drawn when the server has said how things stand, and follows it", async () => {
    const el = open();
    expect(el.textContent).toBe("Opening…");
    latest().say({ kind: "state", values: STATE });
    latest().say({ kind: "state", values: { count: 2 } }); // before its code has loaded
    await settle();
    expect((await drawn(el))?.textContent).toBe("2 null");
    expect(latest().sent).toEqual([{ kind: "custom", content: { kind: "ask" } }]);
    latest().say({ kind: "custom", content: { kind: "page", words: "one", seq: 1 } });
    expect(heard).toEqual(["one"]);
  });

  test("says that the server is gone, takes no input meanwhile, and goes on with what the user chose", async () => {
    const el = await shown();
    views[0]?.change({ user: "ada" });
    latest().say({ kind: "custom", content: { kind: "page", words: "one", seq: 7 } });
    latest().lose();
    expect(el.textContent).toContain(SERVED.lost);
    expect(views[0]?.frame.body.inert).toBe(true);
    views[0]?.send({ kind: "ask" }); // which nobody hears
    await vi.advanceTimersByTimeAsync(500);
    expect(Socket.made).toHaveLength(2);
    latest().lose(); // it is still gone
    await vi.advanceTimersByTimeAsync(999);
    expect(Socket.made).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(Socket.made).toHaveLength(3);
    latest().say({ kind: "state", values: { ...STATE, count: 9 } });
    await settle();
    expect(el.textContent).toBe("9 ada");
    expect(latest().sent).toEqual([
      { kind: "update", values: { user: "ada" } },
      { kind: "custom", content: { kind: "ask" } },
    ]);
    expect(views[0]?.signal.aborted).toBe(true);
    latest().say({ kind: "custom", content: { kind: "page", words: "anew", seq: 1 } });
    expect(heard).toEqual(["one", "anew"]);
  });

  test("says so when the server did not answer at all", async () => {
    const el = open();
    latest().lose();
    expect(el.textContent).toBe(SERVED.lost);
    await vi.advanceTimersByTimeAsync(500);
    expect(Socket.made).toHaveLength(2);
  });

  test("says why where the server refuses, and waits for the user", async () => {
    const el = open({
      explain: async () => ({ message: "The lab was written by an older pplab.", hint: "Migrate it." }),
    });
    latest().lose();
    await settle();
    expect(el.querySelector("[role=alert]")?.textContent).toBe("The lab was written by an older pplab. Migrate it.");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Socket.made).toHaveLength(1);
  });

  test("shows an error in words and asks again only when the user does", async () => {
    const el = open();
    latest().say({ kind: "error", message: "There is no experiment 'x'.", hint: "List them." });
    expect(el.querySelector("[role=alert]")?.textContent).toBe("There is no experiment 'x'. List them.");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Socket.made).toHaveLength(1);
    el.querySelector("button")?.click();
    expect(Socket.made).toHaveLength(2);
  });

  test("offers a notebook for what needs a kernel", async () => {
    const el = await shown();
    const problem = { code: "needs_kernel", message: "calibrating needs a notebook's kernel", hint: "" };
    latest().say({ kind: "state", values: { problem } });
    const button = [...el.querySelectorAll("button")].find((one) => one.textContent === SERVED.notebookLabel);
    button?.click();
    expect(SERVED.openNotebook).toHaveBeenCalledOnce();
    expect(el.textContent).not.toContain("Retry");
  });

  test("offers a notebook on the card of a failed call, too, in the place of Retry", () => {
    const open = vi.fn();
    const notebook = { label: "Retry: Open in a notebook", open };
    const card = new Card({ onCopy: vi.fn(), onExplain: vi.fn(), onRetry: vi.fn(), notebook });
    const facts = { input_tokens: null, output_tokens: null, cost: null, latency_ms: null, finish_reason: "" };
    const words = { html: "", plain: "", reason: "429", unjudged: "", badges: [], scores: {} };
    const failed = { id: "r1", status: "failed", failed: true, replicate: 0, ...words, ...facts };
    card.draw(failed as unknown as CardData, { scales: {}, retryable: true });
    const buttons = [...card.element.querySelectorAll("button")];
    expect(buttons.map((one) => one.textContent)).toEqual([notebook.label]);
    buttons[0]?.click();
    expect(open).toHaveBeenCalledOnce();
  });

  test("shows how long something took without a trace to copy", async () => {
    const el = await shown();
    latest().say({ kind: "state", values: { took: { operation: "trace", milliseconds: 12, correlation_id: "" } } });
    expect(el.querySelector(".pplab-timing")?.textContent).toBe("trace took 12 ms");
    expect(el.querySelector(".pplab-timing button")).toBeNull();
  });

  test("ends with its socket when it is disposed of", async () => {
    await shown();
    served[0]?.dispose();
    expect(latest().readyState).toBe(3);
    expect(views[0]?.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Socket.made).toHaveLength(1);
  });
});

describe("a figure of a served view", () => {
  const figure = (title: string) => ({ data: [{ x: [1] }], layout: { title }, config: { responsive: true } });

  test("is drawn as it stands, drawn again when it changes, and given up with the view", async () => {
    await shown();
    latest().say({ kind: "figure", reference: "anywidget:f", figure: figure("first") });
    const place = document.createElement("div");
    document.body.append(place);
    await views[0]?.embed("anywidget:f", place);
    expect(plotly.newPlot.mock.calls).toEqual([
      [expect.anything(), [{ x: [1] }], { title: "first" }, { responsive: true }],
    ]);
    latest().say({ kind: "figure", reference: "anywidget:other", figure: figure("other") });
    latest().say({ kind: "figure", reference: "anywidget:f", figure: figure("second") });
    expect(plotly.react.mock.calls).toEqual([
      [expect.anything(), [{ x: [1] }], { title: "second" }, { responsive: true }],
    ]);
    served[0]?.dispose();
    expect(plotly.purge).toHaveBeenCalledOnce();
    expect(plotly.react).toHaveBeenCalledOnce();
  });

  test("is replaced by words where plotly.js cannot be loaded", async () => {
    open({ loadPlotly: async () => Promise.reject(new Error("404")) });
    latest().say({ kind: "state", values: STATE });
    await settle();
    const place = document.createElement("div");
    document.body.append(place);
    await views[0]?.embed("anywidget:f", place);
    expect(place.textContent).toBe(WORDS.failed);
  });
});
