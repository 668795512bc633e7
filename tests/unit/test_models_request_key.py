"""The identity of a call: what changes it, and what must not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.models.request_key import SEED_BITS, replicate_seed, request_key

CASES = 10_000 if os.environ.get("PPLAB_SOAK") else 200
SAFE = 2**53 - 1

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-SAFE, SAFE) | st.floats(-2, 2, allow_nan=False)
values = numbers | words | st.booleans() | st.lists(words, max_size=3)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": words}), min_size=1, max_size=3
)
parameters = st.dictionaries(st.sampled_from(["temperature", "top_p", "max_tokens", "seed", "stop"]), values)
calls = st.tuples(words, words, messages, parameters, st.integers(0, 1000))


def shuffled(value):
    """Return the same JSON value with its names in the opposite order and whole numbers written the other way."""
    if isinstance(value, dict):
        return {name: shuffled(inner) for name, inner in reversed(value.items())}
    if isinstance(value, list):
        return tuple(shuffled(inner) for inner in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        return value
    return float(value) if isinstance(value, int) else int(value)


@settings(max_examples=CASES)
@given(calls)
def test_the_order_of_names_and_the_spelling_of_numbers_do_not_change_the_key(call):
    provider, model, said, chosen, replicate = call
    same = request_key(provider, model, shuffled(said), shuffled(chosen), replicate)
    assert request_key(provider, model, said, chosen, replicate) == same


@settings(max_examples=CASES)
@given(calls, st.data())
def test_any_changed_parameter_gives_another_key(call, data):
    provider, model, said, chosen, replicate = call
    name = data.draw(st.sampled_from(["temperature", "top_p", "seed"]))
    value = data.draw(numbers.filter(lambda number: number != chosen.get(name) or isinstance(chosen.get(name), bool)))
    changed = chosen | {name: value}
    assert request_key(provider, model, said, chosen, replicate) != request_key(provider, model, said, changed, replicate)


@pytest.mark.parametrize("which", range(5))
def test_each_part_of_a_call_is_part_of_its_identity(which):
    call = ["openai", "gpt", [{"role": "user", "content": "Hi"}], {"temperature": 1}, 0]
    other = ["ollama", "llama", [{"role": "user", "content": "Hi "}], {"temperature": 1.5}, 1]
    assert request_key(*call) != request_key(*call[:which], other[which], *call[which + 1 :])


def test_a_parameter_that_is_none_is_one_that_is_not_sent():
    said = [{"role": "user", "content": "Hi"}]
    assert request_key("p", "m", said, {"seed": None}, 0) == request_key("p", "m", said, {}, 0)


def test_the_key_is_the_same_in_every_version_that_shares_the_schema():
    said = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße 🙂"})
    key = request_key("api.openai.com", "gpt-4o-mini", said, {"temperature": 0.7, "stop": ["\n"], "seed": 12}, 3)
    assert key == "e461a7d40273a30e86bde109971ca353bd2c7fbacaa774c704794137b9d91d64"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60, "\ud800"])
def test_what_has_no_canonical_form_is_refused_in_one_line(value):
    with pytest.raises(BadInput, match="no canonical form") as refused:
        request_key("p", "m", [{"role": "user", "content": "Hi"}], {"seed": value}, 0)
    assert "\n" not in str(refused.value)


@settings(max_examples=CASES // 10)
@given(st.integers(0, 2**63), st.integers(0, 10**5), st.integers(0, 10**4), st.integers(0, 10**4))
def test_seeds_of_replicates_fit_every_server(seed, prompt, setting, replicate):
    assert 0 <= replicate_seed(seed, prompt, setting, replicate) < 2**SEED_BITS


def test_seeds_of_neighbouring_replicates_differ():
    drawn = {replicate_seed(7, p, s, r) for p in range(10) for s in range(10) for r in range(10)}
    assert len(drawn) == 1000
