"""A run in which every call fails alike ends after a few; failures amid successes never end one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pplab.experiments.same_failure import FEW, MANY, SameFailure
from pplab.models.types import Attempt, Reply
from pplab.plan.plan import make_plan
from tests.servers import FaultServer
from tests.unit.experiment_labs import lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pplab.plan.plan import Plan


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def outcome(code: str, words: str = "no", *, http_status: int | None = None, **more: object) -> Reply:
    attempts = (Attempt(attempt=1, started_at="", latency_ms=1.0, http_status=http_status),)
    return Reply(status="rejected" if code == "rejected" else "failed", error_code=code, error=words, attempts=attempts, **more)


def sent(plan: Plan, *replies: Reply) -> int | None:
    """Return after how many of these outcomes, given to the plan's calls in order, the run ends."""
    failures = SameFailure(plan)
    for count, (reply, call) in enumerate(zip(replies, plan.calls(), strict=False), 1):
        if failures.take(reply, call) is not None:
            return count
    return None


LASTING = [
    outcome("not_json_api"),
    outcome("wrong_address"),
    outcome("unreachable"),
    outcome("unreadable"),
    outcome("provider_error", "the provider answered with an error: no"),
    outcome("bad_request", "the server refused the request (HTTP 400): no such model"),
    outcome("rejected", rejected={"temperature": "no"}),
    outcome("unknown_model", http_status=404, stop_run=True),
    outcome("auth", http_status=403, stop_run=True),
]
OK = Reply(status="ok", text="Yes.")


@pytest.mark.parametrize("reply", LASTING, ids=lambda reply: reply.error_code)
def test_a_failure_that_waiting_does_not_mend_ends_the_run_after_a_few_calls(reply: Reply) -> None:
    plan = make_plan(["One", "Two"], model="m", n=100, sweep={"temperature": [0, 1]})
    assert sent(plan, *[reply] * 100) == FEW


@pytest.mark.parametrize(
    "reply", [outcome("server_error"), outcome("rate_limited"), outcome("connection_lost"), outcome("too_large")]
)
def test_a_failure_that_may_pass_or_lie_in_one_prompt_does_not(reply: Reply) -> None:
    assert sent(make_plan("One", model="m", n=100), *[reply] * 100) is None


@pytest.mark.parametrize("reply", LASTING, ids=lambda reply: reply.error_code)
def test_a_few_failures_amid_successes_never_end_a_run(reply: Reply) -> None:
    plan = make_plan(["One", "Two"], model="m", n=100)
    assert sent(plan, *[reply] * (FEW - 1), *([OK] + [reply] * (MANY - 1)) * 5) is None


def test_a_key_that_is_taken_back_ends_the_run_for_good() -> None:
    plan = make_plan("One", model="m", n=200, max_concurrency=4)
    assert sent(plan, OK, *[outcome("auth", http_status=401, stop_run=True)] * 100) == 1 + MANY


@pytest.mark.parametrize("code", ["bad_request", "provider_error", "rejected"])
def test_what_one_setting_meets_leaves_the_others_going(code: str) -> None:
    plan = make_plan("One", model="m", n=50, sweep={"temperature": [0, 1]})
    failures = SameFailure(plan)
    of_one = [call for call in plan.calls() if call.setting_index == 0]
    assert [failures.take(outcome(code), call) for call in of_one] == [None] * 50


def test_prompts_that_are_too_long_do_not_end_the_run() -> None:
    plan = make_plan(["One", "Two"], model="m", n=50)
    assert sent(plan, *[outcome("bad_request", "maximum context length is 10 tokens")] * 50) is None


ALL_ALIKE = {
    "no_such_endpoint": "asked http://127.0.0.1:",
    "html_200": "check the base URL",
    "error_200": "The upstream provider broke",
    "unknown_model": "check the model's name",
    "bad_http": "OpenAI-compatible",
    "rejects_temperature": "leave out or change",
}


def test_of_100_calls_that_all_fail_alike_few_more_than_are_under_way_are_sent(server: FaultServer, tmp_path: Path) -> None:
    made, sent = {}, {}
    with lab_at(tmp_path, server, "play:ok") as lab:
        for step in ALL_ALIKE:
            before = server.counts()["requests"]
            made[step] = lab.run("alike", n=100, models=[f"play:{step}"], parameters={"temperature": 0.5}, max_concurrency=32)
            sent[step] = server.counts()["requests"] - before
        for step, experiment in made.items():
            rows = experiment.responses
            assert sent[step] <= 32 + 2 * FEW, step
            assert len(rows) == 100, step
            assert experiment.status == "failed", step
            assert ALL_ALIKE[step] in experiment.reason
            assert "\n" not in experiment.reason
            cancelled = rows[rows["status"] == "cancelled"]
            assert len(cancelled) >= 100 - 32 - 2 * FEW, step
            assert set(cancelled["error"]) == {experiment.reason}


def test_a_dead_server_is_asked_by_few_calls(tmp_path: Path) -> None:
    with FaultServer() as gone:
        pass
    with lab_at(tmp_path, gone, "fast") as lab:
        experiment = lab.run("anyone?", n=100, deadline=1, max_concurrency=32)
        assert "is the server running" in experiment.reason
        assert Counter(experiment.responses["status"])["cancelled"] > 50


def test_a_filtered_prompt_is_an_answer_that_no_retry_sends_again(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:filtered_prompt") as lab:
        experiment = lab.run("filtered", n=3)
        assert set(experiment.responses["status"]) == {"filtered"}
        assert experiment.status == "completed"
        before = server.counts()["requests"]
        experiment.retry_failed()
        assert server.counts()["requests"] == before
