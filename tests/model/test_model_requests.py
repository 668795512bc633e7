"""What a real server does with parameters under the names they are sent by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplab import Lab


def test_a_repetition_penalty_reaches_llama_cpp_by_the_name_it_has_there(lab: Lab) -> None:
    """Under the name that most other servers know, llama.cpp passes over it in silence."""
    greedy = {"temperature": 0, "max_tokens": 24}
    settings = [greedy, {**greedy, "repetition_penalty": 1.5}, {**greedy, "x.repetition_penalty": 1.5}]
    experiment = lab.run("List colours.", n=1, settings=settings)
    none, translated, as_it_is = experiment.responses["text"]
    assert translated != none
    assert as_it_is == none
    sent = lab.sql("SELECT sent FROM responses ORDER BY setting_index")["sent"]
    assert ['"repeat_penalty"' in text for text in sent] == [False, True, False]
