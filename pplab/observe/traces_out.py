"""Traces sent to OpenTelemetry: cells, operations, calls and attempts as spans, made of what the journal holds of them.

Off unless ``PPLAB_OTLP_ENDPOINT`` or one of OpenTelemetry's own variables names where to; then nothing of it is even imported.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pplab.log import log_error
from pplab.observe.genai_conventions import CONVENTIONS, ERROR_TYPE, HTTP_RESENT, HTTP_STATUS, call_attributes
from pplab.plan.plan import Plan, PlannedCall
from pplab.plan.vocabulary import ANSWERED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINT: Final = "PPLAB_OTLP_ENDPOINT"
STANDARD: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
INSTALL: Final = "pip install 'pplab[traces]'"
FLUSH_MS: Final = 2_000
MAX_UNFINISHED: Final = 1_000
"""Calls whose timing has come and whose answer has not; more are not kept."""
MAX_PLANS: Final = 100
"""Experiments whose plan is kept, for the calls that follow: the latest."""

_NS_PER_MS: Final = 1_000_000


def destination() -> str | None:
    """Return where spans go, by the environment, or ``None``: the first of `ENDPOINT` and `STANDARD` that says so.

    OpenTelemetry's own switches (``OTEL_SDK_DISABLED=true``, ``OTEL_TRACES_EXPORTER=none``) turn its own variables off.
    """
    if named := os.environ.get(ENDPOINT):
        return named
    switched_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return None if switched_off else next((os.environ[name] for name in STANDARD if os.environ.get(name)), None)


def header_secrets() -> list[str]:
    """Return the values of the headers that OpenTelemetry is told to send, which are often keys."""
    pairs = [pair for name in HEADERS for pair in os.environ.get(name, "").split(",")]
    return [value for pair in pairs if (value := pair.partition("=")[2].strip())]


def check() -> tuple[bool, str]:
    """Return whether spans are sent where the environment says so, and that in words, for the doctor."""
    where = destination()
    if where is None:
        return True, f"not sent; {ENDPOINT} names where to"
    shown = urlsplit(where).netloc.rpartition("@")[2] or where
    if not installed():
        return False, f"cannot be sent to {shown}; run: {INSTALL}"
    return True, f"sent to {shown} {'with' if _wants_content() else 'without'} prompts and answers ({CONVENTIONS})"


def installed() -> bool:
    """Return whether OpenTelemetry's SDK and its exporter are here."""
    try:
        return find_spec("opentelemetry.sdk") is not None and find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def _wants_content() -> bool:
    return os.environ.get(CONTENT, "").lower() in ("true", "span_only", "span_and_event")


