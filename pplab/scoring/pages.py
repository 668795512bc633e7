"""The pages of documentation, one a metric, one each on the reader, on judges and on people, that travel with the package."""

from __future__ import annotations

from pathlib import Path

from pplab.errors import NotFound, did_you_mean
from pplab.plan.vocabulary import CORRECT, SCORES
from pplab.scoring import registry

PAGES = (CORRECT, *SCORES, "diversity", "reader", "judge", "person", "custom")


def doc(name: str) -> str:
    """Return the page on a metric, on the ``reader``, a ``judge`` or a ``person``, as Markdown; of a user's metric, what it says.

    Examples
    --------
    >>> doc("coherence").startswith("# Coherence")
    True
    """
    if name in PAGES:
        return (Path(__file__).with_name("docs") / f"{name}.md").read_text(encoding="utf-8")
    function = registry.user_metric(name)
    if function is None:
        names = (*PAGES, *(info.name for info in registry.registered() if not info.built_in))
        raise NotFound(f"there is no page on '{name}'", hint=did_you_mean(name, names) or f"pages: {', '.join(names)}")
    return f"# {name}\n\n{function.__doc__ or ''}"
