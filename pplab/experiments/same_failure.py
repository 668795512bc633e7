"""The failures of a run that are all the same, and when they should end it: waiting does not mend them. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pplab.plan.vocabulary import ANSWERED

if TYPE_CHECKING:
    from collections.abc import Collection

    from pplab.models.types import Reply
    from pplab.plan.plan import Plan, PlannedCall

FEW = 5
"""So many calls that fail alike, the first of a run, are no accident."""
SPAN_PROMPTS = 2
"""Of so many prompts, where the failure may lie in what was asked."""
MANY = 20
"""So many in a row are no accident either after calls that were answered."""

# About the server, whatever it is asked, with what to do.
OF_THE_SERVER = {
    "auth": "check the key and what it may use",
    "unknown_model": "check the model's name and the base URL",
    "redirected": "",
    "wrong_address": "check the base URL",
    "not_json_api": "check the base URL",
    "unreadable": "check that the base URL leads to an OpenAI-compatible API",
    "unreachable": "",
    "transport": "",
}
# Possibly about one setting or one prompt: it must be the same for every setting and for several prompts.
OF_THE_QUESTION = {
    "rejected": "leave out or change what the server rejects",
    "bad_request": "",
    "provider_error": "",
}
OF_ONE_PROMPT = ("context", "too long", "token", "length")


class SameFailure:
    """The failures of a run so far, as long as all are the same; and the settings whose calls are all rejected alike.

    Parameters
    ----------
    plan
        What is asked.
    settings
        The settings whose calls are looked at; none: all of the plan.
    subject
        What ends, in words.

    Examples
    --------
    >>> from pplab.plan.plan import make_plan
    >>> from pplab.models.types import Reply
    >>> plan = make_plan("Hello", model="m", n=300)
    >>> failures = SameFailure(plan)
    >>> page = Reply(status="failed", error_code="not_json_api", error="not a JSON API")
    >>> [failures.take(page, call) for call, _ in zip(plan.calls(), range(FEW))][-1]
    'the run stopped after 5 calls that all failed alike: not a JSON API; check the base URL'
    """

    def __init__(self, plan: Plan, settings: Collection[int] = (), subject: str = "the run") -> None:
        self._plan = plan
        self._watched = len(settings or plan.settings)
        self._subject = subject
        self._rejections: dict[int, _Rejections | None] = {}
        self._answered = False
        self._key: tuple[str, ...] = ()
        self._count = 0
        self._settings: set[int] = set()
        self._prompts: set[int] = set()

    def take(self, reply: Reply, planned: PlannedCall) -> str | None:
        """Take note of an outcome; return why the run should end, in words, or ``None``."""
        self._take_rejection(reply, planned)
        if reply.status in ANSWERED:
            self._answered, self._key = True, ()
            return None
        code = reply.error_code or ""
        if reply.stop_run and (code not in OF_THE_SERVER or (_key_refused(reply) and not self._answered)):
            return self._words(reply, f"{self._subject} stopped: {reply.error}")
        key = _key(reply)
        if not key or key != self._key:
            self._key, self._count = key, 0
            self._settings, self._prompts = set(), set()
        if not key:
            return None
        self._count += 1
        self._settings.add(planned.setting_index)
        self._prompts.add(planned.prompt_index)
        if self._count < self._enough(reply) or not (code in OF_THE_SERVER or self._everywhere()):
            return None
        return self._words(reply, f"{self._subject} stopped after {self._count} calls that all failed alike: {reply.error}")

    def rejected_setting(self, setting_index: int) -> str | None:
        """Return why no more calls under a setting should be sent, in words, or ``None``."""
        seen = self._rejections.get(setting_index)
        if seen is None or seen.count < FEW or len(seen.prompts) < min(SPAN_PROMPTS, len(self._plan.prompts)):
            return None
        return f"not sent, because {seen.count} calls under this setting were rejected alike: {seen.error}"

    def _take_rejection(self, reply: Reply, planned: PlannedCall) -> None:
        index, names = planned.setting_index, tuple(sorted(reply.rejected))
        if reply.status == "rejected":
            seen = self._rejections.setdefault(index, _Rejections(names, reply.error or ""))
            if seen is not None and seen.names == names:
                seen.count += 1
                seen.prompts.add(planned.prompt_index)
                return
        elif reply.status not in ANSWERED:
            return
        self._rejections[index] = None  # not all alike: the setting is sent to the end

    def _enough(self, reply: Reply) -> float:
        if not self._answered:
            return FEW
        # Calls that are answered speak for the server: it is left alone only when it says itself that it will not answer.
        return max(MANY, 2 * self._plan.max_concurrency) if reply.stop_run else float("inf")

    def _everywhere(self) -> bool:
        return len(self._settings) == self._watched and len(self._prompts) >= min(SPAN_PROMPTS, len(self._plan.prompts))

    def _words(self, reply: Reply, why: str) -> str:
        code = reply.error_code or ""
        return "; ".join(filter(None, (why, OF_THE_SERVER.get(code) or OF_THE_QUESTION.get(code))))


@dataclass(slots=True)
class _Rejections:
    """The calls of one setting, as long as all were rejected for the same parameters."""

    names: tuple[str, ...]
    error: str
    count: int = 0
    prompts: set[int] = field(default_factory=set)


def _key_refused(reply: Reply) -> bool:
    return bool(reply.attempts) and reply.attempts[-1].http_status == 401


def _key(reply: Reply) -> tuple[str, ...]:
    """Return what makes two failures the same, or nothing where waiting may help or the prompt alone may be at fault."""
    code, words = reply.error_code or "", reply.error or ""
    if code in OF_THE_SERVER:
        return (code,)
    if code == "rejected":
        return (code, *sorted(reply.rejected))
    if code in OF_THE_QUESTION and not any(word in words.lower() for word in OF_ONE_PROMPT):
        return (code, words)
    return ()