class SpanSender:
    """Makes spans of journal lines and hands them to an exporter, which sends them in batches from a thread of its own.

    What cannot be sent is dropped: the lab's own records are complete without it.

    Parameters
    ----------
    exporter
        Of OpenTelemetry, such as ``InMemorySpanExporter()``.
    content
        Put in prompts, system messages and answers.
    """

    def __init__(self, exporter: SpanExporter, *, content: bool = False) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        import pplab

        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())  # else its complaints land in the notebook
        self._processor = BatchSpanProcessor(exporter)
        self._resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "pplab"})
        self._scope = InstrumentationScope("pplab", pplab.__version__)
        self._content = content
        self._guard = threading.Lock()
        self._plans: dict[str, tuple[Plan, str]] = {}
        self._timings: dict[str, dict[str, Any]] = {}

    def take(self, lines: bytes) -> None:
        """Send what a piece of the journal says; called by the journal's thread, which goes on whatever happens here."""
        try:
            with self._guard:
                for line in lines.splitlines():
                    record = json.loads(line)
                    self._take(record["k"], record["r"])
        except Exception as error:  # noqa: BLE001 - nothing here may cost a record
            log_error("spans were not sent", error)

    def flush(self) -> None:
        """Send what waits, for two seconds at most."""
        self._processor.force_flush(FLUSH_MS)

    def _take(self, kind: str, record: dict[str, Any]) -> None:
        if kind == "cell":
            self._cell(record)
        elif kind == "metric" and record["kind"] == "operation":
            self._operation(record)
        elif kind == "metric" and record["kind"] == "call":
            if len(self._timings) >= MAX_UNFINISHED:
                self._timings.clear()
            self._timings[record["span_id"]] = record
        elif kind == "response":
            self._call(record)
        elif kind == "attempt":
            self._attempt(record)
        elif kind == "experiment" and record["experiment_id"] not in self._plans:
            self._plans[record["experiment_id"]] = Plan.from_dict(record["plan"]), record["provider"]
            if len(self._plans) > MAX_PLANS:
                del self._plans[next(iter(self._plans))]

    def _cell(self, cell: Mapping[str, Any]) -> None:
        start = _instant(cell["started_at"])
        attributes = {
            "pplab.cell.id": cell["cell_id"],
            "pplab.cell.execution_count": cell["execution_count"],
            "pplab.notebook": cell["notebook"],
            "pplab.operations": cell["operations"],
            ERROR_TYPE: cell["error_type"],
        }
        self._send(cell, "cell", start, start + cell["duration_ns"], attributes, failed=cell["status"] != "ok")

    def _operation(self, timing: Mapping[str, Any]) -> None:
        end = _instant(timing["recorded_at"])
        failed = timing["status"] != "ok"
        attributes = {"pplab.operation": timing["name"], ERROR_TYPE: timing["status"] if failed else None}
        self._send(timing, f"pplab {timing['name']}", end - timing["duration_ns"], end, attributes, failed=failed)

    def _call(self, response: Mapping[str, Any]) -> None:
        timing = self._timings.pop(response["span_id"], None)
        known = self._plans.get(response["experiment_id"])
        if timing is None or known is None:  # it is no outcome of a call of this process, but came from elsewhere
            return
        end = _instant(timing["recorded_at"])
        plan, own_provider = known
        planned = PlannedCall(response["prompt_index"], response["setting_index"], response["replicate"])
        provider = plan.asked(planned.setting_index).provider or own_provider
        attributes = call_attributes(response, provider, plan.messages(planned) if self._content else None)
        failed = response["status"] not in ANSWERED
        if failed:
            attributes[ERROR_TYPE] = response["status"]
        name = f"chat {attributes['gen_ai.request.model']}"
        self._send(timing, name, end - timing["duration_ns"], end, attributes, failed=failed, client=True)

    def _attempt(self, attempt: Mapping[str, Any]) -> None:
        start = _instant(attempt["started_at"])
        status = attempt["http_status"]
        failed = attempt["decision"] != "accept"
        attributes = {
            HTTP_STATUS: status,
            HTTP_RESENT: attempt["attempt"] - 1 or None,
            ERROR_TYPE: (attempt["error_code"] or str(status or "_OTHER")) if failed else None,
            "pplab.decision": attempt["decision"],
        }
        self._send(
            attempt,
            f"attempt {attempt['attempt']}",
            start,
            start + int(attempt["latency_ms"] * _NS_PER_MS),
            attributes,
            failed=failed,
            client=True,
        )

    def _send(
        self,
        record: Mapping[str, Any],
        name: str,
        start: int,
        end: int,
        attributes: Mapping[str, Any],
        *,
        failed: bool,
        client: bool = False,
    ) -> None:
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(span_id: str) -> SpanContext:
            flags = TraceFlags(TraceFlags.SAMPLED)
            return SpanContext(int(record["correlation_id"], 16), int(span_id, 16), is_remote=False, trace_flags=flags)

        parent = record.get("parent_span_id")
        self._processor.on_end(
            ReadableSpan(
                name=name,
                context=context(record["span_id"]),
                parent=context(parent) if parent else None,
                resource=self._resource,
                attributes={key: value for key, value in attributes.items() if value is not None},
                kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=start,
                end_time=end,
                instrumentation_scope=self._scope,
            )
        )


def _instant(text: str) -> int:
    """Return an instant of our records in nanoseconds since 1970."""
    elapsed = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1_000


@cache
def span_sender() -> SpanSender | None:
    """Return the one sender of this process, ``None`` where nothing is sent; the environment is read once."""
    where = destination()
    if where is None:
        return None
    if not installed():
        log_error("spans are not sent", ModuleNotFoundError(f"OpenTelemetry is not installed; run: {INSTALL}"))
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    own = os.environ.get(ENDPOINT)
    return SpanSender(OTLPSpanExporter(f"{own.rstrip('/')}/v1/traces") if own else OTLPSpanExporter(), content=_wants_content())
