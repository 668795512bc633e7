"""Where every context occurs in the training text: the counts of the n-gram model, kept as sorted lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pplab.models.embedded import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

ORDER: Final = 6
"""Tokens in the longest n-gram: a token is predicted from the five before it."""

ARC_BINS: Final = 32
"""Steps into which the way from the beginning to the end of a passage is divided."""

END: Final = 0
"""The token that ends an answer; it has no text."""

_BOUNDARY = -1
_UNKNOWN = -1


class Occurrences:
    """All passages in one row of tokens, with a sorted index of every context of 1 to 5 tokens.

    Lists of occurrences instead of tables of probabilities, because each occurrence gets a weight of its own for each
    prompt. The index is made by sorting integers, which takes milliseconds where a dictionary takes a second.

    Parameters
    ----------
    passages
        The training text, at least one passage.

    Attributes
    ----------
    vocabulary : tuple of str
        Token by number; number 0 is `END`.
    row : array of int
        The token at each position.
    passage_of, arc_bin, mode : array of int
        For each position its passage, how far through it the position lies (0 to ``ARC_BINS - 1``), and whether it
        lies inside a quotation or a list (see `tokens.Mode`).
    lengths : array of float
        Tokens in each passage.

    Examples
    --------
    >>> found = Occurrences(["Warm the pot.", "Warm the cup."])
    >>> contexts = found.beginning()
    >>> for token in "Warm", " the":
    ...     contexts = found.extend(contexts, found.vocabulary.index(token))
    >>> after_the, after_warm_the, *longer = found.following(contexts)
    >>> [found.vocabulary[token] for token in found.row[after_warm_the]]
    [' pot', ' cup']
    """

    def __init__(self, passages: Sequence[str]) -> None:
        split = [tokens.tokenize(text) for text in passages]
        surface = sorted({tokens.vocabulary_form(token) for passage in split for token in passage})
        self.vocabulary: tuple[str, ...] = ("", *surface)
        forms = {form: number for number, form in enumerate(sorted({tokens.context_form(t) for t in surface}), start=1)}
        self._form: list[int] = [0, *(forms[tokens.context_form(token)] for token in surface)]
        self._base = len(forms) + 1
        self.lengths = np.array([len(passage) for passage in split], dtype=np.float64)
        place = self._lay_out(split)
        self._build_index(place)

    def _lay_out(self, passages: Sequence[Sequence[str]]) -> Integers:
        """Write boundary, tokens, end of every passage in one row; return each position's place in its passage."""
        number = {token: i for i, token in enumerate(self.vocabulary)}
        row: list[int] = []
        modes: list[int] = []
        for passage in passages:
            words = [tokens.vocabulary_form(token) for token in passage]
            row += [_BOUNDARY, *(number[word] for word in words), END]
            mode = tokens.Mode()
            modes += [0, *(mode.before(word) for word in words), mode.value]
        self.mode: Integers = np.array(modes, dtype=np.int64)
        sizes = np.array([len(passage) + 2 for passage in passages])
        self.row: Integers = np.array(row, dtype=np.int64)
        self.passage_of: Integers = np.repeat(np.arange(len(passages)), sizes)
        self._ends: list[int] = [0, *np.cumsum(sizes).tolist()]
        place = np.arange(len(row)) - np.repeat(self._ends[:-1], sizes)
        way = np.maximum(place - 1, 0) / np.maximum(self.lengths[self.passage_of], 1)
        self.arc_bin: Integers = (way * (ARC_BINS - 1)).round().astype(np.int64)
        return np.asarray(place, dtype=np.int64)

    def _build_index(self, place: Integers) -> None:
        """Give every distinct context a number and list the positions that follow it.

        A context of k tokens is written as (number of its first k-1 tokens, form of its last token). The boundary
        before a passage is part of a context like any token, and no context reaches over it.
        """
        form = np.array(self._form)[np.maximum(self.row, 0)]
        form[self.row == _BOUNDARY] = 0
        followed = self.row != END
        numbers = np.zeros(len(self.row), dtype=np.int64)
        self._keys: list[Integers] = []
        self._starts: list[list[int]] = []
        self._next: list[Integers] = []
        for length in range(1, ORDER):
            shorter = np.concatenate(([0], numbers[:-1]))
            whole = np.flatnonzero(followed & (place >= length - 1))
            keys, inverse = np.unique(shorter[whole] * self._base + form[whole], return_inverse=True)
            self._keys.append(keys)
            self._starts.append([0, *np.cumsum(np.bincount(inverse)).tolist()])
            self._next.append(whole[np.argsort(inverse, kind="stable")] + 1)
            numbers = np.zeros(len(self.row), dtype=np.int64)
            numbers[whole] = inverse

    def positions(self, passage: int) -> slice:
        """Return where a passage lies in the row."""
        return slice(self._ends[passage], self._ends[passage + 1])

    def beginning(self) -> tuple[int, ...]:
        """Return the contexts at the beginning of a passage."""
        return self._look_up((0,) + (_UNKNOWN,) * (ORDER - 2), 0)

    def extend(self, contexts: tuple[int, ...], token: int) -> tuple[int, ...]:
        """Return the contexts after ``token``: one number for each length from 1 to 5, -1 where it never occurred."""
        return self._look_up((0, *contexts[:-1]), self._form[token])

    def _look_up(self, shorter: tuple[int, ...], form: int) -> tuple[int, ...]:
        found = []
        for keys, before in zip(self._keys, shorter, strict=True):
            if before == _UNKNOWN:
                found.append(_UNKNOWN)
                continue
            key = before * self._base + form
            at = int(keys.searchsorted(key))
            found.append(at if at < len(keys) and keys[at] == key else _UNKNOWN)
        return tuple(found)

    def following(self, contexts: tuple[int, ...]) -> list[Integers]:
        """Return for each length from 1 to 5 the positions that follow the context; empty where it never occurred."""
        return [
            after[starts[number] : starts[number + 1]] if number != _UNKNOWN else after[:0]
            for after, starts, number in zip(self._next, self._starts, contexts, strict=True)
        ]
