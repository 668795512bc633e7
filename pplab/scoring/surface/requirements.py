"""What a prompt asks for that can be verified without judgement, found in its wording."""

from __future__ import annotations

import functools

from pplab.scoring.surface.requirement import STRAIGHT, Requirement

LONGEST_PROMPT = 20_000
"""Characters of a prompt that are searched: its first and last halves of this when it is longer."""


def requirements(prompt: str) -> tuple[Requirement, ...]:
    """Return what ``prompt`` verifiably asks for, in a fixed order.

    Examples
    --------
    >>> for found in requirements("List exactly 3 bullet points in all lowercase letters. Do not use any commas."):
    ...     print(found.kind, "|", found.wording)
    punctuation:no_comma | no commas
    change_case:english_lowercase | only lower case
    detectable_format:number_bullet_lists | exactly 3 bullet points
    """
    if len(prompt) > LONGEST_PROMPT:
        prompt = prompt[: LONGEST_PROMPT // 2] + "\n" + prompt[-LONGEST_PROMPT // 2 :]
    return _requirements(prompt)


@functools.lru_cache(maxsize=256)
def _requirements(prompt: str) -> tuple[Requirement, ...]:
    from pplab.scoring.surface import (  # some sixty patterns, compiled when the first prompt is read
        form_requests,
        layout_requests,
        wording_requests,
    )

    text = prompt.translate(STRAIGHT)
    families = (*wording_requests.FAMILIES, *form_requests.FAMILIES, *layout_requests.FAMILIES)
    return tuple(dict.fromkeys(requirement for family in families for requirement in family(text)))
