"""Every fault a model's server is known for, played by name; run as a program it serves them on 127.0.0.1.

The model's name says what happens: ``fast`` answers after the given latency; ``play:quota`` plays the fault ``quota``;
``play:reset,reset,ok`` plays one step for each request with the same prompt, the last step for all that follow;
``mixed:30:7`` plays one of `MIXED` for 30% of the requests, drawn from the seed 7, the prompt and the number of the attempt,
so that neither the order nor the timing of requests changes what is drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import cache
from typing import Any

from tests.servers.wire import Connection, Desk, Exchange, head

TEXT = (
    "The keeper climbed the stairs at dusk, as on every evening, and lit the lamp. Far out a ship answered with two short "
    "flashes. He wrote the time into the book, poured himself tea, and listened to the wind working at the shutters. "
    "Nothing else happened that night, which was exactly what a lighthouse is for."
)
USAGE = {"prompt_tokens": 12, "completion_tokens": 60, "total_tokens": 72}
HTML = b"<!doctype html><html><head><title>Bad gateway</title></head><body><h1>502</h1><p>cloudy today</p></body></html>"

Fault = Callable[[Exchange], Awaitable[None]]
FAULTS: dict[str, Fault] = {}


def completion(content: object = TEXT, *, finish: str | None = "stop", usage: Any = USAGE, **message: Any) -> dict[str, Any]:
    """Return a chat completion as OpenAI documents it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    answer = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "played-model", "choices": [choice]}
    return answer | ({"usage": usage} if usage is not None else {})


def error(message: str, kind: str = "server_error", *, param: str | None = None, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__] = function
    return function


def answers(name: str, status: int, value: object, **headers: str) -> None:
    """Register a fault that is one JSON answer."""

    async def play(exchange: Exchange) -> None:
        exchange.json(status, value, **headers)

    FAULTS[name] = play


