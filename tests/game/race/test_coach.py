"""Advice: when to brake, and after a race the one next thing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from retroracer.game.race.coach import curve_of_limit, next_target, place, speeds, time_to_brake
from retroracer.game.race.timing import LapCurve
from retroracer.laptime.limit import known_limit
from retroracer.physics.car import load_car
from retroracer.track.files import load_track

MONZA = load_track("monza")
LIMIT = known_limit(MONZA, load_car("gt"))
assert LIMIT is not None, "it ships"
APEX = float(LIMIT.s[np.argmin(np.where(LIMIT.s < 1200.0, LIMIT.speed, np.inf))])


def lap(change) -> LapCurve:  # type: ignore[no-untyped-def]
    """The limit's lap with its speed v changed at distances s."""
    s = np.arange(0.0, MONZA.length, 2.0)
    v = change(s, LIMIT.at(LIMIT.speed, s).copy())
    time = np.concatenate([[0.0], np.cumsum(2.0 / v)])
    return LapCurve([*s, MONZA.length], time, float(time[-1]))


def test_the_cue_comes_before_the_first_chicane_while_it_can_still_be_stopped_for() -> None:
    top = float(LIMIT.at(LIMIT.speed, APEX - 200.0))
    assert not time_to_brake(LIMIT, APEX - 310.0, top)
    cued = next(d for d in range(300, 0, -5) if time_to_brake(LIMIT, APEX - d, top))
    hardest = -float(LIMIT.tangential.min())
    needed = (top**2 - float(LIMIT.at(LIMIT.speed, APEX)) ** 2) / (2 * cued)
    assert needed < hardest, "still possible"
    assert not time_to_brake(LIMIT, APEX - 100.0, 15.0), "who is slow enough is left in peace"


def test_the_next_target_names_the_sector_the_corner_and_whose_lap() -> None:
    def slow(s, v):  # type: ignore[no-untyped-def]
        return np.where(abs(s - APEX) < 60.0, 0.6 * v, v)

    target = next_target(MONZA, lap(slow), curve_of_limit(LIMIT), "the limit")
    assert target is not None and target.sector == 1
    assert "Prima Variante" in target.advice and "more speed" in target.advice
    assert str(target).startswith(f"{target.lost:.1f} s lost in sector 1 to the limit:")


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda s, v: np.where((s > APEX - 260) & (s < APEX - 40), np.minimum(v, 30.0), v),
         "brake later"),
        (lambda s, v: np.where(abs(s - APEX) < 30, 1.3 * v,
                               np.where((s >= APEX + 30) & (s < APEX + 200), 0.5 * v, v)),
         "brake earlier"),
        (lambda s, v: np.where((s > APEX + 35) & (s < APEX + 250), 0.75 * v, v),
         "earlier on the throttle"),
    ],
)  # fmt: skip
def test_the_advice_is_what_the_speeds_say(change, advice: str) -> None:  # type: ignore[no-untyped-def]
    target = next_target(MONZA, lap(change), curve_of_limit(LIMIT), "the limit")
    assert target is not None and advice in target.advice, target


def test_a_lap_as_fast_as_the_other_has_no_target() -> None:
    mine = lap(lambda s, v: v)
    assert next_target(MONZA, mine, mine, "yourself") is None


def test_a_corner_without_a_name_is_told_by_its_distance() -> None:
    assert place(load_track("monza"), 1139.0 + 20.0) != ""
    nameless = replace(MONZA, labels=())
    assert place(nameless, 1234.0) == ""
    theirs = lap(lambda s, v: v)
    target = next_target(nameless, lap(lambda s, v: 0.8 * v), theirs, "the limit")
    assert target is not None and re.search(r" the corner at \d\.\d km$", target.advice), target


def test_speeds_come_from_time_against_distance() -> None:
    even = LapCurve([0.0, 1000.0], [0.0, 50.0], 50.0)
    np.testing.assert_allclose(speeds(even, np.arange(20.0, 900.0, 50.0)), 20.0)
