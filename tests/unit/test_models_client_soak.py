"""Many calls, a third of them met by a fault: every response and every attempt is accounted for."""

from __future__ import annotations

import asyncio
import os
from collections import Counter

from pplab.models.client import ModelClient
from pplab.plan.vocabulary import FINAL
from tests.servers import FaultServer, ask
from tests.servers.faults import choose

CALLS = 2_000 if os.environ.get("PPLAB_SOAK") else 200
MODEL = "mixed:30:7"


def test_with_30_percent_faults_every_call_has_one_outcome_and_all_totals_add_up():
    told = []

    async def main(base_url):
        client = ModelClient("test", base_url, "key-of-the-soak", backoff=0.01)
        room = asyncio.Semaphore(64)

        async def one(number):
            async with room:
                call = ask(MODEL, f"prompt {number}", temperature=0.7)
                return await client.complete(call, deadline=30, on_attempt=told.append)

        replies = await asyncio.gather(*map(one, range(CALLS)))
        await client.aclose()
        return replies

    with FaultServer() as server:
        replies = asyncio.run(main(server.base_url))
        counts = server.counts()

    attempts = [attempt for reply in replies for attempt in reply.attempts]
    assert len(replies) == CALLS
    assert len(attempts) == counts["requests"] == len(told)
    assert set(map(id, attempts)) == set(map(id, told))

    # What the server played can be worked out from the prompts alone, so it is known what each attempt has met.
    met = Counter(choose(MODEL, f"prompt {n}", k) for n, reply in enumerate(replies) for k in range(len(reply.attempts)))
    assert met == counts["by_step"]
    assert 0.2 < 1 - met["ok"] / sum(met.values()) < 0.4

    decisions = Counter(attempt.decision for attempt in attempts)
    assert decisions["retry"] == len(attempts) - CALLS
    assert decisions["accept"] == sum(reply.status in FINAL for reply in replies)
    assert decisions["accept"] + decisions["stop"] == CALLS
    for number, reply in enumerate(replies):
        last = choose(MODEL, f"prompt {number}", len(reply.attempts) - 1)
        assert (reply.status == "ok") is (last in ("ok", "no_usage"))
        assert (reply.error is None) is (reply.status == "ok")
        assert (reply.input_tokens is None) is (last == "no_usage" or reply.status in ("failed", "rejected"))
