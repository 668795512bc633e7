"""What a result is shown as in a notebook: its live widget where there is one, else its static form."""

from __future__ import annotations

from typing import Any


def mimebundle(view: str, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the MIME bundle and metadata of a result, drawn by one of the views that `STATIC_VIEWS` names."""
    if view == "experiment":
        from pplab.views.widgets.cards import Cards

        bundle: tuple[dict[str, Any], dict[str, Any]] = Cards(value.context, value)._repr_mimebundle_()
        return bundle
    from pplab.views import static

    display = getattr(static, view)(value)
    return {"text/plain": display.text, "text/html": display.html}, {}
