"""Deadlines, retries, waits, cancellation, and a transport in place of the network."""

from __future__ import annotations

import asyncio
import base64
import socket
import time

import httpx2
import pytest

from pplab.errors import BadInput, Offline
from pplab.models.client import ModelClient
from tests.servers import FaultServer, ask
from tests.servers.faults import completion

SLACK = 0.5  # seconds: how exactly a deadline is promised to hold


@pytest.fixture(scope="module")
def server():
    with FaultServer() as running:
        yield running


def complete(base_url, call, *, deadline=10.0, on_attempt=None, **options):
    """Return the reply to one call and the seconds it took."""

    async def main():
        client = ModelClient("test", base_url, "key-of-the-test", **({"backoff": 0.01} | options))
        start = time.perf_counter()
        try:
            return await client.complete(call, deadline=deadline, on_attempt=on_attempt), time.perf_counter() - start
        finally:
            await client.aclose()

    return asyncio.run(main())


@pytest.mark.parametrize("deadline", [0.3, 1.1])
@pytest.mark.parametrize("fault", ["hang", "hang_mid_body", "trickle", "rate_limited", "reset", "stream_hang", "stream_trickle"])
def test_the_deadline_holds_whatever_the_server_does(server, fault, deadline):
    call = ask(f"play:{fault}", f"{fault} {deadline}", stream=fault.startswith("stream"))
    reply, seconds = complete(server.base_url, call, deadline=deadline, max_retries=1000, backoff=0.2)
    assert seconds < deadline + SLACK
    assert reply.status in ("timeout", "failed")
    if reply.status == "timeout":
        assert seconds > deadline - 0.01


def test_an_address_that_never_answers_the_connection_is_given_up_at_the_deadline():
    # A listening socket whose queue is full drops further connections without a word.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        reply, seconds = complete(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", ask("m", "hello"), deadline=0.5)
        for filler in fillers:
            filler.close()
    assert reply.status == "timeout"
    assert seconds < 0.5 + SLACK


def test_a_server_that_is_not_there_is_named_and_tried_again_but_nothing_was_billed():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    reply, _ = complete(url, ask("m", "hello"))
    assert (reply.status, reply.error_code, len(reply.attempts)) == ("failed", "unreachable", 5)
    assert url in reply.error
    assert "is the server running?" in reply.error
    assert "billed" not in reply.error


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_retries_are_as_many_as_allowed_and_each_is_seen_by_the_server(server, max_retries):
    reply, _ = complete(server.base_url, ask("play:server_error", f"{max_retries} retries"), max_retries=max_retries)
    assert len(reply.attempts) == len(server.seen(f"{max_retries} retries")) == max_retries + 1


def test_a_retry_that_succeeds_is_a_success_and_the_failure_stays_on_record(server):
    reply, _ = complete(server.base_url, ask("play:reset,server_error,ok", "third time lucky"))
    assert (reply.status, reply.error) == ("ok", None)
    assert [(a.decision, a.error_code) for a in reply.attempts] == [
        ("retry", "connection_lost"),
        ("retry", "server_error"),
        ("accept", None),
    ]
    assert "may have been billed" in reply.attempts[0].error


def test_a_call_whose_time_runs_out_says_what_failed_before(server):
    reply, _ = complete(server.base_url, ask("play:rate_limited_ms,hang", "limited, then silent"), deadline=1.0)
    assert reply.error_code == "timeout"
    assert "no complete answer within 1 s" in reply.error
    assert f"the attempt before: {reply.attempts[-2].error}" in reply.error
    assert "rate limit" in reply.error.casefold()


def test_a_failure_after_a_lost_attempt_says_that_the_lost_one_may_have_been_billed(server):
    reply, _ = complete(server.base_url, ask("play:reset,quota", "lost, then quota"))
    assert reply.error_code == "quota"
    assert "an earlier attempt was sent and may have been billed" in reply.error


def test_retry_after_is_waited_for_and_told_before_the_wait(server):
    told = []
    reply, seconds = complete(
        server.base_url,
        ask("play:rate_limited_1s,ok", "one second"),
        on_attempt=lambda attempt: told.append((attempt.decision, attempt.wait_s, time.perf_counter())),
    )
    ended = time.perf_counter()
    assert reply.status == "ok"
    assert 1.0 <= seconds < 1.0 + SLACK
    assert told[0][0] == "retry"
    assert 1.0 <= told[0][1] <= 1.1
    assert ended - told[0][2] >= 1.0


@pytest.mark.parametrize(("fault", "least"), [("rate_limited_ms", 0.15), ("rate_limited_reset", 0.12)])
def test_other_ways_of_asking_for_a_wait_are_honoured(server, fault, least):
    reply, seconds = complete(server.base_url, ask(f"play:{fault},ok", fault))
    assert reply.status == "ok"
    assert least <= reply.attempts[0].wait_s <= least * 1.1
    assert least <= seconds < least + SLACK


def test_a_date_in_retry_after_is_waited_for(server):
    reply, _ = complete(server.base_url, ask("play:rate_limited_date,ok", "date"))
    assert reply.status == "ok"
    assert 0.5 <= reply.attempts[0].wait_s <= 2.2


def test_a_wait_longer_than_the_deadline_pauses_the_run_at_once(server):
    reply, seconds = complete(server.base_url, ask("play:rate_limited_600", "long wait"), deadline=30)
    assert seconds < SLACK
    assert (reply.status, reply.attempts[0].decision) == ("cancelled", "pause")
    assert reply.resume_at == pytest.approx(time.time() + 600, abs=5)
    assert not reply.stop_run


