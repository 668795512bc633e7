"""The line format of a recording: one call and its outcome as a line of JSON. The file is in `pplab.models.recording`."""

from __future__ import annotations

import difflib
import json
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pplab.models.request_key import request_key
from pplab.models.types import Attempt, Reply
from pplab.plan.vocabulary import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

KEPT_RAW = 2_000  # characters of a faulty answer's body that a recording keeps; a good answer's body is not kept twice

_NUMBER = (int, float)
_REPLY: dict[str, tuple[type, ...]] = {
    "status": (str,),
    "text": (str,),
    "error": (str,),
    "error_code": (str,),
    "finish_reason": (str,),
    "model": (str,),
    "system_fingerprint": (str,),
    "input_tokens": (int,),
    "output_tokens": (int,),
    "usage": (dict,),
    "requested": (dict,),
    "sent": (dict,),
    "rejected": (dict,),
    "applied": (dict,),
    "latency_ms": _NUMBER,
    "first_token_ms": _NUMBER,
    "resume_at": _NUMBER,
    "stop_run": (bool,),
}
_LINE: dict[str, tuple[type, ...]] = {
    "request": (dict,),
    "reply": (dict,),
    "recorded_at": (str,),
    "pieces": (list,),
    "take": (int,),
    "forgotten": (str,),
}
_ATTEMPT: dict[str, tuple[type, ...]] = {
    "attempt": (int,),
    "started_at": (str,),
    "latency_ms": _NUMBER,
    "http_status": (int,),
    "headers": (dict,),
    "decision": (str,),
    "wait_s": _NUMBER,
    "error_code": (str,),
    "error": (str,),
    "raw": (str,),
    "raw_size": (int,),
    "raw_sha256": (str,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """The request of a recorded call: all that its identity covers, and nothing else."""

    provider: str
    model: str
    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, Any]
    replicate: int

    @property
    def key(self) -> str:
        """The identity of the call, see `pplab.models.request_key.request_key`."""
        return request_key(self.provider, self.model, self.messages, self.parameters, self.replicate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A call and one outcome of it: one line of a recording.

    Attributes
    ----------
    request : RecordedRequest
    reply : Reply
    recorded_at : str
        ISO 8601 UTC.
    attempt : int
        The attempt number: 0 for the first outcome of this call, 1 for the next (a retry after a failure), and so on; ``take`` in
        the file.
    pieces : tuple of int
        The lengths of the pieces in which a streamed text arrived; empty when it came at once.
    forgotten : str
        The identity that the call had before its texts were forgotten; empty where they were not.
    """

    request: RecordedRequest
    reply: Reply
    recorded_at: str
    attempt: int = 0
    pieces: tuple[int, ...] = ()
    forgotten: str = ""

    def without_texts(self, mark: Callable[[str], str]) -> RecordedCall:
        """Return the call with what ``mark`` makes of each text in its place; it answers nobody any more."""

        def marked(text: str | None) -> str | None:
            return mark(text) if text else text

        messages = tuple({**message, "content": mark(message["content"])} for message in self.request.messages)
        attempts = tuple(
            replace(a, error=marked(a.error), raw=None if a.raw is None else mark(a.raw.decode("utf-8", "replace")).encode())
            for a in self.reply.attempts
        )
        reply = replace(self.reply, text=marked(self.reply.text) or "", error=marked(self.reply.error), attempts=attempts)
        request = replace(self.request, messages=messages)
        return replace(self, request=request, reply=reply, pieces=(), forgotten=self.request.key)

    def sort_key(self) -> tuple[str, str, str, str, int, int]:
        """Return the key by which the lines of a file are sorted, so that a change of one call changes one line."""
        r = self.request
        return r.provider, r.model, _dump(list(r.messages)), _dump(dict(r.parameters)), r.replicate, self.attempt

    def text_pieces(self) -> list[str]:
        """Return the pieces of text as a stream delivered them."""
        if sum(self.pieces) != len(self.reply.text):
            return [self.reply.text] if self.reply.text else []
        out, start = [], 0
        for length in self.pieces:
            out.append(self.reply.text[start : start + length])
            start += length
        return out


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def to_line(recorded: RecordedCall, scrub: Callable[[str], str]) -> str:
    r"""Return a recorded call as one line of JSON, ending in ``\n``, secrets masked, fields with default values left out."""
    request = recorded.request
    line: dict[str, Any] = {
        "request": {
            "provider": request.provider,
            "model": request.model,
            "messages": [dict(m) for m in request.messages],
            "parameters": {k: v for k, v in sorted(request.parameters.items()) if v is not None},
            "replicate": request.replicate,
        },
        "reply": _non_default_fields(recorded.reply, _REPLY),
        "recorded_at": recorded.recorded_at,
    }
    for name in ("requested", "sent"):  # nearly always what was asked for
        if line["reply"].get(name) == line["request"]["parameters"]:
            del line["reply"][name]
        else:
            line["reply"].setdefault(name, {})
    if not _plain_attempt(recorded):
        line["reply"]["attempts"] = [_attempt(a) for a in recorded.reply.attempts]
    if recorded.pieces:
        line["pieces"] = list(recorded.pieces)
    if recorded.attempt:
        line["take"] = recorded.attempt
    if recorded.forgotten:
        line["forgotten"] = recorded.forgotten
    return json.dumps(masked(line, scrub), ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def masked(value: Any, scrub: Callable[[str], str]) -> Any:
    """Return JSON data with every text in it passed through ``scrub``, and lone surrogates replaced (UTF-8 has none)."""
    whole = "\0".join(_texts(value))  # one look at all of it: nearly always there is nothing to mask
    if scrub(whole) == whole and whole == _encodable(whole):
        return value
    return _masked(value, scrub)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _masked(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return _encodable(scrub(value))
    if isinstance(value, dict):
        return {_masked(k, scrub): _masked(v, scrub) for k, v in value.items()}
    if isinstance(value, list):
        return [_masked(v, scrub) for v in value]
    return value


def _non_default_fields(record: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a record that differ from their defaults, numbers of milliseconds to a tenth."""
    out: dict[str, Any] = {}
    defaults = {f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(record)}
    for name in names:
        value = getattr(record, name)
        if value == defaults[name] or value is None:
            continue
        out[name] = round(value, 1) if name.endswith("_ms") else dict(value) if hasattr(value, "items") else value
    return out


def _plain_attempt(recorded: RecordedCall) -> bool:
    """Return whether the attempts say nothing that the reply does not: one request, answered well."""
    attempts = recorded.reply.attempts
    return len(attempts) == 1 and attempts[0].decision == "accept" and attempts[0].http_status == 200 and not attempts[0].error


def _attempt(attempt: Attempt) -> dict[str, Any]:
    out = _non_default_fields(attempt, [n for n in _ATTEMPT if not n.startswith("raw")])
    out.setdefault("decision", attempt.decision)
    if attempt.raw is not None and attempt.decision != "accept":
        out["raw"] = attempt.raw.decode("utf-8", "backslashreplace")[:KEPT_RAW]
        out |= _non_default_fields(attempt, ["raw_size", "raw_sha256"])
    return out


def from_line(line: str) -> RecordedCall:
    """Return the recorded call of one line.

    Raises
    ------
    ValueError
        When the line is no recorded call: not JSON, or a field is missing, unknown or of the wrong type.
    """
    try:
        data = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check(data, _LINE, 3)
    request = data["request"]
    types: dict[str, tuple[type, ...]] = {"provider": (str,), "model": (str,), "messages": (list,)}
    _check(request, types | {"parameters": (dict,), "replicate": (int,)}, 5)
    if not all(isinstance(m, dict) and all(isinstance(v, str) for v in m.values()) for m in request["messages"]):
        raise ValueError("the content of a message must be text")
    reply = dict(data["reply"])
    attempts = reply.pop("attempts", None)
    _check(reply, _REPLY, 1)
    if reply["status"] not in STATUSES:
        raise ValueError(f"the status {reply['status']!r} is unknown")
    pieces = data.get("pieces", [])
    if not all(type(n) is int and n >= 0 for n in pieces):
        raise ValueError("pieces must be a list of lengths (whole numbers)")
    read_attempts = _one_attempt(data, reply) if attempts is None else tuple(_read_attempt(a) for a in attempts)
    for name in ("requested", "sent"):
        reply.setdefault(name, request["parameters"])
    recorded_request = RecordedRequest(**{**request, "messages": tuple(request["messages"])})
    return RecordedCall(
        request=recorded_request,
        reply=Reply(**reply, attempts=read_attempts),
        recorded_at=data["recorded_at"],
        attempt=data.get("take", 0),
        pieces=tuple(pieces),
        forgotten=data.get("forgotten", ""),
    )


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _check(data: Any, types: Mapping[str, tuple[type, ...]], needed: int) -> None:
    """Refuse what is not an object with these fields, of which the first ``needed`` must be there."""
    if not isinstance(data, dict):
        raise ValueError("the line is no JSON object")  # noqa: TRY004 - to the caller a line is either a recorded call or not
    if missing := [name for name in list(types)[:needed] if name not in data]:
        raise ValueError(f"{missing[0]} is missing")
    for name, value in data.items():
        if name not in types:
            raise ValueError(f"the field {name!r} is unknown")
        if type(value) not in types[name]:
            raise ValueError(f"{name} has the wrong type")


def _one_attempt(data: Mapping[str, Any], reply: Mapping[str, Any]) -> tuple[Attempt, ...]:
    latency = reply.get("latency_ms", 0.0)
    return (Attempt(attempt=1, started_at=data["recorded_at"], latency_ms=latency, http_status=200),)


def _read_attempt(data: Any) -> Attempt:
    _check(data, _ATTEMPT, 3)
    raw = data.get("raw")
    return Attempt(**{**data, "raw": None if raw is None else raw.encode()})


# -- the nearest recorded call ------------------------------------------------------------------------------------------------

SHOWN_CHARS = 60
MOST_COMPARED = 50


def nearest(request: RecordedRequest, recorded: Sequence[RecordedRequest]) -> str:
    """Return the recorded call that comes closest to one that is not recorded, and what differs, as one line of words.

    Examples
    --------
    >>> hello = ({"role": "user", "content": "Hello"},)
    >>> def call(t, replicate=0):
    ...     return RecordedRequest(provider="p", model="m", messages=hello, parameters={"temperature": t}, replicate=replicate)
    >>> nearest(call(0.8), [call(0.7), call(1.2, replicate=3)])
    'the nearest recorded call differs in temperature (0.8 asked, 0.7 recorded)'
    """
    if not recorded:
        return "nothing is recorded yet"
    ranked = sorted(recorded, key=lambda other: _distance(request, other))[:MOST_COMPARED]
    best = max(
        ranked,
        key=lambda other: (
            -len(_differences(request, other)),
            _text_similarity(request, other),
            -_numeric_distance(request, other),
        ),
    )
    parts = [f"{name} ({_quoted(mine)} asked, {_quoted(theirs)} recorded)" for name, mine, theirs in _differences(request, best)]
    return f"the nearest recorded call differs in {' and in '.join(parts)}"


def _differences(a: RecordedRequest, b: RecordedRequest) -> list[tuple[str, object, object]]:
    """Return what differs: name, value in ``a``, value in ``b``."""
    ours, theirs = _parts(a), _parts(b)
    return [(name, ours.get(name), theirs.get(name)) for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]


def _parts(request: RecordedRequest) -> dict[str, object]:
    names = {"user": "the prompt", "system": "the system message"}
    texts: dict[str, object] = {}
    for message in request.messages:
        name = names.get(message.get("role", ""), message.get("role", "a message"))
        texts[name] = message.get("content", "")
    return {"provider": request.provider, "model": request.model, **texts, **request.parameters, "replicate": request.replicate}


def _distance(a: RecordedRequest, b: RecordedRequest) -> tuple[int, float]:
    return len(_differences(a, b)), _numeric_distance(a, b)


def _numeric_distance(a: RecordedRequest, b: RecordedRequest) -> float:
    """Return how far the numbers of two calls are apart in all."""
    return sum(abs(x - y) for _, x, y in _differences(a, b) if isinstance(x, (int, float)) and isinstance(y, (int, float)))


def _text_similarity(a: RecordedRequest, b: RecordedRequest) -> float:
    """Return how alike the texts of two calls are, from 0 to 1 each."""
    texts = [(x, y) for _, x, y in _differences(a, b) if isinstance(x, str) and isinstance(y, str)]
    return sum(difflib.SequenceMatcher(None, x[:2000], y[:2000], autojunk=False).quick_ratio() for x, y in texts)


def _quoted(value: object) -> str:
    if value is None:
        return "none"
    text = " ".join(value.split()) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    shortened = text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"
    return f"'{shortened}'" if isinstance(value, str) else shortened


def sole_model(recorded: Iterable[RecordedRequest], wanted: str | None) -> tuple[str, str] | None:
    """Return the one (provider, model) of a recording, or of its calls to the model ``wanted``; ``None`` where it is not one."""
    models = {(r.provider, r.model) for r in recorded if wanted in (None, r.model)}
    return models.pop() if len(models) == 1 else None
