// The server extension for tests: answers requests from what a test put in, and lets it send on a lab's socket.

import { ServerConnection } from "@jupyterlab/services";
import { Api, type Experiment, type Lab, type Run } from "../extension/api.js";

const BASE = "http://jupyter.test/user/ada/";

/** The browser's end of a socket, moved by the test. */
export class FakeSocket {
  onmessage: ((event: { readonly data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;

  constructor(
    readonly url: string,
    opened: FakeSocket[],
  ) {
    opened.push(this);
  }

  send(): void {}

  close(): void {
    this.closed = true;
  }

  /** Say something as the server does. */
  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** End the connection as the network does. */
  lose(): void {
    this.onclose?.();
  }
}

type Reply = (url: URL, init: { readonly method: string; readonly body: string }) => unknown;

/** A server that answers requests below `pplab/api/`; a reply that is a `Response` is sent as it is, any other as JSON. */
export function labServer(replies: Readonly<Record<string, Reply>>) {
  const sockets: FakeSocket[] = [];
  const asked: string[] = [];
  const fetch = async (input: RequestInfo): Promise<Response> => {
    const request = input as Request;
    const url = new URL(request.url);
    const path = url.pathname.replace("/user/ada/pplab/api/", "");
    asked.push(`${request.method} ${path}${url.search.replace(/[?&]\d+$/, "")}`); // JupyterLab adds the time, against caches
    const reply = replies[path];
    if (!reply) return new Response("<html>404 : Not Found</html>", { status: 404 });
    const answer = await reply(url, { method: request.method, body: await request.text() });
    return answer instanceof Response ? answer : new Response(JSON.stringify(answer));
  };
  const settings = ServerConnection.makeSettings({
    baseUrl: BASE,
    wsUrl: BASE.replace("http", "ws"),
    token: "s3cret/+",
    appendToken: true,
    fetch: fetch as ServerConnection.ISettings["fetch"],
    Request,
    Headers,
    WebSocket: class extends FakeSocket {
      constructor(url: string) {
        super(url, sockets);
      }
    } as unknown as typeof WebSocket,
  });
  return { api: new Api(settings), sockets, asked };
}

export const refused = (status: number, message: string, hint = "") =>
  new Response(JSON.stringify({ message, hint }), { status });

export const lab = (part: Partial<Lab> = {}): Lab => ({
  lab: "work/.pplab",
  name: "work",
  readable: true,
  note: "",
  experiments: 2,
  running: 0,
  spent_today: 0,
  model: "qwen3:8b",
  endpoint: "local",
  ...part,
});

export const run = (part: Partial<Run> = {}): Run => ({
  id: "e-1",
  status: "running",
  prompt: "List six ideas.",
  model: "qwen3:8b",
  endpoint: "local",
  done: 120,
  planned: 600,
  failed: 0,
  cost: 0.42,
  rate: 60,
  until: null,
  own: true,
  ...part,
});

export const experiment = (part: Partial<Experiment> = {}): Experiment => ({
  id: "e-1",
  name: "",
  created_at: "2026-11-23T14:05:00Z",
  status: "completed",
  prompt: "List six ideas.",
  prompts: 1,
  models: ["qwen3:8b"],
  planned: 12,
  answers: 12,
  cost: 0.1,
  verdict: "Use temperature 0.7",
  ...part,
});
