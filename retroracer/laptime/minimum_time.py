"""The optimisation problems on a road: fastest line, straightest line, fastest speed on a line.

Owns their objectives and constraints, as problems on a ring. The unknowns are the lateral offset at
each node and the energy v^2 / 2 half way to the next node. At each node the car's accelerations
must lie inside its envelope. The discretisation is of second order in the distance of the nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retroracer.laptime.envelope import Envelope, Load
from retroracer.laptime.interior_point import Terms, minimise
from retroracer.laptime.ribbon import Ribbon, chords, path_curvature, shape_of
from retroracer.track.geometry import Array

ENERGY = 100.0
"""Unit of the unknown energies [m^2/s^2], so that their size is similar to that of offsets."""

TIME_ACCURACY = 1e-3
"""Accuracy to which the discrete problem is solved [about, s per km]."""

_OFFSETS, _ENERGIES = [0, 2, 4], [1, 3]


class Grips:
    """The car's envelope at each node of a ribbon: that of index ``which`` (N,)."""

    def __init__(self, envelopes: Sequence[Envelope], which: npt.NDArray[np.int64]) -> None:
        self.envelopes = envelopes
        self.nodes = [np.flatnonzero(which == k) for k in range(len(envelopes))]
        self.count = len(which)

    def load(self, energy: Array, curvature: Array, tangential: Array) -> Load:
        """``Envelope.load`` with each node's own envelope."""
        if len(self.envelopes) == 1:
            return self.envelopes[0].load(energy, curvature, tangential)
        out = Load(np.empty(self.count), np.empty((self.count, 3)), np.empty((self.count, 3, 3)))
        for envelope, at in zip(self.envelopes, self.nodes, strict=True):
            part = envelope.load(energy[at], curvature[at], tangential[at])
            for whole, own in zip(out, part, strict=True):
                whole[at] = own
        return out

    def use(self, energy: Array, curvature: Array, tangential: Array) -> Array:
        """``Envelope.use`` with each node's own envelope."""
        out = np.empty(self.count)
        for envelope, at in zip(self.envelopes, self.nodes, strict=True):
            out[at] = envelope.use(energy[at], curvature[at], tangential[at])
        return out


