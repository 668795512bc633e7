"""Every fault a server is known for, through a whole run: the status, the words, the attempts, what is kept."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.servers import FaultServer
from tests.soak import only_soak
from tests.unit.experiment_labs import KEY, SOAK, attempts, lab_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from pplab import Experiment, Lab


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


ANSWERS = [
    ("ok", "ok", None, ["accept"]),
    ("rate_limited_ms,ok", "ok", None, ["retry", "accept"]),
    ("rate_limited_reset,ok", "ok", None, ["retry", "accept"]),
    ("rate_limited_1s,ok", "ok", None, ["retry", "accept"]),
    ("server_error,ok", "ok", None, ["retry", "accept"]),
    ("overloaded,ok", "ok", None, ["retry", "accept"]),
    ("reset,ok", "ok", None, ["retry", "accept"]),
    ("goodbye,ok", "ok", None, ["retry", "accept"]),
    ("reset_mid_body,ok", "ok", None, ["retry", "accept"]),
    ("no_usage", "ok", None, ["accept"]),
    ("length", "truncated", None, ["accept"]),
    ("content_filter", "filtered", None, ["accept"]),
    ("no_choices", "empty", "no text", ["accept"]),
    ("null_content", "empty", "no text", ["accept"]),
    ("tool_calls", "tool_call", "tool", ["accept"]),
    ("refusal", "refused", "refus|can't", ["accept"]),
    ("rejects_temperature", "rejected", "temperature", ["accept"]),
]
FAILURES = [
    ("malformed_json", "unreadable reply"),
    ("html_200", "not a JSON API"),
    ("error_200", "upstream provider broke"),
    ("empty_body", "unreadable reply"),
    ("bad_http", "not HTTP"),
    ("context_length", "context length"),
    ("unknown_model", "does not exist"),
    ("broken_gzip", "compression|unreadable"),
    ("redirect", "redirect|elsewhere"),
]


def played(lab: Lab, made: list[Experiment]) -> list[tuple[Any, list[str]]]:
    """Return of each experiment the row of its only response and what was decided at each attempt."""
    rows = lab.sql("SELECT * FROM responses").set_index("experiment_id")
    stored = (
        lab.sql("SELECT response_id, decision FROM call_attempts ORDER BY attempt").groupby("response_id")["decision"].agg(list)
    )
    assert rows.index.is_unique
    return [(rows.loc[one.id], stored[rows.loc[one.id, "response_id"]]) for one in made]


def test_an_answer_good_or_bad_gets_its_status_and_every_attempt_is_stored(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:ok") as lab:
        made = [lab.run(f"answer {a[0]}", n=1, models=[f"play:{a[0]}"], parameters={"temperature": 0.5}) for a in ANSWERS]
        found = zip(made, played(lab, made), ANSWERS, strict=True)
        for experiment, (row, decided), (steps, status, words, decisions) in found:
            assert row["status"] == status, steps
            assert decided == decisions, steps
            if words:
                assert re.search(words, row["error"], re.IGNORECASE), steps
            if steps == "no_usage":
                assert row[["input_tokens", "output_tokens"]].isna().all()
            if status == "rejected":
                assert "temperature" in json.loads(row["rejected"])
                assert "rejected temperature" in " ".join(experiment.warnings)
            assert experiment.status == ("failed" if status == "rejected" else "completed"), steps


def test_what_cannot_be_read_or_is_refused_fails_in_plain_words_and_is_not_asked_again(
    server: FaultServer, tmp_path: Path
) -> None:
    with lab_at(tmp_path, server, "play:ok") as lab:
        made = [lab.run(f"fail {step}", n=1, models=[f"play:{step}"]) for step, _ in FAILURES]
        for experiment, (row, decided), (step, words) in zip(made, played(lab, made), FAILURES, strict=True):
            assert experiment.status == "failed", step
            assert row["status"] == "failed", step
            assert re.search(words, row["error"]), step
            assert "Traceback" not in row["error"], step
            assert decided == ["stop"], step


def test_a_server_that_stays_broken_is_given_up_within_the_deadline_with_its_status_and_text(
    server: FaultServer, tmp_path: Path
) -> None:
    with lab_at(tmp_path, server, "play:bad_gateway") as lab:
        experiment = lab.run("broken", n=1, deadline=1.5)
        assert re.search(r"502.*cloudy today", experiment.responses.iloc[0]["error"])
        stored = attempts(lab, "decision, http_status, raw")
        assert [decision for decision, *_ in stored] == ["retry"] * (len(stored) - 1) + ["stop"]
        assert all(status == 502 and "cloudy today" in raw for _, status, raw in stored)


@pytest.mark.parametrize("step", [*only_soak("hang", "hang_mid_body"), "trickle"])
def test_the_deadline_of_a_call_holds_within_half_a_second(server: FaultServer, tmp_path: Path, step: str) -> None:
    with lab_at(tmp_path, server, f"play:{step}") as lab:
        lab.run("warm up", n=1, deadline=0.5)
        begun = time.perf_counter()
        experiment = lab.run(f"too slow {step}", n=8, deadline=1)
        took = time.perf_counter() - begun
        assert set(experiment.responses["status"]) == {"timeout"}
        assert experiment.responses["error"].str.contains("may have been billed").all()
        assert 1 <= took < 1.5


def test_a_long_retry_after_pauses_the_run_says_until_when_and_leaves_the_rest_to_a_resume(
    server: FaultServer, tmp_path: Path
) -> None:
    with lab_at(tmp_path, server, "play:rate_limited_600") as lab:
        experiment = lab.run("wait", n=30, max_concurrency=4)
        rows = experiment.responses
        assert experiment.status == "paused"
        assert re.fullmatch(r"the server asks to wait: retry at \d\d:\d\d", experiment.reason)
        assert set(rows["status"]) == {"cancelled"}
        assert rows["error"].str.contains(r"retry at \d\d:\d\d").all()
        assert len(attempts(lab)) < 30
        assert {decision for (decision,) in attempts(lab)} == {"pause"}
        assert len(rows) == len(lab.responses()) == 30


def test_quota_and_access_end_the_run_at_once_and_the_rest_says_why(server: FaultServer, tmp_path: Path) -> None:
    ends = {"quota": "quota", "bad_key": "key", "payment_required": "Balance|quota"}
    with lab_at(tmp_path, server, "play:ok") as lab:
        made = {step: lab.run(f"stop {step}", n=20, models=[f"play:{step}"], max_concurrency=1) for step in ends}
        for step, experiment in made.items():
            counts = Counter(experiment.responses["status"])
            assert counts == {"failed": 1, "cancelled": 19}, step
            assert experiment.status == "failed", step
            assert re.search(ends[step], experiment.reason, re.IGNORECASE), step
            assert experiment.responses["error"].str.contains(ends[step], case=False).all(), step
        assert attempts(lab) == [("stop",)] * 3


def test_a_rejected_setting_does_not_stop_the_others(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:rejects_temperature") as lab:
        experiment = lab.run("mixed settings", n=2, settings=[{"temperature": 0.2}, {"max_tokens": 20}])
        assert experiment.status == "partial"
        by_setting = experiment.responses.groupby("setting_index")["status"].agg(set).to_dict()
        assert by_setting == {0: {"rejected"}, 1: {"ok"}}
        assert len(experiment.summary()) == 2


def test_a_dead_server_fails_every_call_in_words_and_returns_the_experiment(tmp_path: Path) -> None:
    with FaultServer() as gone:
        pass
    with lab_at(tmp_path, gone, "fast") as lab:
        experiment = lab.run("anyone?", n=2, deadline=1)
        assert experiment.status == "failed"
        assert experiment.responses["error"].str.contains("is the server running").all()


STREAMS = [
    ("stream_ok", "ok"),
    ("stream_no_usage", "ok"),
    ("stream_split", "ok"),
    ("stream_comments_crlf", "ok"),
    ("stream_length", "truncated"),
    ("stream_no_done", "truncated"),
    ("stream_half_line", "truncated"),
    ("stream_bad_json", "truncated"),
    ("stream_error_event", "truncated"),
    ("stream_reset", "truncated"),
    ("stream_hang", "timeout"),
    ("stream_empty", "empty"),
    ("stream_refusal", "refused"),
    ("stream_tool_calls", "tool_call"),
    ("stream_json", "ok"),
]


def test_a_stream_that_breaks_keeps_its_text_and_is_never_a_silent_success(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:ok") as lab:
        made = [lab.run(f"stream {step}", n=1, models=[f"play:{step}"], stream=True, deadline=2) for step, _ in STREAMS]
        for (row, _), (step, status) in zip(played(lab, made), STREAMS, strict=True):
            assert row["status"] == status, step
            if status in ("truncated", "timeout"):
                assert row["text"].startswith("The keeper climbed"), step
                assert row["error"] or row["finish_reason"] == "length", step
            assert row["first_token_ms"] is not None, step


@pytest.mark.soak
def test_raw_bodies_are_kept_up_to_256_kb_with_the_size_and_hash_of_the_whole(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:stream_huge") as lab:
        lab.run("a lot", n=1, stream=True)
        [(raw, size, digest)] = attempts(lab, "raw, raw_size, raw_sha256")
        assert len(raw) == 256 * 1024
        assert size > 10_000_000
        assert re.fullmatch(r"[0-9a-f]{64}", digest)


def test_only_harmless_headers_are_kept_and_an_echoed_key_never_is(server: FaultServer, tmp_path: Path) -> None:
    with lab_at(tmp_path, server, "play:echoes_key") as lab:
        experiment = lab.run("what did I send?", n=1)
        assert KEY not in experiment.responses.iloc[0]["text"]
        [(headers,)] = attempts(lab, "headers")
        assert "set-cookie" not in json.loads(headers)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_mixed_soak_keeps_every_response_and_every_attempt_and_the_totals_add_up(server: FaultServer, tmp_path: Path) -> None:
    calls = 2_000 if SOAK else 120
    before = server.counts()["requests"]
    prompts = [f"soak {tmp_path.name} {number}" for number in range(calls // 4)]
    with lab_at(tmp_path, server, "mixed:30:7") as lab:
        experiment = lab.run(prompts, n=2, sweep={"temperature": [0.2, 0.9]}, max_concurrency=64)
        asked = server.counts()["requests"] - before
        rows, counts = experiment.responses, Counter(experiment.responses["status"])
        assert len(rows) == rows["response_id"].nunique() == calls == len(lab.responses())
        stored = lab.sql("SELECT count(*) AS n, count(DISTINCT response_id) AS answers FROM call_attempts").iloc[0]
        assert stored["n"] == asked == lab.sql("SELECT sum(attempts) FROM responses").iloc[0, 0]
        assert stored["answers"] == calls
        ended = lab.sql("SELECT count(*) FROM call_attempts WHERE decision <> 'retry'").iloc[0, 0]
        assert ended == calls
        started = lab.audit(event="llm_request_started")["entity_id"]
        failed = lab.audit(event="llm_request_failed")["entity_id"]
        unanswered = set(rows.loc[rows["status"].isin(["failed", "timeout", "rejected"]), "response_id"])
        assert len(started) == calls
        assert set(failed) == unanswered
        assert rows.loc[rows["response_id"].isin(unanswered), "error"].notna().all()
        assert experiment.status == "partial"
        generated = json.loads(lab.audit(event="experiment_generated")["payload"].iloc[-1])
        assert generated["counts"] == dict(sorted(counts.items()))
        lab.verify()