def answers_raw(name: str, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
    async def play(exchange: Exchange) -> None:
        exchange.reply(status, body, content_type, **headers)

    FAULTS[name] = play


LIMIT = error("Rate limit reached for requests", "requests", code="rate_limit_exceeded")
answers("rate_limited", 429, LIMIT)
answers("rate_limited_1s", 429, LIMIT, Retry_After="1")
answers("rate_limited_ms", 429, LIMIT, retry_after_ms="150")
answers("rate_limited_600", 429, LIMIT, Retry_After="600")
answers("rate_limited_reset", 429, LIMIT, x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="120ms",
        x_ratelimit_remaining_tokens="1000", x_ratelimit_reset_tokens="6m0s")  # fmt: skip
answers("quota", 429, error("You exceeded your current quota, please check your plan.", "insufficient_quota",
                            code="insufficient_quota"))  # fmt: skip
answers("payment_required", 402, error("Insufficient Balance", "unknown_error", code="invalid_request_error"))
answers("forbidden", 403, error("Country, region, or territory not supported", "request_forbidden"))
answers("server_error", 500, error("The server had an error while processing your request"))
answers("unavailable", 503, error("The model is loading"))
answers("overloaded", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
answers("unknown_model", 404, error("The model 'x' does not exist", "invalid_request_error", code="model_not_found"))
answers("context_length", 400, error("This model's maximum context length is 10 tokens.", "invalid_request_error",
                                     param="messages", code="context_length_exceeded"))  # fmt: skip
answers("error_200", 200, error("The upstream provider broke"))
answers("error_200_429", 200, {"error": {"message": "Provider returned error", "code": 429}})
answers("error_choice", 200, completion() | {"choices": [{"error": {"message": "Upstream broke", "code": 502}}]})
answers("hostile_fields", 200, completion(usage={"prompt_tokens": 10**30, "note": "\ud800", "deep": {"deep": {"deep": {"x": 1}}}})
        | {"model": "\ud800" * 9000, "system_fingerprint": ["x"], "temperature": {"a": "b"}})  # fmt: skip
answers("json_array", 200, [1, 2])
answers("no_choices", 200, completion() | {"choices": []})
answers("null_content", 200, completion(None))
answers("empty_text", 200, completion(""))
answers("tool_calls", 200, completion(None, finish="tool_calls", tool_calls=[{"id": "t", "function": {"name": "look_up"}}]))
answers("refusal", 200, completion(None, refusal="I can't help with that."))
answers("content_filter", 200, completion("Once upon", finish="content_filter"))
answers("length", 200, completion("The keeper climbed the", finish="length"))
answers(
    "german", 200, completion("Der Hund ist nicht in dem Haus, und die Katze ist auch nicht da, weil sie bei der Mutter ist.")
)
answers("content_parts", 200, completion([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello "},
                                          {"type": "text", "text": "there"}]))  # fmt: skip
answers("loop", 200, completion("I look at the sea. " * 20))
answers("declines", 200, completion("I'm sorry, but I can't help with that."))
SUGGESTED = ["Explain in two sentences why it snows.", "Explain in two sentences why, and when, it hails.", "Explain ice."]
LISTED = "\n".join(f'{number}. **"{task}"**' for number, task in enumerate(SUGGESTED, 1))
answers("suggests", 200, completion(f"<think>three, then</think>Sure! Here are 3:\n\n{LISTED}\n\nLet me know if you want more!"))
answers("suggests_json", 200, completion(f"```json\n{json.dumps(SUGGESTED, indent=1)}\n```"))
answers("suggests_repeats", 200, completion("1. Explain in two sentences why it rains.\n2. Explain ice.\n3. explain ICE."))
answers("suggests_own", 200, completion("1. Explain in two sentences why it rains."))
answers("suggests_cut", 200, completion("1. Explain ice.\n2. Explain how cl", finish="length"))
answers("reasoning_only", 200, completion("", finish="length", reasoning_content="Let me think about it"))
answers("thinks_in_text", 200, completion("<think>\nhm\n</think>\n\n" + TEXT))
answers("thinks_to_the_limit", 200, completion("<think>\nLet me see", finish="length"))
answers("broken_off", 200, completion("The keeper climbed the", finish="insufficient_system_resource"))
answers("content_filtered", 200, completion("Once upon", finish="content_filtered"))
answers("odd_end", 200, completion(finish="sunset"))
answers("filtered_prompt", 400, {"error": {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "type": None, "param": "prompt", "code": "content_filter", "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}}})  # fmt: skip
answers("no_such_endpoint", 200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"})
answers("rate_limited_words", 429, error("Rate limit reached for gpt-x in organization org-x on tokens per min (TPM): "
        "Limit 30000, Used 29893, Requested 751. Please try again in 20ms. Visit https://example.invalid/limits.",
        "tokens", code="rate_limit_exceeded"))  # fmt: skip
answers("rejects_several", 422, error(json.dumps([
    {"type": "less_than_equal", "loc": ["body", name], "msg": f"Input should be less than or equal to {most}", "input": 2}
    for name, most in (("temperature", 1), ("presence_penalty", 0))]), "invalid_request_error"))  # fmt: skip
answers("no_usage", 200, completion(usage=None))
answers("zero_usage", 200, completion(usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}))
answers("odd_usage", 200, completion(usage={"prompt_tokens": "12", "completion_tokens": -1, "total_tokens": None}))
answers("ollama_usage", 200, completion(usage=None) | {"prompt_eval_count": 26, "eval_count": 298})
answers("anthropic_usage", 200, completion(usage={"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 60}))
answers("llamacpp_timings", 200, completion(usage=None) | {"timings": {"cache_n": 4, "prompt_n": 8, "predicted_n": 60}})
answers("echoes_parameters", 200, completion() | {"temperature": 1.0})
answers_raw("bad_gateway", 502, HTML, "text/html")
answers_raw("malformed_json", 200, b'{"id": "c-1", "choices": [{"message": {"content": "half an ans')
answers_raw("html_200", 200, HTML, "text/html")
answers_raw("empty_body", 200, b"")
answers_raw("not_utf8", 200, b'{"choices": [{"message": {"content": "caf\xe9"}}]}')
answers_raw("lone_surrogate", 200, b'{"choices": [{"message": {"content": "a\\ud800b"}, "finish_reason": "stop"}]}')
answers_raw("deep_json", 200, b"[" * 200_000)
answers_raw("broken_gzip", 200, b"certainly not gzip", Content_Encoding="gzip")


@cache
def bomb() -> bytes:
    """Return sixty megabytes of spaces, packed; made when first asked for: it takes longer than starting the server."""
    return gzip.compress(b" " * 60_000_000, 1)


@fault
async def gzip_bomb(exchange: Exchange) -> None:
    exchange.reply(200, bomb(), Content_Encoding="gzip")


@fault
async def bomb_500(exchange: Exchange) -> None:
    exchange.reply(500, bomb(), Content_Encoding="gzip")


@fault
async def ok(exchange: Exchange) -> None:
    if exchange.body.get("stream"):
        await stream_ok(exchange)
    else:
        exchange.json(200, completion(), x_request_id="req-1")


@fault
async def rate_limited_date(exchange: Exchange) -> None:
    exchange.json(429, LIMIT, Retry_After=formatdate(time.time() + 2, usegmt=True))


@fault
async def bad_key(exchange: Exchange) -> None:
    sent = exchange.headers.get("authorization", "")
    exchange.json(401, error(f"Incorrect API key provided: {sent}", "invalid_request_error", code="invalid_api_key"))


@fault
async def echoes_key(exchange: Exchange) -> None:
    sent = exchange.headers.get("authorization", "")
    exchange.json(200, completion(f"You sent {sent}"), x_request_id=sent, set_cookie="session=1")


@fault
async def rejects_temperature(exchange: Exchange) -> None:
    if "temperature" in exchange.body:
        message = "Unsupported parameter: 'temperature' is not supported with this model."
        exchange.json(400, error(message, "invalid_request_error", param="temperature", code="unsupported_parameter"))
    else:
        await ok(exchange)


@fault
async def wants_temperature_1(exchange: Exchange) -> None:
    if exchange.body.get("temperature", 1) == 1:
        await ok(exchange)
    else:
        message = (
            "Unsupported value: 'temperature' does not support this with this model. Only the default (1) value is supported."
        )
        exchange.json(400, error(message, "invalid_request_error", param="temperature", code="unsupported_value"))


@fault
async def rejects_in_words(exchange: Exchange) -> None:
    exchange.json(400, {"error": "`temperature` and `top_p` cannot both be specified for this model"})


@fault
async def rejects_by_location(exchange: Exchange) -> None:
    exchange.json(422, {"detail": [{"loc": ["body", "presence_penalty"], "msg": "Input should be 0", "type": "value_error"}]})


@fault
async def wants_max_completion_tokens(exchange: Exchange) -> None:
    if "max_tokens" in exchange.body:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        exchange.json(400, error(message, "invalid_request_error", param="max_tokens", code="unsupported_parameter"))
    else:
        await ok(exchange)


@fault
async def no_stream_options(exchange: Exchange) -> None:
    if "stream_options" in exchange.body:
        exchange.json(400, error("Unrecognized request argument supplied: stream_options", "invalid_request_error"))
    else:
        await ok(exchange)


@fault
async def redirect(exchange: Exchange) -> None:
    exchange.reply(307, b"", Location="http://elsewhere.invalid/v1/chat/completions")


@fault
async def huge(exchange: Exchange) -> None:
    exchange.json(200, completion("x" * 20_000_000))


@fault
async def reset(exchange: Exchange) -> None:
    exchange.reset()


@fault
async def goodbye(exchange: Exchange) -> None:
    exchange.close()


@fault
async def reset_mid_body(exchange: Exchange) -> None:
    exchange.raw(head(200, {"Content-Type": "application/json", "Content-Length": "5000"}) + b'{"choices": [{"mess')
    await asyncio.sleep(0.01)
    exchange.reset()


@fault
async def hang(exchange: Exchange) -> None:
    del exchange


@fault
async def hang_mid_body(exchange: Exchange) -> None:
    exchange.raw(head(200, {"Content-Type": "application/json", "Content-Length": "5000"}) + b'{"choices": [{"mess')


@fault
async def trickle(exchange: Exchange) -> None:
    """Send a byte now and then, so that no timeout between bytes ever fires."""
    body = json.dumps(completion()).encode()
    exchange.raw(head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}))
    for byte in body:
        exchange.raw(bytes([byte]))
        await asyncio.sleep(0.05)


@fault
async def bad_http(exchange: Exchange) -> None:
    exchange.raw(b"SSH-2.0-OpenSSH_9.6\r\n")
    exchange.close()


@fault
async def long_headers(exchange: Exchange) -> None:
    exchange.json(200, completion(), x_long="y" * 100_000)


# ---------------------------------------------------------------------------------------------------- streams

WORDS = [word + " " for word in TEXT.split()[:12]]


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "played-model", "choices": choices}
    return b"data: " + json.dumps(chunk | more, ensure_ascii=False).encode() + b"\n\n"


def words(finish: str | None = "stop") -> list[bytes]:
    opening = [event({"role": "assistant", "content": ""}), *(event({"content": word}) for word in WORDS)]
    return [*opening, event({}, finish)] if finish else opening


def streams(name: str, *pieces: bytes, end: str = "clean") -> None:
    """Register a stream of these pieces that ends ``clean``, by ``reset`` or never (``hang``)."""

    async def play(exchange: Exchange) -> None:
        exchange.begin_stream()
        for piece in pieces:
            exchange.piece(piece)
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        if end == "clean":
            exchange.end_stream()
        elif end == "reset":
            exchange.reset()

    FAULTS[name] = play


DONE = b"data: [DONE]\n\n"
TAIL = event(None, usage=USAGE)
ACCENTED = event({"content": "naïve café 🙂"})
stream_ok_pieces = [*words(), TAIL, DONE]
streams("stream_ok", *stream_ok_pieces)
stream_ok = FAULTS["stream_ok"]
streams("stream_done_then_reset", *stream_ok_pieces, end="reset")
streams("stream_done_then_hang", *stream_ok_pieces, end="hang")
streams("stream_no_usage", *words(), DONE)
streams("stream_no_done", *words(None))
streams("stream_no_done_but_finished", *words())
streams("stream_half_line", *words(None), b'data: {"id": "c-1", "choi')
streams("stream_bad_json", *words(None), b"data: {not json}\n\n", *words(), DONE)
streams("stream_error_event", *words(None), b"data: " + json.dumps(error("The engine is overloaded")).encode() + b"\n\n")
streams("stream_named_error", *words(None), b'event: error\ndata: {"type": "overloaded_error", "message": "Overloaded"}\n\n')
streams("stream_error_first", b"data: " + json.dumps(error("The engine is overloaded")).encode() + b"\n\n")
streams("stream_reset", *words(None), end="reset")
streams("stream_reset_first", b": hello\n\n", end="reset")
streams("stream_hang", *words(None), end="hang")
streams("stream_length", *words("length"), TAIL, DONE)
streams("stream_filter", *words("content_filter"), DONE)
streams("stream_empty", event({"role": "assistant", "content": ""}), event({}, "stop"), DONE)
streams("stream_nothing")
streams("stream_tool_calls", event({"tool_calls": [{"index": 0, "function": {"name": "look"}}]}), event({}, "tool_calls"), DONE)
streams("stream_refusal", event({"refusal": "I can't "}), event({"refusal": "do that."}), event({}, "stop"), DONE)
streams("stream_reasoning", event({"reasoning_content": "hm, "}), event({"reasoning": "let me see"}), *words(), TAIL, DONE)
streams("stream_thinks_in_text", event({"content": "<thi"}), event({"content": "nk>hm</think"}), event({"content": ">\n\n"}),
        *words(), DONE)  # fmt: skip
streams("stream_thinks_with_end_only", event({"content": "hm\n</think>\n\n"}), *words(), DONE)
streams("stream_comments_crlf", b": keep-alive\r\n\r\n", *(piece.replace(b"\n", b"\r\n") for piece in stream_ok_pieces))
streams("stream_split", *(bytes([byte]) for byte in ACCENTED + event({}, "stop") + DONE))
streams("stream_one_piece", b"".join(stream_ok_pieces))
streams("stream_huge", *([event({"content": "x" * 1_000_000})] * 20), DONE)


@fault
async def stream_json(exchange: Exchange) -> None:
    """Ignore ``stream`` and answer in one piece, as some gateways do."""
    exchange.json(200, completion())


@fault
async def stream_trickle(exchange: Exchange) -> None:
    exchange.begin_stream()
    for number in range(10_000):
        exchange.piece(event({"content": f"{number} "}))
        await asyncio.sleep(0.05)


MIXED = (
    "rate_limited_ms", "rate_limited", "server_error", "bad_gateway", "overloaded", "reset", "reset_mid_body", "goodbye",
    "malformed_json", "html_200", "error_200", "no_choices", "null_content", "tool_calls", "refusal", "content_filter",
    "length", "no_usage", "context_length", "rejects_temperature", "bad_http",
)  # fmt: skip


def choose(model: str, prompt: str, nth: int) -> str:
    """Return the name of what to play for the ``nth`` request (from 0) with this model and prompt."""
    kind, _, rest = model.partition(":")
    if kind == "play":
        steps = rest.split(",")
        return steps[min(nth, len(steps) - 1)]
    if kind == "mixed":
        percent, _, seed = rest.partition(":")
        draw = int.from_bytes(hashlib.sha256(f"{seed}/{prompt}/{nth}".encode()).digest()[:8])
        return MIXED[draw // 100 % len(MIXED)] if draw % 100 < int(percent) else "ok"
    return "ok"


def play(exchange: Exchange, nth: int) -> tuple[str, Awaitable[None]]:
    step = choose(exchange.body["model"], exchange.prompt, nth)
    return step, FAULTS[step](exchange)


async def serve(port: int, latency_s: float) -> None:
    """Serve until the standard input ends; the first line printed is the port."""
    loop = asyncio.get_running_loop()
    desk = Desk(play, latency_s, json.dumps(completion()).encode())
    server = await loop.create_server(lambda: Connection(desk), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency_ms / 1000))


if __name__ == "__main__":
    main()
