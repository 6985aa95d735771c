"""The closed smooth curve through points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retroracer.errors import UserError
from retroracer.track.points import Knots, SmoothLoop, lay_points
from retroracer.track.problems import Report


def ring(n, radius=100.0):
    angle = 2.0 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_length_and_heading_of_a_circle():
    loop = SmoothLoop(ring(40))
    assert loop.length == pytest.approx(2.0 * np.pi * 100.0, rel=1e-5)
    s = np.linspace(0.0, loop.length, 500, endpoint=False)
    xy, heading = loop.pose(s)
    assert np.allclose(np.hypot(xy[:, 0], xy[:, 1]), 100.0, atol=5e-3)
    assert np.allclose(heading, np.pi / 2.0 + s / 100.0, atol=1e-3)


@settings(max_examples=30)
@given(st.integers(8, 24), st.integers(0, 10_000))
def test_the_curve_passes_every_point_at_its_station_at_even_speed(n, seed):
    rng = np.random.default_rng(seed)
    points = ring(n) * rng.uniform(0.95, 1.05, (n, 1))
    loop = SmoothLoop(points)
    assert np.allclose(loop.pose(loop.stations)[0], points, atol=1e-6)
    s = np.linspace(0.0, loop.length, 4000, endpoint=False)
    step = np.hypot(*np.diff(loop.pose(s)[0], axis=0).T)
    assert np.allclose(step, loop.length / 4000, rtol=1e-2)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.0, 6.3), st.floats(-1e4, 1e4))
def test_turning_and_moving_the_points_turns_and_moves_the_curve(seed, angle, shift):
    points = ring(20) * np.random.default_rng(seed).uniform(0.8, 1.2, (20, 1))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    here, there = SmoothLoop(points), SmoothLoop(points @ turn + shift)
    s = np.linspace(0.0, here.length, 300, endpoint=False)
    assert there.length == pytest.approx(here.length, rel=1e-7)
    moved = there.pose(s)[0]
    assert np.allclose(moved, here.pose(s)[0] @ turn + shift, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda xy: np.insert(xy, 5, xy[5] + 0.01, axis=0), "T23"),
        (lambda xy: np.vstack([xy, xy[:1]]), "T23"),
        (lambda xy: np.vstack([xy[:10], xy[8:9], xy[10:]]), "T23"),
        (lambda xy: xy * 100.0, "T04"),
        (lambda xy: xy * 0.01, "T04"),
    ],
)
def test_points_no_curve_can_follow_are_told(change, code):
    xy = change(ring(40))
    n = len(xy)
    locs = [("layout", "points", i) for i in range(n)]
    report = Report("page.yaml")
    with pytest.raises(UserError):
        lay_points(Knots(xy, np.full(n, 5.0), np.full(n, 5.0), [""] * n, locs), report)
    assert {p.code for p in report.errors} == {code}
