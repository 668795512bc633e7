"""Traces sent to OpenTelemetry: one tree from the cell to the attempt, by the conventions' names; off, not even an import."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import pplab
from pplab.observe import traces_out
from tests.servers import FaultServer

PROMPT = "Name a fruit that is round."
KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(autouse=True)
def read_once():
    """The environment is read once a process: read it once a test."""
    traces_out.span_sender.cache_clear()
    yield
    traces_out.span_sender.cache_clear()


@pytest.fixture
def sent(monkeypatch):
    """Return a function that has spans sent to memory, and one that returns them by name."""
    exporter = InMemorySpanExporter()

    def begin(**options):
        sender = traces_out.SpanSender(exporter, **options)
        monkeypatch.setattr("pplab.context.span_sender", lambda: sender)

        def spans():
            sender.flush()
            return exporter.get_finished_spans()

        return spans

    return begin


def test_a_cell_its_operation_its_calls_and_their_attempts_are_one_tree(sent, shell):
    spans = sent()
    shell.run_cell("%load_ext pplab")
    shell.run_cell(f"%pplab run --n 2 --set temperature=0.5 --set max_tokens=6 '{PROMPT}'")
    extension = shell.magics_manager.registry["PPLabMagics"].extension
    lab = extension.lab()
    rows = lab.sql("SELECT * FROM responses WHERE experiment_id = ? ORDER BY replicate", [lab.experiment("latest").id])
    trace = {span.context.span_id: span for span in spans() if f"{span.context.trace_id:032x}" == rows["correlation_id"][0]}
    kinds = {span_id: span.name for span_id, span in trace.items()}
    calls = [span for span in trace.values() if span.name == "chat embedded"]
    attempts = [span for span in trace.values() if span.name == "attempt 1"]
    assert sorted(kinds.values()) == ["attempt 1", "attempt 1", "cell", "chat embedded", "chat embedded", "pplab run"]
    assert {kinds[span.parent.span_id] for span in attempts} == {"chat embedded"}
    assert {kinds[span.parent.span_id] for span in calls} == {"pplab run"}
    (operation,) = (span for span in trace.values() if span.name == "pplab run")
    assert kinds[operation.parent.span_id] == "cell"
    assert all(operation.start_time <= span.start_time <= span.end_time <= operation.end_time for span in calls)
    assert {span.kind for span in calls} == {SpanKind.CLIENT}
    assert {f"{span.context.span_id:016x}" for span in calls} == set(rows["span_id"])
    call = next(span for span in calls if f"{span.context.span_id:016x}" == rows["span_id"][0])
    first = rows.iloc[0]
    for name, value in {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "pplab.embedded",
        "gen_ai.request.model": "embedded",
        "gen_ai.response.model": "embedded",
        "gen_ai.response.finish_reasons": [first.finish_reason],
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 6,
        "gen_ai.usage.input_tokens": first.input_tokens,
        "gen_ai.usage.output_tokens": first.output_tokens,
        "pplab.response.id": first.response_id,
    }.items():
        assert call.attributes[name] == value
    assert PROMPT not in str([(span.name, dict(span.attributes)) for span in spans()])


def test_a_call_that_failed_is_an_error_with_each_attempt_and_the_servers_address(sent, tmp_path):
    spans = sent()
    with FaultServer() as server:
        with pplab.Lab(store=tmp_path / "lab", base_url=server.base_url, api_key=KEY, model="play:bad_key") as lab:
            lab.run(PROMPT, n=1)
        found = spans()
    (call,) = (span for span in found if span.name == "chat play:bad_key")
    (attempt,) = (span for span in found if span.name == "attempt 1")
    assert (call.status.status_code, call.attributes["error.type"]) == (StatusCode.ERROR, "failed")
    assert (call.attributes["server.address"], call.attributes["server.port"]) == (
        "127.0.0.1",
        int(server.base_url.split(":")[2].split("/")[0]),
    )
    assert (attempt.status.status_code, attempt.attributes["http.response.status_code"]) == (StatusCode.ERROR, 401)
    assert KEY not in str([dict(span.attributes) for span in found])


def test_prompts_and_answers_go_along_only_where_asked_and_without_keys(sent, tmp_path):
    spans = sent(content=True)
    with FaultServer() as server:
        with pplab.Lab(store=tmp_path / "lab", base_url=server.base_url, api_key=KEY, model="play:ok") as lab:
            lab.run(f"{PROMPT} {KEY}", n=1, system="Be brief.")
            answer = lab.experiment("latest").responses["text"][0]
        (call,) = (span for span in spans() if span.name == "chat play:ok")
    system, asked = json.loads(call.attributes["gen_ai.input.messages"])
    assert system == {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}
    assert asked["role"] == "user"
    assert asked["parts"][0]["content"].startswith(PROMPT)
    assert json.loads(call.attributes["gen_ai.output.messages"])[0]["parts"] == [{"type": "text", "content": answer}]
    assert KEY not in str(dict(call.attributes))


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({}, None),
        ({"PPLAB_OTLP_ENDPOINT": "http://a:1"}, "http://a:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1"}, "http://b:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1"}, "http://c:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1", "PPLAB_OTLP_ENDPOINT": "http://a:1"}, "http://a:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:1", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_environment_says_where_to(monkeypatch, variables, where):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert traces_out.destination() == where


def test_the_doctor_says_where_spans_go_and_shows_no_password(monkeypatch):
    assert traces_out.check() == (True, "not sent; PPLAB_OTLP_ENDPOINT names where to")
    monkeypatch.setenv("PPLAB_OTLP_ENDPOINT", f"https://me:{KEY}@collector.example:4318")
    ok, words = traces_out.check()
    assert ok
    assert words.startswith("sent to collector.example:4318 without prompts and answers")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    assert "with prompts and answers" in traces_out.check()[1]
    monkeypatch.setattr(traces_out, "installed", lambda: False)
    assert traces_out.check() == (False, "cannot be sent to collector.example:4318; run: pip install 'pplab[traces]'")


RUNS = """
import os, sys, pplab
from pplab.observe.traces_out import span_sender
def run():
    with pplab.Lab(store="lab") as lab:
        print(len(lab.run("Name a fruit.", n=2, parameters={"max_tokens": 5}).responses))
run()
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("opentelemetry", "google"))[:3])
for endpoint in sys.argv[1:]:
    os.environ["PPLAB_OTLP_ENDPOINT"] = endpoint
    span_sender.cache_clear()
    run()
"""
NOBODY = "http://127.0.0.1:1"


def test_off_nothing_is_imported_and_a_collector_gets_them_with_its_header_which_is_in_no_file(tmp_path, monkeypatch):
    """One process runs with spans off, then where nobody listens, then with a collector."""
    got = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["x-token"], ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-token={KEY}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        command = [sys.executable, "-c", RUNS, NOBODY, f"http://127.0.0.1:{collector.server_port}/"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
        collector.shutdown()
    assert ended.stdout.splitlines() == ["2", "[]", "2", "2"]
    assert ended.stderr == ""
    assert {(path, token) for path, token, _ in got} == {("/v1/traces", KEY)}
    resources = [resource for _, _, request in got for resource in request.resource_spans]
    names = [span.name for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert sorted(names) == ["attempt 1", "attempt 1", "chat embedded", "chat embedded", "pplab run"]
    assert {a.value.string_value for r in resources for a in r.resource.attributes if a.key == "service.name"} == {"pplab"}
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
