"""Every error fits one line that can be shown anywhere."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplab.errors import LIMIT, BadInput, PplabError, did_you_mean, in_words, one_line


@given(st.text(max_size=2000), st.text(max_size=2000))
def test_message_and_hint_are_one_printable_line_of_bounded_length(message, hint):
    error = BadInput(message, hint=hint)
    assert str(error).isprintable()
    assert len(str(error)) <= 10 * 2 * (LIMIT + 20)
    assert error.as_dict().keys() == {"code", "message", "hint", "correlation_id"}


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=LIMIT))
def test_words_that_can_be_shown_are_kept_as_they_are(words):
    assert one_line(words) == words


def test_what_cannot_be_seen_is_written_as_its_escape():
    assert one_line("a\nb\tc\x00\u202e\ud800") == "a b c\\x00\\u202e\\ud800"


def test_a_megabyte_in_a_message_is_cut_in_its_middle():
    shown = one_line("unknown name '" + "x" * 1_000_000 + "' in the sweep")
    assert len(shown) <= LIMIT
    assert shown.startswith("unknown name 'xxx")
    assert shown.endswith("xxx' in the sweep")


def test_an_error_is_also_the_builtin_kind_that_a_caller_may_catch():
    with pytest.raises(ValueError, match="no"):
        raise BadInput("no")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left", "/home/ada/lab/x.csv"), "system", "export failed: No space left: 'x.csv'"),
        (PermissionError(errno.EACCES, "Permission denied"), "system", "export failed: Permission denied"),
        (KeyError("x"), "internal", "export met an unexpected fault (KeyError: 'x')"),
        (RecursionError("too deep\nby far"), "internal", "export met an unexpected fault (RecursionError: too deep by far)"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no"), "internal", "unexpected fault"),
    ],
)  # fmt: skip
def test_a_foreign_exception_is_told_in_words_without_the_folder_it_happened_in(error, code, words):
    told = in_words(error, "export")
    assert told.code == code
    assert words in str(told)
    assert "/home" not in str(told)


def test_an_error_of_ours_stays_itself():
    error = PplabError("it is closed")
    assert in_words(error, "run") is error


@pytest.mark.parametrize(("word", "answer"), [("Temperture", "did you mean 'temperature'?"), ("zebra", ""), ("x" * 10**6, "")])
def test_the_nearest_known_word_is_named_if_one_is_near(word, answer):
    assert did_you_mean(word, ["temperature", "top_p"]) == answer
