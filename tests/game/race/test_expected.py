"""What the menu says of a rival is what it drove, in order, without the jargon of training."""

from dataclasses import replace

import numpy as np
import pytest

from retroracer.game.race.author import authors
from retroracer.game.race.expected import Expected, author_time, expected
from retroracer.game.race.track_times import TrackTimes
from retroracer.game.replay.records import Records
from retroracer.game.screens.menu import Menu
from retroracer.laptime.limit import known_limit, known_time
from retroracer.physics.car import load_car, shipped_cars
from retroracer.track.files import load_track, shipped_tracks
from tests.game.races import frames, game

GT = load_car("gt")


def test_words_are_a_time_and_a_distance_to_the_limit() -> None:
    assert Expected(112.3, 0.083, True).words() == "about 1:52, 8 % over the limit"
    assert Expected(41.2, 0.101, True).words() == "about 41 s, 10 % over the limit"
    assert "does not get round" in Expected(None, None, True).words()


def test_a_shipped_driver_is_expected_to_drive_what_its_evaluation_says() -> None:
    track = load_track("monza")
    limit = known_time(track, GT)
    found = expected("club", track, limit)
    assert found.measured and found.lap_time is not None and limit is not None
    assert found.over == pytest.approx(found.lap_time / limit - 1.0)
    assert 100.0 < found.lap_time < 125.0


def test_on_a_road_nobody_was_judged_on_it_is_worked_out_from_others() -> None:
    track = replace(load_track("monza"), name="mine")
    found = expected("club", track, 60.0)
    assert not found.measured and found.lap_time == pytest.approx(60.0 * (1 + (found.over or 0.0)))
    assert expected("club", load_track("monza"), 90.0).measured is False, "another road by now"
    assert expected("nobody", track, 60.0).lap_time is None


@pytest.mark.slow
@pytest.mark.parametrize("car", shipped_cars())
def test_limits_of_every_shipped_track_and_car_are_there_at_once(car: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    times = TrackTimes(Records(tmp_path), solve=False)
    for name in shipped_tracks():
        assert times.limit(load_track(name), load_car(car)) is not None, name


@pytest.mark.slow
def test_the_authors_time_of_every_shipped_track_is_there_at_once() -> None:
    for name in shipped_tracks():
        track = load_track(name)
        limit = known_time(track, GT)
        time = author_time(authors(GT), track, limit)
        assert time is not None and limit is not None and 1.0 < time / limit < 1.25, name


@pytest.mark.slow
def test_the_line_of_every_shipped_track_in_the_default_car_is_there_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("retroracer.laptime.limit.cache_dir", lambda: tmp_path)
    for name in shipped_tracks():
        track = load_track(name)
        limit = known_limit(track, GT)
        assert limit is not None, name
        assert limit.lap_time == pytest.approx(known_time(track, GT), rel=1e-3)
        assert np.ptp(limit.s) > 0.9 * track.length


@pytest.mark.slow
def test_the_menu_offers_rivals_from_slow_to_fast_and_says_no_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = game(menu=True, size=(1280, 720))
    menu = app.screen
    assert isinstance(menu, Menu)
    over = [menu.expects(d).over for d in menu.ladder()]
    known = [o for o in over if o is not None]
    assert known == sorted(known, reverse=True)
    frames(app, 1)
    track = menu.track()
    assert not isinstance(track, str)
    told = " ".join(" ".join(f) for f in menu._facts(track))
    assert "steps" not in told and "over the limit" in told and "no rubber band" in told
