import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { experiment, type FakeSocket, lab, labServer, refused, run } from "./lab_server.js";

vi.mock("@jupyterlab/filebrowser", () => ({ IDefaultFileBrowser: {} }));
const { labFolder, Labs, within } = await import("../extension/labs.js");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const changed = (part: object = {}) => ({ kind: "changed", experiments: false, runs: [], spent_today: 0, ...part });
const lists = (...labs: ReturnType<typeof lab>[]) => ({ version: "0.1.0", root: "~", labs });

async function open(...labs: ReturnType<typeof lab>[]) {
  let listed = labs;
  const server = labServer({ labs: () => lists(...listed), "labs/a/experiments": () => [experiment()] });
  const made = new Labs(server.api);
  await made.refresh();
  const socket = (name: string) =>
    server.sockets.filter(({ url }) => url.includes(`/labs/${name}/`)).at(-1) as FakeSocket;
  const relist = (...others: ReturnType<typeof lab>[]) => {
    listed = others;
    return made.refresh();
  };
  return { ...server, labs: made, socket, relist };
}

describe("which lab is shown", () => {
  const places = [
    lab({ lab: "a/.pplab" }),
    lab({ lab: ".pplab" }),
    lab({ lab: "a/b/.pplab" }),
    lab({ lab: "c/store" }),
  ];

  test.each([
    ["a/b/deep", "a/b/.pplab"],
    ["a/other", "a/.pplab"],
    ["ab", ".pplab"],
    ["", ".pplab"],
    ["c/store", "c/store"],
  ])("in the folder '%s' is the one that a notebook there would use: %s", async (folder, expected) => {
    const { labs } = await open(...places);
    labs.enter(folder);
    expect(labs.chosen?.lab).toBe(expected);
  });

  test("is the first below the folder, else the first of all, where the folder has none", async () => {
    const { labs } = await open(lab({ lab: "z/.pplab" }), lab({ lab: "a/b/.pplab" }));
    labs.enter("a");
    expect(labs.chosen?.lab).toBe("a/b/.pplab");
    labs.enter("q");
    expect(labs.chosen?.lab).toBe("z/.pplab");
  });

  test("is the one that somebody chose, wherever they go, as long as it is there", async () => {
    const { labs, relist } = await open(...places);
    labs.choose("c/store");
    labs.enter("a/b");
    expect(labs.chosen?.lab).toBe("c/store");
    await relist(...places.slice(0, 3));
    expect(labs.chosen?.lab).toBe("a/b/.pplab");
  });

  test("is never one that cannot be read", async () => {
    const { labs, sockets } = await open(lab({ readable: false }));
    expect(labs.chosen).toBeNull();
    expect(sockets).toHaveLength(0);
  });
});

describe("labs that are followed", () => {
  test("tell their runs and what was spent today, together", async () => {
    const { labs, socket } = await open(lab({ lab: "a" }), lab({ lab: "b", spent_today: 5 }));
    expect(labs.spentToday).toBe(5);
    socket("a").say(changed({ runs: [run({ id: "1" })], spent_today: 0.5 }));
    socket("b").say(changed({ runs: [run({ id: "2" })], spent_today: 6 }));
    expect(labs.runs.map(({ lab, id }) => [lab, id])).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(labs.spentToday).toBe(6.5);
  });

  test("say which of them has other experiments, and which run ended after how long", async () => {
    const { labs, socket } = await open(lab({ lab: "a" }), lab({ lab: "b" }));
    const heard: unknown[] = [];
    labs.experimentsChanged.connect((_labs, name) => heard.push(name));
    labs.ended.connect((_labs, ended) => heard.push([ended.lab, ended.run.id, ended.seen]));
    socket("b").say(changed({ experiments: true, runs: [run({ id: "1" })] }));
    vi.advanceTimersByTime(2500);
    socket("b").say({ kind: "ended", run: { id: "1" } });
    expect(heard).toEqual(["b", ["b", "1", 2500]]);
  });

  test("are left when they are gone", async () => {
    const { labs, socket, relist } = await open(lab({ lab: "a" }), lab({ lab: "b" }));
    socket("b").say(changed({ runs: [run()] }));
    await relist(lab({ lab: "a" }));
    expect(socket("b").closed).toBe(true);
    expect(socket("a").closed).toBe(false);
    expect(labs.runs).toEqual([]);
  });

  test("are at most twenty, with the chosen one among them", async () => {
    const many = Array.from({ length: 40 }, (_, at) => lab({ lab: `lab${at}` }));
    const { labs, sockets, socket } = await open(...many);
    labs.choose("lab39");
    expect(sockets.filter(({ closed }) => !closed)).toHaveLength(20);
    expect(socket("lab39").closed).toBe(false);
  });
});

