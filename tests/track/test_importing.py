"""Surveys of many kinds become valid tracks, and their points stay where they are."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.importing import survey
from retroracer.track.mending import MOST_MOVED
from retroracer.track.points import SmoothLoop
from retroracer.track.validity import is_valid


def spaced(xy, step):
    loop = SmoothLoop(xy)
    n = round(loop.length / step)
    return loop.pose(np.arange(n) * loop.length / n)[0]


def circuit(step=5.0):
    """A clover of some 5 km without any corner below 60 m."""
    t = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    r = 600.0 + 160.0 * np.sin(3.0 * t + 0.3) + 70.0 * np.cos(5.0 * t)
    return spaced(np.stack([1.3 * r * np.cos(t), r * np.sin(t)], axis=1), step)


def figure_eight(step=5.0):
    t = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    return spaced(np.stack([700.0 * np.sin(t), 400.0 * np.sin(2.0 * t)], axis=1), step)


def write(tmp_path, xy, right=5.0, left=6.0):
    rows = np.column_stack([xy, np.broadcast_to(right, len(xy)), np.broadcast_to(left, len(xy))])
    path = tmp_path / "survey.csv"
    np.savetxt(path, rows, delimiter=",", fmt="%.4f", header="x_m,y_m,w_tr_right_m,w_tr_left_m")
    return path


def farthest(points, line):
    """Largest distance of points from a closed polyline."""
    import shapely

    return float(shapely.distance(shapely.points(points), shapely.LinearRing(line)).max())


@pytest.mark.slow
@pytest.mark.parametrize("step", [1.0, 2.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("direction", [1, -1])
def test_circuits_keep_every_point_whatever_the_spacing_and_direction(tmp_path, step, direction):
    xy = circuit(step)[::direction]
    found = survey(write(tmp_path, xy), "x")
    assert is_valid(found.track) and found.notes == ()
    assert np.allclose(found.xy, xy, atol=1e-4)
    assert farthest(xy, found.track.xy) < 0.05
    turns_left = found.track.closing_turn > 0
    assert turns_left is (direction > 0)
    assert np.allclose(found.track.half_width_left, 6.0)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.03, 0.1])
@pytest.mark.parametrize("step", [2.0, 5.0])
def test_noisy_surveys_become_valid_and_hardly_move(tmp_path, step, noise):
    xy = circuit(step)
    xy = xy + np.random.default_rng(1).normal(0.0, noise, xy.shape)
    found = survey(write(tmp_path, xy), "x")
    assert is_valid(found.track)
    assert np.hypot(*(found.xy - xy).T).max() <= MOST_MOVED + 1e-3


def test_a_figure_of_eight_becomes_a_bridge(tmp_path):
    found = survey(write(tmp_path, figure_eight()), "x")
    assert found.track.crossing and is_valid(found.track)
    assert found.track.closing_turn == 0.0
    assert len(found.notes) == 1 and "bridge" in found.notes[0]


def test_a_repeated_end_point_is_dropped_silently(tmp_path):
    xy = circuit()
    found = survey(write(tmp_path, np.vstack([xy, xy[:1]])), "x")
    assert len(found.xy) == len(xy) and found.notes == ()


def test_points_given_twice_are_dropped_with_a_note(tmp_path):
    xy = circuit()
    found = survey(write(tmp_path, np.insert(xy, 40, xy[40], axis=0)), "x")
    assert len(found.xy) == len(xy)
    assert found.notes == ("1 points that repeat the one before were dropped (line 43)",)


def dented(radius):
    """A rounded triangle whose sharpest corner has about the radius given."""
    corners = np.array([[0.0, 0.0], [300.0, -90.0], [300.0, 90.0]])
    out = []
    for k in range(3):
        a, b, c = corners[k - 1], corners[k], corners[(k + 1) % 3]
        before, after = (a - b) / np.hypot(*(a - b)), (c - b) / np.hypot(*(c - b))
        half = 0.5 * np.arccos(before @ after)
        r = radius if k == 0 else 40.0
        centre = b + (before + after) / np.hypot(*(before + after)) * r / np.sin(half)
        start = b + before * r / np.tan(half) - centre
        sweep = np.pi - 2.0 * half
        sign = np.sign(before[1] * after[0] - before[0] * after[1]) or 1.0
        for f in np.linspace(0.0, sign * sweep, 1 + round(r * sweep)):
            turn = np.array([[np.cos(f), -np.sin(f)], [np.sin(f), np.cos(f)]])
            out.append(centre + turn @ start)
    xy = np.array(out)
    s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(np.vstack([xy, xy[:1]]), axis=0).T))])
    even = np.linspace(0.0, s[-1], round(s[-1] / 3.0), endpoint=False)
    ring = np.vstack([xy, xy[:1]])
    return np.stack([np.interp(even, s, ring[:, k]) for k in (0, 1)], axis=1)


def test_the_road_is_narrowed_only_where_a_corner_is_tighter_than_it_is_wide(tmp_path):
    xy = dented(5.0)
    found = survey(write(tmp_path, xy, 7.0, 7.0), "x")
    assert is_valid(found.track)
    assert np.hypot(*(found.xy - xy).T).max() <= MOST_MOVED + 1e-3
    inner = np.minimum(found.left, found.right)
    near = np.hypot(*(xy - xy[np.argmin(inner)]).T) < 40.0
    assert inner[near].min() < 6.0
    assert np.allclose(inner[~near], 7.0)
    assert any("narrowed" in note and "line" in note for note in found.notes)


def test_widths_that_jump_are_narrowed_into_a_ramp(tmp_path):
    xy = circuit()
    right = np.full(len(xy), 5.0)
    right[100:110] = 20.0
    found = survey(write(tmp_path, xy, right), "x")
    assert is_valid(found.track)
    assert (found.right <= right + 1e-9).all()
    assert np.abs(np.diff(found.right)).max() <= 0.5 * 5.1
    assert found.right.max() > 14.0
    assert any("jump" in note for note in found.notes)


@pytest.mark.slow
def test_stretches_too_near_each_other_are_narrowed(tmp_path):
    t = np.linspace(0.0, 2.0 * np.pi, 800, endpoint=False)
    # A bone whose middle is 12 m wide from centreline to centreline.
    y = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.5 * (6.0 + 60.0 * np.cos(t) ** 8)
    xy = spaced(np.stack([400.0 * np.cos(t), y], axis=1)[1::5], 5.0)
    found = survey(write(tmp_path, xy, 5.0, 5.0), "x")
    assert is_valid(found.track)
    assert any("narrowed" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xy: xy[np.random.default_rng(0).permutation(len(xy))], "driving order"),
        (lambda xy: xy[: len(xy) // 2], "must come back to its start"),
        (lambda xy: np.delete(xy, slice(100, 180), axis=0), "driving order, without gaps"),
        (lambda xy: np.repeat(xy[:1], 20, axis=0), "must be metres"),
        (lambda xy: xy * 1e-5, "must be metres"),
        (lambda xy: np.repeat(xy[::200], 5, axis=0), "different points"),
        (lambda xy: np.vstack([xy, xy[::-1]]), "turns back on itself"),
    ],
)
def test_points_that_are_no_lap_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        survey(write(tmp_path, change(circuit())), "x")


def test_a_file_without_widths_needs_one(tmp_path):
    path = tmp_path / "survey.csv"
    np.savetxt(path, circuit(), delimiter=",", fmt="%.3f")
    with pytest.raises(UserError, match="--width"):
        survey(path, "x")
    assert np.allclose(survey(path, "x", 11.0).track.half_width_left, 5.5)
