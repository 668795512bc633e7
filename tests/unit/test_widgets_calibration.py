"""The view of a stored calibration shows what is stored, whichever way it was made."""

from __future__ import annotations

import pytest

import pplab
from pplab.calibration import derive, preset
from pplab.calibration.from_ratings import narrow
from pplab.errors import NotFound
from pplab.views.widgets.calibration import StoredCalibration
from pplab.views.widgets.calibration_data import preview_of


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / ".pplab", user="ada") as lab:
        yield lab


def test_it_shows_one_calibration_of_several_and_the_latest_where_none_is_named(lab):
    first, second = lab.calibrate("balanced"), lab.calibrate("precise")
    for view, shown in ((StoredCalibration(lab, first.id), first), (StoredCalibration(lab), second)):
        assert view.made["id"] == shown.id
        assert view.made["user"] == "ada"
        assert view.preview["ranges"] == {name: (r.low, r.high) for name, r in shown.ranges.items()}
        assert view.preview["personas"] == shown.personas
        assert shown.persona in " ".join(view.static().text.split())
        view.close()


def test_one_that_ratings_narrowed_shows_what_they_moved():
    tried = [{"temperature": 0.0}, {"temperature": 0.5}, {"temperature": 1.0}]
    narrowed = narrow(derive(preset("balanced")), tried, {1}, words="temperature 0.5", persona="Be warm.")
    shown = preview_of(narrowed)
    assert shown["ranges"]["temperature"] == (0.25, 0.75)
    assert (shown["rows"][-1]["question"], shown["rows"][-1]["answer"]) == ("ratings", "temperature 0.5")
    assert shown["personas"]["medium"] == "Be warm."


def test_one_that_is_not_there_is_said_in_words(lab):
    lab.calibrate("balanced")
    with pytest.raises(NotFound) as refused:
        StoredCalibration(lab, "ffffffff")
    assert refused.value.hint


def test_it_takes_no_message_and_has_no_trait_to_choose(lab):
    lab.calibrate("balanced")
    view = StoredCalibration(lab)
    assert view.takes == ()
    assert not view.trait_names(shape=lambda shape: shape is not None, echo_update=lambda echo: echo is None)
    view.close()