class FastestLine:
    """The problem of least time over offsets and energies: x = (offset_0, energy_0, offset_1, ...).

    ``stretch`` (N,) is the length of the arc over that of the chord of each step, on a line near
    the solution.
    """

    stride, shift, width = 2, -2, 5

    def __init__(self, road: Ribbon, grips: Grips, stretch: Array) -> None:
        self.road, self.grips, self.stretch = road, grips, stretch
        gaps = road.gaps
        before = np.roll(gaps, 1)
        # Weight of the energy behind a node in the energy at the node, by linear interpolation.
        self.behind = gaps / (gaps + before)
        n = len(road.s)
        self.low = np.full(2 * n, 0.5 / ENERGY)
        self.high = np.full(2 * n, np.inf)
        self.low[::2], self.high[::2] = -road.right, road.left

    def _state(self, x: Array, step: Array) -> tuple[Array, Array, Array, Array, Array]:
        after = ENERGY * x[1::2]
        before = np.roll(after, 1)
        energy = self.behind * before + (1.0 - self.behind) * after
        arc = step * self.stretch
        way = 0.5 * (arc + np.roll(arc, 1))
        return after, energy, (after - before) / way, arc, way

    def value(self, x: Array) -> tuple[float, Array]:
        """Time [s] and margins of the envelope (N,)."""
        if x[1::2].min() <= 0.0:
            return np.inf, np.full(len(self.road.s), -1.0)
        points = self.road.points(x[::2])
        after, energy, tangential, arc, _ = self._state(x, chords(points))
        use = self.grips.use(energy, path_curvature(points), tangential)
        return float((arc / np.sqrt(2.0 * after)).sum()), 1.0 - use

    def terms(self, x: Array) -> Terms:
        """Time, margins and all derivatives."""
        shape = shape_of(self.road, x[::2])
        after, energy, tangential, arc, way = self._state(x, shape.step)
        n = len(after)
        load = self.grips.load(energy, shape.curvature, tangential)
        here, back = self.stretch, np.roll(self.stretch, 1)
        way_g = 0.5 * (here[:, None] * shape.step_gradient + back[:, None] * shape.before_gradient)
        way_h = 0.5 * (
            here[:, None, None] * shape.step_hessian + back[:, None, None] * shape.before_hessian
        )
        # Inner derivatives of (energy, curvature, tangential) by the five variables.
        inner = np.zeros((n, 3, 5))
        inner[:, 0, 1], inner[:, 0, 3] = ENERGY * self.behind, ENERGY * (1.0 - self.behind)
        inner[:, 1, _OFFSETS] = shape.curvature_gradient
        inner[:, 2, _OFFSETS] = -(tangential / way)[:, None] * way_g
        inner[:, 2, 1], inner[:, 2, 3] = -ENERGY / way, ENERGY / way
        margin_g = -np.einsum("na,nai->ni", load.gradient, inner)
        hessian = np.einsum("nai,nab,nbj->nij", inner, load.hessian, inner, optimize=True)
        grid = np.ix_(range(n), _OFFSETS, _OFFSETS)
        bend = load.gradient[:, 1][:, None, None] * shape.curvature_hessian
        outer = way_g[:, :, None] * way_g[:, None, :]
        push = load.gradient[:, 2]
        curved = 2.0 * outer / way[:, None, None] - way_h
        bend += (push * tangential / way)[:, None, None] * curved
        hessian[grid] += bend
        for at, sign in zip(_ENERGIES, (-1.0, 1.0), strict=True):
            mixed = -(sign * ENERGY * push / way**2)[:, None] * way_g
            hessian[:, at, _OFFSETS] += mixed
            hessian[:, _OFFSETS, at] += mixed

        slowness = (2.0 * after) ** -0.5
        time_g, time_h = np.zeros((n, 5)), np.zeros((n, 5, 5))
        step_g = here[:, None] * shape.step_gradient
        time_g[:, _OFFSETS] = slowness[:, None] * step_g
        time_g[:, 3] = -ENERGY * arc * slowness**3
        time_h[grid] = (slowness * here)[:, None, None] * shape.step_hessian
        time_h[:, 3, 3] = 3.0 * ENERGY**2 * arc * slowness**5
        mixed = -ENERGY * (slowness**3)[:, None] * step_g
        time_h[:, 3, _OFFSETS] += mixed
        time_h[:, _OFFSETS, 3] += mixed
        return Terms(
            objective=float((arc * slowness).sum()),
            margin=1.0 - load.value,
            gradient=time_g,
            hessian=time_h,
            margin_gradient=margin_g,
            margin_hessian=-hessian,
        )


class FastestSpeed:
    """The problem of least time along a line of offsets (N,) [m]: only the energies are free."""

    stride, shift, width = 1, -1, 2

    def __init__(self, line: FastestLine, offset: Array) -> None:
        self.line, self.offset = line, offset
        n = len(offset)
        self.low, self.high = np.full(n, 0.5 / ENERGY), np.full(n, np.inf)

    def whole(self, x: Array) -> Array:
        """The unknowns of ``FastestLine``."""
        return np.stack([self.offset, x], axis=1).ravel()

    def value(self, x: Array) -> tuple[float, Array]:
        """Time [s] and margins of the envelope (N,)."""
        return self.line.value(self.whole(x))

    def terms(self, x: Array) -> Terms:
        """Time, margins and all derivatives."""
        t = self.line.terms(self.whole(x))
        return Terms(
            t.objective,
            t.margin,
            t.gradient[:, _ENERGIES],
            t.hessian[:, _ENERGIES][:, :, _ENERGIES],
            t.margin_gradient[:, _ENERGIES],
            t.margin_hessian[:, _ENERGIES][:, :, _ENERGIES],
        )


