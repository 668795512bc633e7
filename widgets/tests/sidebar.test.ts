import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pages } from "../extension/sidebar/pages.js";
import { inSight, WindowedList } from "../extension/sidebar/windowed.js";
import { press } from "./notebook.js";

const HEIGHT = 50;
const ROOM = 200;

/** Room for four rows, which jsdom, having no layout, does not measure. */
function withRoom(element: HTMLElement): void {
  Object.defineProperty(element, "clientHeight", { value: ROOM });
}

vi.stubGlobal(
  "ResizeObserver",
  class {
    observe(): void {}
  },
);

afterEach(() => document.body.replaceChildren());

describe("the rows in sight", () => {
  test("are those of the window and a few beyond, whatever the length of the list", () => {
    expect(inSight(0, ROOM, HEIGHT, 3)).toEqual([0, 3]);
    expect(inSight(0, ROOM, HEIGHT, 100_000)).toEqual([0, 10]);
    expect(inSight(50 * HEIGHT, ROOM, HEIGHT, 100_000)).toEqual([44, 60]);
    expect(inSight(99_996 * HEIGHT, ROOM, HEIGHT, 100_000)).toEqual([99_990, 100_000]);
  });

  test("are none where there is nothing, also when the scroll bar is still where a longer list ended", () => {
    expect(inSight(0, ROOM, HEIGHT, 0)).toEqual([0, 0]);
    expect(inSight(0, 0, HEIGHT, 100)).toEqual([0, 0]); // hidden
    const [first, last] = inSight(5000, ROOM, HEIGHT, 7);
    expect(last - first).toBe(0);
  });
});

describe("a windowed list", () => {
  const opened: number[] = [];
  const seen: (readonly [number, number])[] = [];

  function open(total: number): WindowedList {
    opened.length = 0;
    seen.length = 0;
    const list = new WindowedList({
      height: HEIGHT,
      name: "Things",
      draw: (element, index) => {
        element.textContent = `row ${index}`;
      },
      onSeen: (first, last) => seen.push([first, last]),
      onOpen: (index) => opened.push(index),
    });
    withRoom(list.element);
    document.body.append(list.element);
    list.update(total);
    return list;
  }

  const options = (list: WindowedList) => [...list.element.querySelectorAll<HTMLElement>('[role="option"]')];
  const active = (list: WindowedList) =>
    document.getElementById(list.element.getAttribute("aria-activedescendant") ?? "")?.textContent;

  test("of ten thousand rows has a few elements, which say their place in the whole", () => {
    const list = open(10_000);
    expect(options(list).map((option) => option.textContent)).toEqual(
      Array.from({ length: 10 }, (_, at) => `row ${at}`),
    );
    expect(options(list)[3]?.getAttribute("aria-posinset")).toBe("4");
    expect(options(list)[3]?.getAttribute("aria-setsize")).toBe("10000");
    expect(seen).toEqual([[0, 9]]);
  });

  test("draws other rows when it is scrolled, and no more of them", () => {
    const list = open(10_000);
    list.element.scrollTop = 5000 * HEIGHT;
    list.element.dispatchEvent(new Event("scroll"));
    expect(options(list).map((option) => option.textContent)).toContain("row 5000");
    expect(options(list).length).toBeLessThan(20);
    expect(seen.at(-1)).toEqual([4994, 5009]);
  });

  test("is walked by arrows, pages, Home and End, and opened by Enter", () => {
    const list = open(10_000);
    list.focus();
    expect(active(list)).toBe("row 0");
    const walk = (key: string) => {
      press(list.element, key);
      return active(list);
    };
    expect(["ArrowDown", "ArrowDown", "ArrowUp", "PageDown", "End", "ArrowDown", "PageUp", "Home"].map(walk)).toEqual([
      "row 1",
      "row 2",
      "row 1",
      "row 4",
      "row 9999",
      "row 9999",
      "row 9996",
      "row 0",
    ]);
    walk("ArrowDown");
    press(list.element, "Enter");
    expect(opened).toEqual([1]);
  });

  test("keeps the chosen row in sight, and keeps its keys from the notebook", () => {
    const list = open(100);
    list.focus();
    expect(press(list.element, "End")).toBe(false);
    expect(list.element.scrollTop).toBe(100 * HEIGHT - ROOM);
    expect(press(list.element, "a")).toBe(true);
  });

  test("chooses and opens the row that is clicked", () => {
    const list = open(100);
    options(list)[2]?.click();
    expect(opened).toEqual([2]);
    expect(active(list)).toBe("row 2");
    expect(options(list).filter((option) => option.getAttribute("aria-selected") === "true")).toHaveLength(1);
  });

  test("stays with the chosen row when others come above it", () => {
    const list = open(100);
    options(list)[2]?.click();
    list.shift(3);
    list.update(103);
    expect(active(list)).toBe("row 5");
    expect(options(list).filter((option) => option.getAttribute("aria-selected") === "true")).toHaveLength(1);
  });

  test("that became shorter has no row beyond its end", () => {
    const list = open(100);
    list.focus();
    press(list.element, "End");
    list.update(2);
    list.element.scrollTop = 0; // as a browser does
    list.update(2);
    expect(
      options(list)
        .map((option) => option.textContent)
        .sort(),
    ).toEqual(["row 0", "row 1"]);
    expect(active(list)).toBe("row 1");
  });
});

