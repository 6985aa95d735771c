"""What measuring and smoothing do to a road."""

import numpy as np
import pytest

from retroracer.track.geometry import Corner, Straight, profile_of, solve_auto_straights
from retroracer.track.recipe import TrackRanges
from retroracer.track.resurvey import INSIDE_MARGIN, Errors, Line, draw_errors, resurveyed

EXACT = Errors(roughness=0.0, smoothing=1e-3, width_noise=0.0)


def road(radius: float = 20.0, half: float = 6.0, step: float = 2.0) -> Line:
    """A rectangle with rounded corners, sampled evenly."""
    corner = Corner(1, np.pi / 2.0, radius, None, 4.0)
    pieces = [Straight(200.0), corner, Straight(90.0), corner]
    pieces += [Straight(None), corner, Straight(None), corner]
    profile = profile_of(solve_auto_straights(pieces))
    n = round(profile.length / step)
    s = np.arange(n) * (profile.length / n)
    xy, heading = profile.xy_at(s), profile.heading_at(s)
    return Line(xy, heading, profile.length, np.full(n, half), np.full(n, half), np.arange(n))


def circle(radius: float) -> Line:
    n = round(np.pi * radius)
    angle = np.arange(n) / n * 2.0 * np.pi
    xy = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    wide = np.full(n, 5.0)
    return Line(xy, angle + np.pi / 2.0, 2.0 * np.pi * radius, wide, wide, np.arange(n))


def curvature(line: Line) -> np.ndarray:
    turn = np.roll(line.heading, -1) - np.roll(line.heading, 1)
    return np.angle(np.exp(1j * turn)) * len(line.xy) / (2.0 * line.length)


def edge(line: Line, side: int) -> np.ndarray:
    half = line.left if side > 0 else line.right
    normal = np.stack([-np.sin(line.heading), np.cos(line.heading)], axis=1)
    return line.xy + side * half[:, None] * normal


def test_a_survey_without_errors_tells_the_road_as_it_is() -> None:
    rng, known = np.random.default_rng(1), road()
    told = resurveyed(rng, known, EXACT, 2.0)
    assert told.length == pytest.approx(known.length, rel=1e-3)
    assert np.allclose(told.xy, known.xy, atol=0.05)
    assert np.allclose(told.left, 6.0, atol=0.01) and np.allclose(told.right, 6.0, atol=0.01)


def test_smoothing_gives_a_corner_a_peak_and_draws_the_line_inside_while_the_edges_stay() -> None:
    rng, known = np.random.default_rng(1), road()
    told = resurveyed(rng, known, EXACT._replace(smoothing=8.0), 2.0)
    peak = int(curvature(told).argmax())
    assert told.left[peak] < 5.5 and told.right[peak] > 6.5
    flat = np.mean(curvature(known) > 0.9 * curvature(known).max())
    assert np.mean(curvature(told) > 0.9 * curvature(told).max()) < 0.8 * flat
    for side in (1, -1):
        away = edge(told, side)[:, None] - edge(road(step=0.2), side)
        assert np.hypot(away[..., 0], away[..., 1]).min(axis=1).max() < 0.3


@pytest.mark.parametrize("smoothing", [4.0, 9.0])
def test_straights_are_as_rough_as_asked_for_whatever_the_smoothing(smoothing: float) -> None:
    known = circle(3000.0)
    errors = Errors(roughness=0.001, smoothing=smoothing, width_noise=0.0)
    told = resurveyed(np.random.default_rng(2), known, errors, 2.0)
    assert np.std(curvature(told)) == pytest.approx(0.001, rel=0.15)


def test_samples_are_even_and_close_the_lap() -> None:
    told = resurveyed(np.random.default_rng(3), road(), Errors(0.002, 5.0, 0.2), 2.0)
    step = np.hypot(*(np.roll(told.xy, -1, axis=0) - told.xy).T)
    assert np.allclose(step, told.length / len(told.xy), rtol=0.02)
    assert np.angle(np.exp(1j * (told.heading[-1] - told.heading[0]))) == pytest.approx(0, abs=0.05)


def test_inner_edges_keep_away_from_the_centres_of_bends_and_outer_ones_are_left_alone() -> None:
    known = road(radius=10.0, half=9.0)
    kept = known.held_back(3.0)
    bend = curvature(known)
    assert (kept.left < 1.0 / np.maximum(bend, 1e-3) - INSIDE_MARGIN + 1e-9).all()
    assert (kept.right == 9.0).all() and kept.left.max() == 9.0


def test_smoothing_is_never_so_long_that_it_swallows_the_tightest_corner() -> None:
    ranges = TrackRanges(smoothing=(50.0, 60.0))
    assert draw_errors(np.random.default_rng(0), ranges, 10.0).smoothing == 7.0
