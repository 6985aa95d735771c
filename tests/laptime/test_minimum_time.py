"""Derivatives and building blocks of the solver: rings, ribbons, paths."""

import numpy as np
import pytest

from retroracer.laptime.cyclic import CyclicBand
from retroracer.laptime.envelope import envelope
from retroracer.laptime.interior_point import minimise
from retroracer.laptime.limit import grips_of
from retroracer.laptime.minimum_time import (
    ENERGY,
    FastestLine,
    StraightestLine,
    arc_over_chord,
    straightest_line,
)
from retroracer.laptime.ribbon import chords, path_curvature, ribbon
from retroracer.physics.car import load_car
from retroracer.track.generate import track_from_seed
from tests.shapes import circle, oval


def dense(matrix: CyclicBand) -> np.ndarray:
    out = np.zeros((matrix.size, matrix.size))
    for d in range(matrix.band + 1):
        for j in range(matrix.size):
            i = (j + d) % matrix.size
            out[j, i] = out[i, j] = matrix.diagonals[d, j]
    return out


def test_a_cyclic_band_solves_like_a_dense_matrix():
    rng = np.random.default_rng(1)
    matrix = CyclicBand(40, 4)
    root = rng.normal(size=(20, 5, 5))
    first = (2 * np.arange(20) - 2) % 40
    matrix.add_blocks(first, root @ root.transpose(0, 2, 1))
    matrix.diagonals[0] += 0.1
    right = rng.normal(size=40)
    solve = matrix.factor()
    assert solve is not None
    assert np.allclose(dense(matrix) @ solve(right), right)


def test_a_cyclic_band_that_is_not_positive_definite_says_so():
    matrix = CyclicBand(20, 2)
    matrix.diagonals[0] = 1.0
    matrix.diagonals[1, 19] = 3.0  # only the pair across the seam is indefinite
    assert matrix.factor() is None


class Distances:
    """Points on a ring, each drawn to a target and tied to its neighbour; one margin each."""

    stride, shift, width = 1, -1, 2

    def __init__(self, target: np.ndarray, most: float) -> None:
        self.target, self.most = target, most
        self.low, self.high = np.full(len(target), -3.0), np.full(len(target), 1.0)

    def value(self, x):
        step = x - np.roll(x, 1)
        return float(((x - self.target) ** 2).sum()), self.most**2 - step**2

    def terms(self, x):
        from retroracer.laptime.interior_point import Terms

        objective, margin = self.value(x)
        n, step = len(x), x - np.roll(x, 1)
        gradient, hessian = np.zeros((n, 2)), np.zeros((n, 2, 2))
        gradient[:, 1], hessian[:, 1, 1] = 2.0 * (x - self.target), 2.0
        bend = -2.0 * np.array([[1.0, -1.0], [-1.0, 1.0]])
        return Terms(
            objective,
            margin,
            gradient,
            hessian,
            np.stack([2.0 * step, -2.0 * step], axis=1),
            np.tile(bend, (n, 1, 1)),
        )


