"""Prompts that a real model suggests: it follows the form badly, and its answer is read all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pplab import Lab

PROMPT = "Write a product description for a mechanical pencil, at most 60 words."


def test_what_a_small_model_writes_becomes_a_table_that_can_be_run(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It repeats the prompt itself as the first item, and goes on beyond the number asked for until its context is full."""
    monkeypatch.chdir(tmp_path)
    suggested = lab.suggest_prompts(PROMPT, 3)
    assert 1 <= len(suggested.suggested) <= 3
    assert all(text.startswith("Write a product description for") for text in suggested.suggested)
    assert PROMPT not in suggested.suggested
    ran = lab.run(data="prompts.csv", n=1, parameters={"max_tokens": 5})
    assert set(ran.responses["prompt"]) == {PROMPT, *suggested.suggested}
