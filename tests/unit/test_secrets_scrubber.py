"""Keys never survive scrubbing, ordinary text always does, and the time is linear."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pplab.secrets import MASK, WINDOW, Scrubber, split_credentials

KEY = "sk-proj-A1b2C3d4E5f6G7h8I9j0-K1l2M3n4O5p6Q7r8_S9t0"
ODD = "pässwörd with späces & 研究/+=%"
keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=8, max_size=60).filter(
    lambda key: len(set(key)) > 4 and MASK not in key and key not in MASK * 9
)
around = st.text(st.sampled_from("the lamp, was lit. \n\"{}[]'éö—"), max_size=40)


def runs(text, form, size=WINDOW):
    """Return whether any ``size`` consecutive characters of ``form`` stand in ``text``."""
    size = min(size, len(form))
    return any(form[i : i + size] in text for i in range(len(form) - size + 1))


@given(keys, around, around)
@example(ODD, "", "")
@example("aaaaaaaabbbbbbbbcdef", "aaaaaaaa", "b")
def test_a_known_key_never_survives_in_any_form_it_travels_in(key, before, after):
    scrub = Scrubber(key)
    raw = key.encode()
    for form in (key, key[::-1], raw.hex(), raw.hex().upper(), quote(key, safe="")):
        assert form not in scrub(before + form + after)
        assert MASK in scrub(before + form + after)


@given(keys, st.binary(max_size=5), st.binary(max_size=5))
def test_a_known_key_never_survives_base64_whatever_stands_before_and_after_it(key, before, after):
    scrub = Scrubber(key)
    raw = key.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        coded = encode(before + raw + after).decode()
        # The characters that belong to the key alone: those at its ends also carry bits of its neighbours.
        start = -(-len(before) * 8 // 6)
        body = coded[start : (len(before) + len(raw)) * 8 // 6]
        if len(body) >= 8:
            assert not runs(scrub(coded), body)


@given(st.integers(0, len(KEY) - WINDOW), st.integers(WINDOW, len(KEY)))
def test_any_24_consecutive_characters_of_a_key_are_enough(start, size):
    piece = KEY[start : start + size]
    if len(piece) >= WINDOW:
        assert Scrubber(KEY)(f"<{piece}>") == f"<{MASK}>"


@given(st.lists(st.sampled_from([KEY, KEY[::-1], KEY.encode().hex(), "and", " ", "\n", KEY[:30], KEY[5:]]), max_size=12))
def test_scrubbing_again_changes_nothing(pieces):
    once = Scrubber(KEY)("".join(pieces))
    assert Scrubber(KEY)(once) == once
    assert not runs(once, KEY)


PROSE = st.text(st.characters(codec="utf-8"), max_size=300).filter(lambda t: "://" not in t)


@given(PROSE)
def test_text_without_keys_is_untouched(text):
    assert Scrubber(KEY, "another-secret-value")(text) == text


@pytest.mark.parametrize(
    "words",
    [
        "risk-management-and-compliance-for-beginners",
        "desk-to-desk-communication-in-2024-and-beyond",
        "sk-learn-compatible-estimators",
        "a task-oriented-dialogue-system and a disk-usage-analyser",
        "0af7651916cd43dd8448eb211c80319c0af7651916cd43dd8448eb211c80319c",
        "5f0c1c52-6b7c-4f2f-9a51-8d1f3f8d8a11",
        "https://github.com/owner/repository/issues/12#issuecomment-123456789",
        "git@github.com:owner/repository.git, ssh://git@github.com/owner/repository",
        "write to ada@example.org: she knows",
        "pneumonoultramicroscopicsilicovolcanoconiosis",
    ],
)
def test_ordinary_words_links_and_ids_are_untouched(words):
    assert Scrubber(KEY)(words) == words


@pytest.mark.parametrize(
    "key",
    [
        "sk-" + "a1B2" * 12,
        "sk-proj-" + "a1B2_-" * 8,
        "sk-ant-api03-" + "a1B2_-" * 8,
        "sk-or-v1-" + "0a1b2c3d" * 8,
        "AKIA" + "ABCD1234" * 2,
        "ghp_" + "a1B2c3" * 6,
        "github_pat_" + "a1B2c3" * 8,
        "hf_" + "aBcDeF" * 6,
        "xai-" + "a1B2c3" * 6,
        "gsk_" + "a1B2c3" * 6,
        "AIza" + "a1B2c3-" * 5,
        "xoxb-" + "1234567890-" * 3,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    ],
)
def test_what_looks_like_a_providers_key_is_masked_untold_also_within_a_line_of_json(key):
    for text in (key, f"key={key}", f"({key})", f"\n{key}\n", f"\x1b{key}", f'"{key}"'):
        assert key not in Scrubber()(text)
        assert key not in Scrubber()(json.dumps({"text": text}))
    assert Scrubber()(f"the key {key} ends") == f"the key {MASK} ends"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://ada:hunter2@localhost:11434/v1", f"http://{MASK}@localhost:11434/v1"),
        ("https://:hunter2@example.org", f"https://{MASK}@example.org"),
    ],
)
def test_user_and_password_in_a_url_are_masked_untold(url, shown):
    assert Scrubber()(f"asked {url} today") == f"asked {shown} today"


def test_values_shorter_than_eight_characters_are_no_secrets():
    assert Scrubber("secret", "", None)("a secret is no secret") == "a secret is no secret"


def test_a_url_is_parted_from_its_credentials():
    assert split_credentials("https://ada:hun%20ter2@example.org:8/v1?x=1") == (
        "https://example.org:8/v1?x=1",
        ["ada:hun ter2", "ada", "hun ter2"],
    )
    assert split_credentials("https://example.org/v1") == ("https://example.org/v1", [])


@pytest.mark.parametrize("text", ["a", "aaaaaaab", KEY[:23] + " ", "sk-", "sk-a", "eyJa.", "https://a:", "://@", "+/=_" * 8])
def test_the_time_is_linear_in_the_text_also_for_text_made_to_be_slow(text):
    scrub = Scrubber(KEY, "a" * 40)

    def took(size):
        long = (text * (size // len(text) + 1))[:size]
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            scrub(long)
            best = min(best, time.process_time() - start)
        return best

    small, large = took(20_000), took(160_000)
    assert large < 8 * 6 * max(small, 0.002)


@settings(max_examples=30)
@given(st.lists(keys, min_size=1, max_size=4))
def test_several_keys_are_all_masked(several):
    text = " / ".join(several)
    shown = Scrubber(*several)(text)
    assert not any(key in shown for key in several)
