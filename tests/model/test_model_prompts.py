"""Prompts that a real model suggests: it follows the form badly, and its answer is read all the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pplab import Lab

PROMPT = "Explain in three sentences why it rains."


def test_what_a_small_model_writes_becomes_a_table_that_can_be_run(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It repeats itself, and writes fewer than were asked for."""
    monkeypatch.chdir(tmp_path)
    suggested = lab.suggest_prompts(PROMPT, 6)
    assert 1 <= len(suggested.suggested) <= 6
    assert PROMPT not in suggested.suggested
    assert not any("\n" in text or re.match(r"\d+[.)]|[-*] ", text) for text in suggested.suggested)
    ran = lab.run(data="prompts.csv", n=1, parameters={"max_tokens": 5})
    assert set(ran.responses["prompt"]) == {PROMPT, *suggested.suggested}
