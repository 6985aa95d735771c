"""The judge of roads, against roads whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.track.geometry import Corner, Straight, profile_of, solve_auto_straights
from retroracer.track.track import even_track
from retroracer.track.validity import find_flaws, is_valid, road_polygon


def ring(radius=60.0, half=6.0, **fields):
    """A circular track."""
    n = round(2.0 * np.pi * radius / 2.0)
    angle = 2.0 * np.pi * np.arange(n) / n
    xy = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    width = np.broadcast_to(np.asarray(half, float), n)
    return even_track("ring", xy, width, width, **fields)


def hairpin(gap: float, half: float = 5.0, leg: float = 150.0):
    """Two parallel legs whose inner edges are ``gap`` apart, joined by half circles."""
    radius = half + gap / 2.0
    arc = np.linspace(0.0, np.pi, max(8, round(np.pi * radius / 2.0)), endpoint=False)
    run = np.arange(0.0, leg, 2.0)
    right = np.stack([leg + radius * np.sin(arc), -radius * np.cos(arc)], axis=1)
    left = np.stack([-radius * np.sin(arc), radius * np.cos(arc)], axis=1)
    xy = np.concatenate(
        [
            np.stack([run, np.full(len(run), -radius)], axis=1),
            right,
            np.stack([leg - run, np.full(len(run), radius)], axis=1),
            left,
        ]
    )
    width = np.full(len(xy), half)
    return even_track("hairpin", xy, width, width)


def eight(half=5.0, **fields):
    angle = np.linspace(0.0, 2.0 * np.pi, 4000, endpoint=False)
    xy = np.stack([200.0 * np.sin(angle), 100.0 * np.sin(2.0 * angle)], axis=1)
    s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    even = np.linspace(0.0, s[-1], round(s[-1] / 2.0), endpoint=False)
    xy = np.stack([np.interp(even, s, xy[:, k]) for k in (0, 1)], axis=1)
    width = np.full(len(xy), half)
    return even_track("eight", xy, width, width, **fields)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_ring_is_valid_both_ways_round(mirrored):
    track = ring().mirrored() if mirrored else ring()
    assert find_flaws(track) == [] and is_valid(track)
    assert road_polygon(track).is_valid
    area = np.pi * (66.0**2 - 54.0**2)
    assert road_polygon(track).area == pytest.approx(area, rel=1e-2)


@pytest.mark.parametrize("side", [1, -1])
def test_an_inner_edge_beyond_the_centre_of_the_corner_folds(side):
    track = ring(radius=20.0, half=21.0)
    track = track if side > 0 else track.mirrored()
    flaws = find_flaws(track)
    assert {f.code for f in flaws} == {"T22"}
    assert flaws[0].side == side
    assert flaws[0].distance == pytest.approx(20.0, rel=0.02)


@pytest.mark.parametrize(("gap", "valid"), [(4.0, True), (3.2, True), (2.8, False), (1.0, False)])
def test_legs_of_a_hairpin_need_three_metres_between_them(gap, valid):
    flaws = find_flaws(hairpin(gap))
    assert (not flaws) is valid
    if not valid:
        assert {f.code for f in flaws} == {"T21"}
        assert flaws[0].distance == pytest.approx(gap, abs=0.05)
        assert (flaws[0].side, flaws[0].other_side) == (1, 1)


def test_the_inside_of_a_tight_hairpin_alone_is_no_flaw():
    # Inner edges 2 m apart across the bend, but the legs part at once.
    corners = [Corner(1, np.radians(a), r) for a, r in ((150.0, 6.5), (105.0, 40.0), (105.0, 40.0))]
    legs = [Straight(200.0), Straight(None), Straight(None)]
    pieces = [piece for pair in zip(legs, corners, strict=True) for piece in pair]
    profile = profile_of(solve_auto_straights(pieces))
    n = round(profile.length / 2.0)
    xy = profile.xy_at(np.arange(n) * profile.length / n)
    width = np.full(n, 5.5)
    assert find_flaws(even_track("wedge", xy, width, width)) == []


def test_a_figure_of_eight_needs_a_bridge():
    flaws = find_flaws(eight())
    assert [f.code for f in flaws] == ["T20"]
    assert flaws[0].distance == pytest.approx(90.0, abs=2.0)
    assert find_flaws(eight(crossing=True)) == []
    assert is_valid(eight(crossing=True)) and not is_valid(eight())


def test_edges_that_cross_because_one_bulges_are_found():
    track = hairpin(6.0)
    wide = track.half_width_left.copy()
    wide[20:24] = 16.0  # reaches over the other leg
    bulged = even_track("bulge", track.xy, wide, track.half_width_right)
    assert {f.code for f in find_flaws(bulged)} == {"T21"}
    assert not road_polygon(bulged).is_valid


def test_widths_that_jump_from_sample_to_sample_are_judged_by_the_polygon():
    rng = np.random.default_rng(3)
    for _ in range(20):
        half = rng.uniform(2.0, 12.0, round(2.0 * np.pi * 60.0 / 2.0))
        track = ring(half=half)
        assert is_valid(track) == road_polygon(track).is_valid
