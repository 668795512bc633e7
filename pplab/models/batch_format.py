"""The lines of batch files, in OpenAI's format: requests as they are sent, results as they come back. Pure: no file is opened.

vLLM's ``run-batch`` reads and writes the same lines; where a request failed it has the words beside an empty body.

References
----------
https://platform.openai.com/docs/api-reference/batch (the request and the output object), read 2026-11-29;
``vllm/entrypoints/openai/run_batch.py`` of vLLM, read 2026-11-29.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.models.completions import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT = "/v1/chat/completions"
NOT_EXECUTED = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of requests that the provider has not begun; asking again pays for nothing twice."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a batch's results.

    Attributes
    ----------
    custom_id : str
        Which request it is about.
    http_status : int
        The status that a call of its own would have had; 200 where only an error's words came.
    body : bytes
        The body that it would have had.
    not_executed : str
        Why the provider has not begun the request, in its words; empty where it has.
    """

    custom_id: str
    http_status: int
    body: bytes
    not_executed: str = ""


def request_line(custom_id: str, body: Mapping[str, Any]) -> bytes:
    r"""Return the line of one request.

    Examples
    --------
    >>> request_line("a1", {"model": "m"})
    b'{"custom_id":"a1","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}\n'
    """
    line = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read_result(line: bytes) -> Result | None:
    """Return the result that a line holds, or ``None`` where it is no result.

    Examples
    --------
    >>> read_result(b'{"custom_id": "a1", "response": {"status_code": 200, "body": {"choices": []}}, "error": null}').http_status
    200
    >>> read_result(b'{"custom_id": "a1", "response": null, "error": {"code": "batch_expired", "message": "late"}}').not_executed
    'late'
    >>> read_result(b'{"custom_id": "a1", "response": {"status_code": 400, "body": null}, "error": "too long"}').body
    b'{"error": {"message": "too long"}}'
    """
    try:
        value = parse_json(line.decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(custom_id := value.get("custom_id"), str):
        return None
    response, error = value.get("response"), value.get("error")
    response = response if isinstance(response, dict) else {}
    body, status = response.get("body", response if "choices" in response else None), response.get("status_code", 200)
    if not isinstance(status, int) or not 100 <= status < 600:
        return None
    if body is None:
        error = {"message": "the line has neither an answer nor an error"} if error is None else error
        body = error if isinstance(error, dict) and "error" in error else {"error": _error(error)}
        code = error.get("code") if isinstance(error, dict) else None
        if code in NOT_EXECUTED and isinstance(error, dict):
            return Result(custom_id, status, b"", str(error.get("message") or code))
    return Result(custom_id, status, json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _error(error: object) -> object:
    return error if isinstance(error, dict) else {"message": str(error)}
