import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, ServerExtensionMissing, watchChanges } from "../extension/api.js";
import { experiment, labServer, refused, run } from "./lab_server.js";

describe("requests", () => {
  test("name the lab as one part of the address, below the server's base URL", async () => {
    const { api, asked } = labServer({
      "labs/work%2F.pplab/experiments": () => ({ total: 1, experiments: [experiment()] }),
    });
    const found = await api.experiments("work/.pplab", { limit: 20, offset: 40, query: "café & co" });
    expect(found.total).toBe(1);
    expect(asked).toEqual(["GET labs/work%2F.pplab/experiments?limit=20&offset=40&query=caf%C3%A9%20%26%20co"]);
  });

  test("an order is posted to the run", async () => {
    const given: unknown[] = [];
    const { api } = labServer({
      "labs/a/runs/e-1": (_url, { method, body }) => {
        given.push(method, JSON.parse(body));
        return {};
      },
    });
    await api.order("a", "e-1", "pause");
    expect(given).toEqual(["POST", { order: "pause" }]);
  });

  test("what the server refuses is an error with its words and its hint", async () => {
    const { api } = labServer({ "labs/a/packages": () => refused(403, "outside of the root", "open it elsewhere") });
    const error = await api.packages("a").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 403, message: "outside of the root", hint: "open it elsewhere" });
  });

  test("a lab that is not there is told apart from a server without pplab", async () => {
    const { api } = labServer({ "labs/gone/packages": () => refused(404, "no lab gone") });
    await expect(api.packages("gone")).rejects.toBeInstanceOf(ApiError);
    await expect(api.labs()).rejects.toBeInstanceOf(ServerExtensionMissing);
  });

  test("an answer that is no JSON is an error, and no crash", async () => {
    const { api } = labServer({
      labs: () => new Response("<html>proxy</html>", { status: 502, statusText: "Bad Gateway" }),
    });
    await expect(api.labs()).rejects.toMatchObject({ message: "502 Bad Gateway" });
  });
});

describe("a lab's changes", () => {
  const changed = { kind: "changed", experiments: true, runs: [run()], spent_today: 1 };

  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  test("come over a socket that carries the token, where the server wants it there", () => {
    const { api, sockets } = labServer({});
    watchChanges(api, "work/.pplab");
    expect(sockets[0]?.url).toBe("ws://jupyter.test/user/ada/pplab/api/labs/work%2F.pplab/changes?token=s3cret%2F%2B");
  });

  test("are told as signals", () => {
    const { api, sockets } = labServer({});
    const changes = watchChanges(api, "a");
    const heard: unknown[] = [];
    changes.changed.connect((_sender, frame) => heard.push(frame));
    changes.ended.connect((_sender, ended) => heard.push(ended.id));
    sockets[0]?.say(changed);
    sockets[0]?.say({ kind: "ended", run: { id: "e-1" } });
    expect(heard).toEqual([changed, "e-1"]);
  });

  test("a lost connection is made again, each time after twice the pause, and at once again after it worked", () => {
    const { api, sockets } = labServer({});
    watchChanges(api, "a");
    const pauses: number[] = [];
    for (let losses = 0; losses < 8; losses += 1) {
      const before = sockets.length;
      sockets.at(-1)?.lose();
      for (let waited = 0; sockets.length === before; waited += 500) {
        vi.advanceTimersByTime(500);
        pauses[losses] = waited + 500;
      }
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    sockets.at(-1)?.say(changed);
    const before = sockets.length;
    sockets.at(-1)?.lose();
    vi.advanceTimersByTime(1000);
    expect(sockets.length).toBe(before + 1);
  });

  test("nothing is connected or told after the end", () => {
    const { api, sockets } = labServer({});
    const changes = watchChanges(api, "a");
    const heard = vi.fn();
    changes.changed.connect(heard);
    const [socket] = sockets;
    socket?.lose();
    changes.dispose();
    vi.advanceTimersByTime(120_000);
    socket?.say(changed);
    expect(sockets).toHaveLength(1);
    expect(heard).not.toHaveBeenCalled();
    const open = watchChanges(api, "b");
    open.dispose();
    expect(sockets.at(-1)?.closed).toBe(true);
  });
});