class StraightestLine:
    """The problem of the least integral of curvature squared (over ``scale``), by the offsets."""

    stride, shift, width = 1, -1, 3

    def __init__(self, road: Ribbon, scale: float) -> None:
        self.road, self.scale = road, scale
        self.low, self.high = -road.right, road.left

    def value(self, x: Array) -> tuple[float, Array]:
        """Objective, and margins of 1: the only constraints are the bounds."""
        points = self.road.points(x)
        step = chords(points)
        way = 0.5 * (step + np.roll(step, 1))
        return float((way * path_curvature(points) ** 2).sum()) / self.scale, np.ones(len(x))

    def terms(self, x: Array) -> Terms:
        """Objective and its derivatives."""
        s = shape_of(self.road, x)
        n = len(x)
        k, kg, kh = s.curvature, s.curvature_gradient, s.curvature_hessian
        way = 0.5 * (s.step + s.before)
        way_g = 0.5 * (s.step_gradient + s.before_gradient)
        way_h = 0.5 * (s.step_hessian + s.before_hessian)
        square_g = 2.0 * k[:, None] * kg
        square_h = 2.0 * (kg[:, :, None] * kg[:, None, :] + k[:, None, None] * kh)
        mixed = square_g[:, :, None] * way_g[:, None, :]
        gradient = way[:, None] * square_g + (k * k)[:, None] * way_g
        hessian = way[:, None, None] * square_h + mixed + mixed.transpose(0, 2, 1)
        hessian += (k * k)[:, None, None] * way_h
        return Terms(
            float((way * k * k).sum()) / self.scale,
            np.ones(n),
            gradient / self.scale,
            hessian / self.scale,
            np.zeros((n, 3)),
            np.zeros((n, 3, 3)),
        )


def arc_over_chord(points: Array) -> Array:
    """Length of the arc over that of the chord, (N,), of each step of a closed path (N, 2)."""
    k = path_curvature(points)
    half = 0.5 * chords(points) * 0.5 * np.abs(k + np.roll(k, -1))
    half = np.clip(half, 1e-6, 0.9)
    return np.asarray(np.arcsin(half) / half)


def straightest_line(road: Ribbon) -> Array:
    """Offsets (N,) [m] of the line with the least integral of curvature squared."""
    start = np.zeros(len(road.s))
    scale = max(StraightestLine(road, 1.0).value(start)[0], 1e-6)
    return minimise(StraightestLine(road, scale), start, accuracy=1e-3)[0]


def guess_energy(road: Ribbon, grips: Grips, offset: Array) -> Array:
    """Energies (N,) [m^2/s^2] of a lap well below the limit on a line, to start a search from."""
    points = road.points(offset)
    curvature = path_curvature(points)
    speed = np.empty(len(offset))
    for envelope, at in zip(grips.envelopes, grips.nodes, strict=True):
        speed[at] = np.minimum(envelope.corner_speed(curvature[at]), 0.9 * envelope.fastest)
    energy = 0.45 * np.minimum(speed, np.roll(speed, -1)) ** 2
    s = np.concatenate([[0.0], np.cumsum(np.tile(chords(points), 3))])[:-1]
    gentle = 0.8 * abs(min(envelope.centre for envelope in grips.envelopes))
    n = len(offset)
    braked = np.minimum.accumulate((np.tile(energy, 3) + gentle * s)[::-1])[::-1] - gentle * s
    driven = np.minimum.accumulate(braked - gentle * s) + gentle * s
    return np.asarray(driven[n : 2 * n])


def fastest_speed(road: Ribbon, grips: Grips, offset: Array) -> tuple[float, Array]:
    """Least time [s] along a line, and energies (N,) [m^2/s^2] half way to the next node."""
    line = FastestLine(road, grips, arc_over_chord(road.points(offset)))
    start = guess_energy(road, grips, offset) / ENERGY
    accuracy = TIME_ACCURACY * road.length / 1000.0
    x, time = minimise(FastestSpeed(line, offset), start, accuracy)
    return time, ENERGY * x


def fastest_line(road: Ribbon, grips: Grips, offset: Array) -> tuple[float, Array, Array]:
    """Least time [s] over all lines, its offsets (N,) [m] and energies (N,) [m^2/s^2].

    ``offset`` (N,) [m] is the line from which the search starts.
    """
    offset = np.clip(offset, -0.98 * road.right, 0.98 * road.left)
    x = np.stack([offset, guess_energy(road, grips, offset) / ENERGY], axis=1).ravel()
    problem = FastestLine(road, grips, arc_over_chord(road.points(offset)))
    x, _ = minimise(problem, x, accuracy=TIME_ACCURACY * road.length / 1000.0)
    problem = FastestLine(road, grips, arc_over_chord(road.points(x[::2])))
    return problem.value(x)[0], x[::2], ENERGY * x[1::2]