def test_the_method_finds_the_constrained_minimum_another_one_finds():
    from scipy.optimize import minimize

    target = 2.5 * np.sin(np.arange(16) * 0.9)
    problem = Distances(target, 0.8)
    x, objective = minimise(problem, np.zeros(16), accuracy=1e-7)
    other = minimize(
        lambda x: problem.value(x)[0],
        np.zeros(16),
        method="SLSQP",
        bounds=[(-3.0, 1.0)] * 16,
        constraints={"type": "ineq", "fun": lambda x: problem.value(x)[1]},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert objective == pytest.approx(other.fun, abs=1e-4)
    assert np.allclose(x, other.x, atol=1e-2)


def test_a_start_beyond_the_bounds_is_refused():
    with pytest.raises(ValueError, match="inside the bounds"):
        minimise(Distances(np.zeros(16), 0.8), np.full(16, 1.0), accuracy=1e-3)


@pytest.mark.parametrize("kind", ["time", "curvature"])
def test_derivatives_of_the_problems_are_those_of_their_values(kind):
    track, car = track_from_seed(3), load_car("gt")
    road = ribbon(track, car.width)
    rng = np.random.default_rng(0)
    n = len(road.s)
    offset = 0.5 * road.left * np.sin(np.arange(n) / 7.0) + 0.05 * rng.normal(size=n)
    if kind == "time":
        stretch = arc_over_chord(road.points(offset))
        problem = FastestLine(road, grips_of(track, car, road), stretch)
        energy = (300.0 + 80.0 * np.sin(np.arange(n) / 11.0)) / ENERGY
        x = np.stack([offset, energy], axis=1).ravel()
    else:
        problem, x = StraightestLine(road, 1.0), offset
    size = len(x)
    column = (problem.stride * np.arange(n)[:, None] + problem.shift) + np.arange(problem.width)
    column %= size
    here = problem.terms(x)

    def whole(parts):
        return np.bincount(column.ravel(), parts.ravel(), minlength=size)

    for _ in range(4):
        way = rng.normal(size=size)
        h = 1e-6
        ahead, behind = problem.terms(x + h * way), problem.terms(x - h * way)
        slope = whole(here.gradient) @ way
        assert (ahead.objective - behind.objective) / (2 * h) == pytest.approx(slope, rel=1e-5)
        bend = whole((here.hessian @ way[column][:, :, None])[:, :, 0])
        measured = (whole(ahead.gradient) - whole(behind.gradient)) / (2 * h)
        assert np.abs(measured - bend).max() < 1e-4 * np.abs(bend).max()
        slope = (here.margin_gradient * way[column]).sum(axis=1)
        measured = (ahead.margin - behind.margin) / (2 * h)
        assert np.abs(measured - slope).max() <= 1e-4 * np.abs(slope).max()
        bend = (here.margin_hessian @ way[column][:, :, None])[:, :, 0]
        measured = (ahead.margin_gradient - behind.margin_gradient) / (2 * h)
        assert np.abs(measured - bend).max() <= 1e-4 * np.abs(bend).max()


def test_curvature_and_length_of_a_circles_path_are_exact():
    road = ribbon(circle(radius=50.0, half_width=6.0), 2.0)
    for offset in (-4.0, 0.0, 5.0):
        points = road.points(np.full(len(road.s), offset))
        assert np.allclose(path_curvature(points), 1.0 / (50.0 - offset), rtol=1e-6)
        around = (chords(points) * arc_over_chord(points)).sum()
        assert around == pytest.approx(2.0 * np.pi * (50.0 - offset), rel=1e-6)


def test_nodes_are_close_together_in_corners_and_lie_on_the_road():
    track = oval(straight=300.0, radius=20.0, half_width=5.0)
    road = ribbon(track, 2.0)
    bend = np.abs(np.interp(road.s, track.s, track.curvature))
    assert road.gaps[bend > 0.04].mean() < 0.7 * road.gaps[bend < 0.001].mean()
    assert road.gaps.sum() == pytest.approx(track.length)
    xy, _ = track.pose_at(road.s, np.zeros(len(road.s)))
    assert np.hypot(*(xy - road.xy).T).max() < 0.05


def test_walls_keep_the_cars_body_off():
    n = oval().n
    track = oval(half_width=6.0, wall_left=np.full(n, 6.5), wall_right=np.full(n, 9.0))
    road = ribbon(track, 2.0)
    assert np.allclose(road.left, 5.5)
    assert np.allclose(road.right, 6.0)


def test_offsets_stop_short_of_where_normals_cross():
    road = ribbon(circle(radius=6.0, half_width=7.0), 2.0)
    assert road.left.max() < 6.0
    assert np.allclose(road.right, 7.0)


def test_the_straightest_line_round_a_circle_is_its_outer_edge():
    road = ribbon(circle(radius=60.0, half_width=8.0), 2.0)
    assert np.allclose(straightest_line(road), -8.0, atol=0.15)


@pytest.mark.slow
def test_surfaces_of_the_road_have_their_own_envelopes():
    n = oval().n
    patch = np.where((np.arange(n) > 20) & (np.arange(n) < 60), 3, 0)
    track, car = oval(road=patch), load_car("gt")
    road = ribbon(track, car.width)
    grips = grips_of(track, car, road)
    assert len(grips.envelopes) == 2
    energy, zero = np.full(len(road.s), 200.0), np.zeros(len(road.s))
    use = grips.use(energy, zero + 0.02, zero)
    dry = envelope(car, 1.0, 0.0).use(energy, zero + 0.02, zero)
    slippery = patch[road.row] == 3
    assert (use[slippery] > 1.5 * dry[slippery]).all()
    assert np.allclose(use[~slippery], dry[~slippery])
    assert np.allclose(grips.load(energy, zero + 0.02, zero).value, use)