def test_a_backoff_that_would_pass_the_deadline_is_not_begun(server):
    reply, seconds = complete(server.base_url, ask("play:server_error", "no time"), deadline=0.5, backoff=1e9)
    assert seconds < SLACK
    assert "no time left for another attempt" in reply.error


def test_a_server_that_contradicts_itself_about_names_is_not_followed_for_ever():
    seen = []

    def answer(request):
        sent, wanted = ("max_tokens", "max_completion_tokens")
        if b"max_completion_tokens" in request.content:
            sent, wanted = wanted, sent
        seen.append(sent)
        return httpx2.Response(
            400, json={"error": {"message": f"'{sent}' is not supported. Use '{wanted}' instead.", "param": sent}}
        )

    reply, _ = complete(None, ask("m", "hello", max_tokens=5), transport=httpx2.MockTransport(answer))
    assert seen == ["max_tokens", "max_completion_tokens", "max_tokens"]
    assert reply.status == "rejected"
    assert list(reply.rejected) == ["max_tokens"]


def test_cancelling_a_call_ends_it_at_once_and_leaves_the_client_usable(server):
    async def main():
        client = ModelClient("test", server.base_url, "key-of-the-test")
        for fault in ("hang", "stream_hang", "trickle", "rate_limited_600,hang"):
            started = asyncio.Event()
            call = ask(f"play:{fault}", f"cancel {fault}", stream=fault.startswith("stream"))
            task = asyncio.ensure_future(client.complete(call, deadline=900, on_text=lambda _, e=started: e.set()))
            if fault == "stream_hang":
                await started.wait()
            else:
                while not await asyncio.to_thread(server.seen, f"cancel {fault}"):
                    pass
            start = time.perf_counter()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.perf_counter() - start < SLACK
        reply = await client.complete(ask("play:ok", "after cancel"), deadline=5)
        await client.aclose()
        return reply

    assert asyncio.run(main()).status == "ok"


def test_connections_are_kept_for_the_next_call_streamed_or_not(server):
    async def main():
        client = ModelClient("test", server.base_url, "key-of-the-test")
        before = server.counts()["connections"]
        for number in range(6):
            reply = await client.complete(ask("play:ok", f"reuse {number}", stream=number % 2 == 0), deadline=5)
            assert reply.status == "ok"
        after = server.counts()["connections"]
        await client.aclose()
        return after - before - 1  # asking for the counts is a connection too

    assert asyncio.run(main()) == 1


def test_300_calls_are_under_way_at_once():
    with FaultServer(latency_ms=300) as slow:

        async def main():
            client = ModelClient("test", slow.base_url, "key-of-the-test")
            await client.complete(ask("fast", "warm up"), deadline=10)
            start = time.perf_counter()
            replies = await asyncio.gather(*(client.complete(ask("fast", f"{n}"), deadline=10) for n in range(300)))
            seconds = time.perf_counter() - start
            await client.aclose()
            return replies, seconds

        replies, seconds = asyncio.run(main())
    assert {reply.status for reply in replies} == {"ok"}
    assert seconds < 300 * 0.3 / 10  # one after the other they would take 90 s


def test_offline_no_socket_is_opened(monkeypatch):
    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(Offline, match="PPLAB_OFFLINE=1"):
        complete("http://user:password@127.0.0.1:9/v1", ask("m", "hello"), offline=True)


def test_a_transport_answers_offline_and_learns_which_replicate_is_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    seen = []

    def answer(request):
        seen.append(request.headers["X-PPLab-Replicate"])
        return httpx2.Response(200, json=completion())

    reply, _ = complete(None, ask("m", "hello", replicate=7), offline=True, transport=httpx2.MockTransport(answer))
    assert reply.status == "ok"
    assert seen == ["7"]


def test_an_error_within_a_transport_becomes_the_outcome_of_the_call():
    def answer(request):
        raise ZeroDivisionError("division by zero")

    reply, _ = complete(None, ask("m", "hello"), transport=httpx2.MockTransport(answer))
    assert (reply.status, reply.error_code, len(reply.attempts)) == ("failed", "transport", 1)
    assert "ZeroDivisionError" in reply.error


def test_credentials_in_the_base_url_are_used_and_never_shown(server):
    async def main(url):
        client = ModelClient("test", url, None, max_retries=0)
        reply = await client.complete(ask("play:echoes_key", "credentials"), deadline=5)
        await client.aclose()
        return repr(reply)

    shown = asyncio.run(main(server.base_url.replace("http://", "http://someone:hunter2-and%2Fmore@")))
    shown += asyncio.run(main("http://someone:hunter2-and%2Fmore@127.0.0.1:9/v1"))
    sent = server.seen("credentials")[0]["headers"]["authorization"]
    assert sent == f"Basic {base64.b64encode(b'someone:hunter2-and/more').decode()}"
    assert "You sent Basic [secret]" in shown
    assert "hunter2" not in shown
    assert sent.split()[1] not in shown


@pytest.mark.parametrize("url", ["ftp://host/v1", "localhost:11434", "file:///etc/passwd", "http://"])
def test_an_address_that_is_not_http_is_refused_in_one_line(url):
    with pytest.raises(BadInput, match=r"is not http\(s\)"):
        ModelClient("test", url, None)