describe("while a run goes on", () => {
  const figures = (done: number, part: object = {}) => changed({ runs: [run({ done })], ...part });

  async function listening(leastSeconds: number) {
    const { labs, socket } = await open(lab({ lab: "a" }));
    labs.leastSeconds = leastSeconds;
    const seen: number[] = [];
    const lists = vi.fn();
    labs.changed.connect(() => seen.push(labs.runs[0]?.done ?? -1));
    labs.experimentsChanged.connect(lists);
    socket("a").say(figures(1));
    return { labs, say: (frame: object) => socket("a").say(frame), seen, lists };
  }

  test("its figures are told no more often than the user's setting says, and the last of them always", async () => {
    const { labs, say, seen } = await listening(2);
    for (const done of [2, 3, 4]) say(figures(done));
    expect(seen).toEqual([1]);
    labs.choose("a"); // shows what was told, whatever came since
    expect(seen.splice(1)).toEqual([1]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(seen).toEqual([1, 4]);
    await vi.advanceTimersByTimeAsync(2000);
    say(figures(5));
    expect(seen).toEqual([1, 4, 5]);
  });

  test("a pause, an end and whatever is stored are told at once", async () => {
    const { say, seen, lists } = await listening(60);
    say(changed({ runs: [run({ done: 2, status: "paused" })] }));
    say(changed({ runs: [run({ done: 2, status: "paused" })], experiments: true }));
    say(changed());
    expect(seen).toEqual([1, 2, 2, -1]);
    expect(lists).toHaveBeenCalledOnce();
  });
});

describe("the list", () => {
  test("is looked at again from time to time, sooner while there is no lab", async () => {
    const { asked, relist } = await open();
    await vi.advanceTimersByTimeAsync(4000);
    expect(asked).toHaveLength(2);
    await relist(lab());
    await vi.advanceTimersByTimeAsync(14_000);
    expect(asked).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toHaveLength(4);
  });

  test("is not asked for again of a server without pplab", async () => {
    const { api, asked } = labServer({});
    const labs = new Labs(api);
    await labs.refresh();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(labs.state).toBe("missing");
    expect(asked).toHaveLength(1);
  });

  test("that could not be read keeps what was known, says why, and is asked for again", async () => {
    let answer: () => unknown = () => lists(lab());
    const labs = new Labs(labServer({ labs: () => answer() }).api);
    await labs.refresh();
    answer = () => refused(500, "the disk is full");
    await labs.refresh();
    expect([labs.state, labs.problem, labs.list.length]).toEqual(["failed", "the disk is full", 1]);
    answer = () => lists(lab());
    await vi.advanceTimersByTimeAsync(15_000);
    expect(labs.state).toBe("ready");
  });
});

test("a lab belongs to the folder around .pplab, or is a folder itself", () => {
  expect(["work/.pplab", ".pplab", "stores/mine"].map(labFolder)).toEqual(["work", "", "stores/mine"]);
});

test("a folder lies within another only by whole names", () => {
  expect([within("work/a", "work"), within("workshop", "work"), within("work", "work"), within("x", "")]).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
