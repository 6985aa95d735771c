"""The shipped circuits against the official facts: length, direction, corners in their order."""

from itertools import groupby

import numpy as np
import pytest

from retroracer.track.files import load_track, open_track, shipped_tracks
from retroracer.track.track import Track

# Official length [m], tolerance, driven clockwise, corners in driving order from the start line
# (L left, R right; kinks taken without thinking left out by the radius given last [m]).
FACTS = {
    "monza": (5793, 0.005, True, "RL R LR R R LRL R", 400),
    "spa": (7004, 0.01, True, "R L R L R L R R L L R L R R L L R L", 500),
    "silverstone": (5891, 0.01, True, "R L R L L L R R R L R L R L R L R", 300),
    "suzuka": (5807, 0.01, None, "R R L R L R L R R R L R L L L R L R", 300),
    "interlagos": (4309, 0.01, False, "L R L L L R R R L R L L L", 250),
    "zandvoort": (4259, 0.01, True, "R L R L R R R R R L R L R R", 250),
    "monaco": (3337, 0.01, True, "R L L R L R L R R R L R L L R R L L R R", 280),
    "red_bull_ring": (4318, 0.01, True, "R R R R L L R R R", 250),
}
ORIGINALS = sorted(set(shipped_tracks()) - set(FACTS))


def corners(track: Track, radius: float) -> str:
    """Directions of the corners tighter than ``radius``, from the start line on."""
    k = track.curvature
    side = np.where(k > 1.0 / radius, 1, np.where(k < -1.0 / radius, -1, 0))
    return "".join("L" if s > 0 else "R" for s, _ in groupby(side) if s)


@pytest.mark.slow
@pytest.mark.parametrize("name", FACTS)
def test_a_real_circuit_has_its_official_length_and_direction(name: str) -> None:
    length, tolerance, clockwise, _, _ = FACTS[name]
    track = load_track(name)
    assert track.length == pytest.approx(length, rel=tolerance)
    turns = round(track.closing_turn / (2.0 * np.pi))
    assert turns == {True: -1, False: 1, None: 0}[clockwise]


@pytest.mark.parametrize("name", FACTS)
def test_a_real_circuit_has_its_corners_in_their_order(name: str) -> None:
    *_, order, radius = FACTS[name]
    assert corners(load_track(name), radius) == order.replace(" ", "")


@pytest.mark.slow
def test_suzuka_passes_over_itself_once_and_no_other_real_circuit_does() -> None:
    assert {name for name in FACTS if load_track(name).crossing} == {"suzuka"}


@pytest.mark.slow
def test_there_are_six_originals_of_a_kilometre_or_three() -> None:
    assert len(ORIGINALS) >= 6
    lengths = [load_track(name).length for name in ORIGINALS]
    assert min(lengths) >= 800 and max(lengths) <= 3000
    assert any(load_track(name).crossing for name in ORIGINALS)


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_tracks())
def test_a_shipped_page_raises_no_warning_and_no_corner_folds_its_inside(name: str) -> None:
    opened = open_track(name)
    assert opened.warnings == ()
    track = opened.track
    k = track.curvature
    inside = np.where(k > 0.0, track.half_width_left, track.half_width_right)
    assert (np.abs(k) * inside < 1.0).all()


@pytest.mark.parametrize("name", shipped_tracks())
def test_a_shipped_track_starts_on_a_straight_with_room_for_the_grid(name: str) -> None:
    track = load_track(name)
    grid = np.arange(-30, 20)
    assert (np.abs(track.curvature[grid]) < 1.0 / 250.0).all()