describe("the rows of a long list", () => {
  const rows = Array.from({ length: 1000 }, (_, at) => `row ${at}`);
  let asked: number[] = [];
  let source = rows;
  const fetch = async (offset: number, limit: number) => {
    asked.push(offset);
    return { total: source.length, rows: source.slice(offset, offset + limit) };
  };

  beforeEach(() => {
    asked = [];
    source = rows;
  });

  async function begun() {
    const onChange = vi.fn();
    const onError = vi.fn();
    const pages = new Pages<string>(50, onChange, onError);
    pages.begin(fetch);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledOnce());
    return { pages, onChange, onError };
  }

  test("are fetched by page when they are seen, and once", async () => {
    const { pages, onChange } = await begun();
    expect(pages.total).toBe(1000);
    pages.see(0, 20);
    pages.see(495, 505);
    pages.see(495, 505);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(3));
    expect(asked).toEqual([0, 450, 500]);
    expect([pages.at(499), pages.at(500), pages.at(700)]).toEqual(["row 499", "row 500", undefined]);
  });

  test("that changed are fetched anew where they are seen, the first page always, and the rest is forgotten", async () => {
    const { pages, onChange } = await begun();
    pages.see(100, 160);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(3));
    source = ["new", ...rows];
    asked = [];
    pages.changed(500, 510);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(4));
    expect(asked).toEqual([0, 500]);
    expect([pages.total, pages.at(0), pages.at(500), pages.at(100)]).toEqual([1001, "new", "row 499", undefined]);
  });

  test("of a list that changes faster than it is fetched arrive all the same", async () => {
    const { pages, onChange } = await begun();
    asked = [];
    for (let change = 0; change < 20; change += 1) pages.changed(0, 9);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(3));
    expect(asked).toEqual([0, 0]);
  });

  test("of a list that was left do not appear in the next one", async () => {
    const { pages, onChange } = await begun();
    let release: (page: { total: number; rows: string[] }) => void = () => undefined;
    pages.begin(() => new Promise((resolve) => (release = resolve)));
    pages.begin(async () => ({ total: 1, rows: ["other"] }));
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(2));
    release({ total: 1, rows: ["late"] });
    await Promise.resolve();
    expect([pages.total, pages.at(0)]).toEqual([1, "other"]);
  });

  test("that could not be fetched are asked for again when they are seen again", async () => {
    const { pages, onError } = await begun();
    const failing = pages as unknown as { fetch: typeof fetch };
    failing.fetch = async () => Promise.reject(new Error("no lease"));
    pages.see(500, 510);
    await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce());
    failing.fetch = fetch;
    asked = [];
    pages.see(500, 510);
    await vi.waitFor(() => expect(pages.at(500)).toBe("row 500"));
  });
});
