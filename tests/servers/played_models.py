"""Models that are played: answers made of sentences in which a share of the words are fillers; the more of them, the worse."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pplab.ids import now
from pplab.models.types import Attempt, Reply
from tests.servers.faults import USAGE, completion, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.models.types import Call
    from tests.servers.plain import Answer

SUBJECTS = ("The gardener", "A young engineer", "My neighbour", "The old captain", "Our teacher", "The baker", "A tired nurse")
ACTIONS = ("repairs", "describes", "paints", "measures", "remembers", "watches", "explains", "carries", "studies")
OBJECTS = ("the copper kettle", "a narrow bridge", "the weather map", "an unopened letter", "the harbour wall", "a wooden clock")
WAYS = ("with great patience", "before the market opens", "while the kettle sings", "without a note", "as slowly as possible")
REASONS = (
    "because the winter was longer than anyone expected",
    "although nobody in the village had asked for it",
    "so that the children can cross the river safely",
    "since the last storm took half of the roof away",
    "which is why the whole street talks about it today",
)
FILLERS = ("thing", "good", "people", "make", "time", "really", "very", "get")
TOPICS = """
rain snow wind fog hail thunder moonlight rivers lakes hills forests deserts islands bridges harbours gardens kitchens markets
libraries trains bicycles clocks lanterns maps letters bread cheese honey tea salt
"""
PROMPTS = [f"Write three sentences about {topic}." for topic in TOPICS.split()]


def played_answer(prompt: str, fillers: float, chance: random.Random) -> str:
    """Return an answer to one of `PROMPTS` in which this share of the words are fillers."""
    topic = prompt.rstrip(".").rsplit(" ", 1)[-1]
    sentences = [
        f"Hardly anyone thinks about {topic} until {chance.choice(SUBJECTS).lower()} {chance.choice(ACTIONS)} it",
        *(
            f"{chance.choice(SUBJECTS)} {chance.choice(ACTIONS)} {chance.choice(OBJECTS)} {chance.choice(WAYS)}, "
            f"{chance.choice(REASONS)}"
            for _ in range(2)
        ),
    ]
    words = ". ".join(sentences).split(" ")
    return " ".join(chance.choice(FILLERS) if chance.random() < fillers else word for word in words) + "."


@dataclass(frozen=True)
class Played:
    """A played model: the share of fillers in its answers, and the parameters that it refuses."""

    fillers: float = 0.0
    refuses: tuple[str, ...] = ()


class PlayedModels:
    """Answers requests as the model that they name; equal requests in the same order get the same answers.

    ``asked`` counts the requests of each model.
    """

    def __init__(self, models: Mapping[str, Played], seed: int) -> None:
        self.models = models
        self.asked: Counter[str] = Counter()
        self._seed = seed
        self._times: Counter[str] = Counter()

    def text(self, model: str, prompt: str, told: str) -> str:
        """Return the next answer of a model to a prompt under what it is told."""
        self.asked[model] += 1
        key = f"{model} {prompt} {told}"
        self._times[key] += 1
        chance = random.Random(f"{self._seed} {key} {self._times[key]}")
        return played_answer(prompt, self.models[model].fillers, chance)

    def refused(self, model: str, told: Mapping[str, Any]) -> str | None:
        """Return the first parameter that a model refuses of what it is told."""
        return next((name for name in self.models[model].refuses if name in told), None)

    async def complete(self, call: Call, **_: Any) -> Reply:
        """Answer a call without a server, as `pplab.models.types.Source` does."""
        if (name := self.refused(call.model, call.parameters)) is not None:
            told = {name: call.parameters[name]}
            return Reply(status="rejected", error=f"{name} is not supported", error_code="rejected", rejected=told)
        text = self.text(call.model, call.messages[-1]["content"], json.dumps(dict(call.parameters), sort_keys=True))
        attempt = Attempt(attempt=1, started_at=now(), latency_ms=500.0, http_status=200)
        tokens = {"input_tokens": USAGE["prompt_tokens"], "output_tokens": USAGE["completion_tokens"]}
        took = {"latency_ms": attempt.latency_ms, "attempts": (attempt,)}
        return Reply(status="ok", text=text, finish_reason="stop", model=call.model, **tokens, **took)

    def __call__(self, body: dict[str, Any]) -> Answer:
        """Answer the JSON of a request."""
        model, prompt = body["model"], body["messages"][-1]["content"]
        told = {name: value for name, value in body.items() if name not in ("model", "messages", "seed")}
        if (name := self.refused(model, told)) is not None:
            words = f"Unsupported value: '{name}' does not support {told[name]} with this model."
            kind = error(words, "invalid_request_error", param=name, code="unsupported_value")
            return 400, json.dumps(kind).encode(), {}
        answer = completion(self.text(model, prompt, json.dumps(told, sort_keys=True)))
        return 200, json.dumps({**answer, "model": model}).encode(), {}


class Adder:
    """A played model that adds: wrong in a share of its answers, which grows with its temperature.

    To ``Say: words`` it says the words.
    """

    def __init__(self, seed: int, wrong: float = 0.0) -> None:
        self._chance = random.Random(seed)
        self._wrong = wrong

    async def complete(self, call: Call, **_: Any) -> Reply:
        """Answer a call without a server, as `pplab.models.types.Source` does."""
        prompt = call.messages[-1]["content"]
        numbers = [int(word) for word in re.findall(r"\d+", prompt)]
        wrong = min(0.9, self._wrong + 0.35 * float(call.parameters.get("temperature", 0)))
        off = self._chance.choice((-2, -1, 1, 2)) if self._chance.random() < wrong else 0
        text = prompt.partition(": ")[2] or f"{numbers[0]} plus {numbers[1]} is {sum(numbers) + off}."
        attempt = Attempt(attempt=1, started_at=now(), latency_ms=500.0, http_status=200)
        tokens = {"input_tokens": USAGE["prompt_tokens"], "output_tokens": USAGE["completion_tokens"]}
        took = {"latency_ms": attempt.latency_ms, "attempts": (attempt,)}
        return Reply(status="ok", text=text, finish_reason="stop", model=call.model, **tokens, **took)
