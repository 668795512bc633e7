"""What a result is shown as in a notebook: its live widget where there is one, else its static form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pplab.views.widgets.base import LabWidget


def mimebundle(view: str, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the MIME bundle and metadata of a result, drawn by one of the views that `STATIC_VIEWS` names."""
    if view == "experiment":
        from pplab.views.widgets.cards import Cards

        return _widget(Cards(value.context, value))
    if view == "rate":
        from pplab.views.widgets.rate import RatingForm

        return _widget(RatingForm(value.context, value))
    from pplab.views import static

    display = getattr(static, view)(value)
    return {"text/plain": display.text, "text/html": display.html}, {}


def _widget(widget: LabWidget) -> tuple[dict[str, Any], dict[str, Any]]:
    bundle: tuple[dict[str, Any], dict[str, Any]] = widget._repr_mimebundle_()
    return bundle
