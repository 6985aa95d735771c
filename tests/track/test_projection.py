"""World to track coordinates: inverse of ``pose_at``, local, without gaps."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retroracer.track.generate import random_tracks
from retroracer.track.projection import project
from tests.shapes import circle, figure_of_eight, oval


@cache
def some_tracks():
    return [*random_tracks(21, 3), oval(), circle(), circle(turn=-1), figure_of_eight()]


def gap(a, b, length):
    """Distance of stations round the lap [m]."""
    return abs((a - b + length / 2) % length - length / 2)


@pytest.mark.slow
@given(
    which=st.integers(0, 6),
    share=st.floats(0.0, 1.0, exclude_max=True),
    reach=st.floats(-0.8, 0.8),
    off=st.floats(-4.0, 4.0),
)
def test_project_is_the_inverse_of_pose_at(which, share, reach, off):
    track = some_tracks()[which]
    s = share * track.length
    i = int(s / track.spacing)
    bend = np.abs(np.take(track.curvature, range(i - 3, i + 4), mode="wrap")).max()
    offset = reach / max(bend, 0.004)
    xy, _ = track.pose_at(np.array([s]), np.array([offset]))
    guess = np.array([s + off / (1.0 + abs(offset) * bend)])
    got_s, got_offset = project(track, xy, guess)
    assert 0.0 <= got_s[0] < track.length
    assert gap(got_s[0], s, track.length) < 1e-6
    assert got_offset[0] == pytest.approx(offset, abs=1e-6)


@pytest.mark.slow
@given(share=st.floats(0.0, 1.0), offset=st.floats(-5.0, 5.0))
def test_where_the_track_crosses_itself_the_branch_looked_at_is_kept(share, offset):
    track = figure_of_eight()
    crossing = track.length / 2.0
    s = (crossing + (share - 0.5) * 30.0) % track.length
    xy, _ = track.pose_at(np.array([s]), np.array([offset]))
    got, _ = project(track, xy, np.array([s - 2.0]))
    assert gap(got[0], s, track.length) < 1e-6
    other, _ = project(track, xy, np.array([0.0 + (share - 0.5) * 2.0]))
    assert gap(other[0], 0.0, track.length) < 30.0


def test_the_station_is_never_searched_far_away():
    track = oval()
    xy, _ = track.pose_at(np.array([300.0]), np.array([0.0]))
    got, _ = project(track, xy, np.array([20.0]))
    assert 20.0 < got[0] < 40.0


def test_the_lateral_offset_is_positive_left_of_travel():
    track = oval()
    for s in (10.0, 350.0, 700.0):
        xy, _ = track.pose_at(np.array([s]), np.array([0.0]))
        i = int(s / track.spacing)
        left = xy + 2.0 * track.normal[i]
        assert project(track, left)[1][0] == pytest.approx(2.0, abs=0.05)
        assert project(track, xy - 2.0 * track.normal[i])[1][0] == pytest.approx(-2.0, abs=0.05)


def test_without_a_guess_the_nearest_sample_is_where_to_look():
    track = some_tracks()[0]
    s = np.linspace(0.0, track.length, 50, endpoint=False)
    got, offset = project(track, track.pose_at(s, np.full(50, 1.5))[0])
    assert max(gap(a, b, track.length) for a, b in zip(got, s, strict=True)) < 1e-6
    np.testing.assert_allclose(offset, 1.5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_positions_of_the_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match="xy must be"):
        project(oval(), np.zeros(shape))


def test_guesses_of_another_number_are_refused():
    with pytest.raises(ValueError, match="s_guess"):
        project(oval(), np.zeros((2, 2)), np.zeros(3))
