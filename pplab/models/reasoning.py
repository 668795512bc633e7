r"""Thinking that a server left in the text of an answer, separated from the answer after it.

Only what stands before the answer is thinking: a text that mentions such a mark later is left as it is.
"""

from __future__ import annotations

import re

# How a block of thinking begins and how it ends, in lower case, by the models that write it so: DeepSeek, Qwen and most others
# (think), Seed, EXAONE (thought), Mistral, Kimi, Cohere, OpenThinker, Gemma, gpt-oss (channels; only ``final`` is the answer).
_FINAL = "<|channel|>final"
_ENDS = {
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "thoughts", "reason", "reasoning", "seed:think")},
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|begin_of_thinking|>": "<|end_of_thinking|>",
    "<|channel>thought": "<channel|>",
    "<|channel|>analysis": _FINAL,
    "<|channel|>commentary": _FINAL,
}
_EMPTY = ("<|start|>assistant", _FINAL, "<|message|>")  # marks before an answer that hold nothing
_MARKS = (*_ENDS, *_EMPTY)
_LONGEST_END = max(map(len, _ENDS.values()))
_TRAILING = re.compile(r"(?:<\|(?:return|end|call)\|>\s*)+\Z", re.IGNORECASE)
# An end without a beginning: chat templates that begin the answer with ``<think>`` themselves do not send it. It counts where it
# begins its line or closes what stands right before it; between blanks or quotes it is mentioned.
_LONE_END = re.compile(
    rf"(?:^[^\S\n]*|(?<=[^\s\"'`“\u2018«(]))({'|'.join(map(re.escape, dict.fromkeys(_ENDS.values())))})(?![\"'`”\u2019»)])",
    re.IGNORECASE | re.MULTILINE,
)
_WITHOUT_MARKS = re.compile(r"analysis(?=[^\sa-z])(.*?)assistantfinal(.*)", re.DOTALL)  # gpt-oss, its marks taken out


class ThinkingFilter:
    r"""A filter that takes a text in pieces and returns the answer in it, as soon as that is certain.

    Attributes
    ----------
    has_thinking
        Whether thinking, or marks that belong to it, came first.

    Examples
    --------
    >>> thinking = ThinkingFilter()
    >>> [thinking.feed(piece) for piece in ("<th", "ink>hm</thi", "nk>\n\nHel", "lo <think>")]
    ['', '', 'Hel', 'lo <think>']
    >>> thinking.text, thinking.close()
    ('hm', '')
    """

    def __init__(self) -> None:
        self.has_thinking = False
        self._thinking: list[str] = []
        self._pending = ""  # what may be the beginning of a mark, or of its end
        self._end = ""  # what ends the block of thinking that is open
        self._answering = False

    @property
    def text(self) -> str:
        """The thinking so far."""
        return "".join([*self._thinking, self._pending if self._end else ""]).strip()

    @property
    def pending(self) -> str:
        """Text held back, which is answer if nothing more comes."""
        return "" if self._end else self._pending

    def feed(self, piece: str) -> str:
        """Take the next piece and return what it adds to the answer."""
        if self._answering:
            return piece
        self._pending += piece
        while self._end or (self._pending and not self._answering):
            if not (self._within() if self._end else self._before()):
                return ""
        answer, self._pending = self._pending, ""
        return answer

    def close(self) -> str:
        """Return what is left of the answer when no more pieces come."""
        rest = self.pending
        if rest:
            self._pending, self._answering = "", True
        return rest

    def _within(self) -> bool:
        """Read within a block of thinking; return whether it has ended."""
        at = self._pending.lower().find(self._end)
        if at < 0:
            keep = max(0, len(self._pending) - _LONGEST_END)
            self._thinking.append(self._pending[:keep])
            self._pending = self._pending[keep:]
            return False
        self._thinking.append(self._pending[:at])
        self._pending = self._pending[at + len(self._end) :]
        self._end = ""
        return True

    def _before(self) -> bool:
        """Read what stands before the answer; return whether a mark or the answer has begun."""
        start = self._pending.lstrip()
        low = start[: max(map(len, _MARKS))].lower()
        mark = next((mark for mark in _MARKS if low.startswith(mark)), None)
        if mark is not None:
            self.has_thinking = True
            self._end = _ENDS.get(mark, "")
            self._pending = start[len(mark) :]
            return True
        if any(mark.startswith(low) for mark in _MARKS):  # also of nothing but blanks
            return False
        self._answering = True
        if self.has_thinking:
            self._pending = start
        return True


def split_thinking(text: str) -> tuple[str, str]:
    r"""Return the thinking that stands before the answer in a whole text, and the answer.

    Examples
    --------
    >>> split_thinking("<think>\nhm\n</think>\n\nHello")
    ('hm', 'Hello')
    >>> split_thinking("hm\n</think>\n\nHello")
    ('hm', 'Hello')
    >>> split_thinking("Write `<think>` and `</think>` around it.")
    ('', 'Write `<think>` and `</think>` around it.')
    """
    thinking = ThinkingFilter()
    answer = thinking.feed(text) + thinking.close()
    if thinking.has_thinking:
        return thinking.text, without_ends(answer)
    return split_at_lone_end(text)


def split_at_lone_end(text: str) -> tuple[str, str]:
    """Return the thinking before an end that had no beginning, and the answer after it."""
    if (end := _LONE_END.search(text)) is not None:
        before = text[: end.start()].lower()
        begun = any(mark in before for mark, its_end in _ENDS.items() if its_end == end[1].lower())
        if not begun and before.count("```") % 2 == 0:  # within a block of code it is mentioned
            _, answer = split_thinking(text[end.end() :])
            return text[: end.start()].strip(), answer.lstrip()
    if text.startswith("analysis") and (match := _WITHOUT_MARKS.fullmatch(text)):
        return match[1].strip(), match[2].lstrip()
    return "", text


def without_ends(answer: str) -> str:
    """Return an answer that followed thinking without the marks that end a message."""
    return _TRAILING.sub("", answer)
