"""The road as a ribbon of nodes, and paths on it: points, lengths, curvature, derivatives.

Owns the positions of nodes, the bounds of lateral offsets there, and the geometry of a path given
by its lateral offsets. SI units, left positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array
from retroracer.track.track import Track

FOLD = 0.95
"""Largest offset as a share of the radius of curvature: at 1 the normals of the road cross."""


@dataclass(frozen=True)
class Ribbon:
    """N nodes along a track, closer together where it bends.

    Attributes:
        s: (N,) stations [m], ascending in [0, length).
        length: of the lap [m].
        xy: (N, 2) centreline [m].
        normal: (N, 2) unit vectors to the left.
        left: (N,) largest offset of a car's centre of gravity to the left [m].
        right: (N,) likewise to the right [m].
        row: (N,) index of the track sample whose surface lies under the node.
    """

    s: Array
    length: float
    xy: Array
    normal: Array
    left: Array
    right: Array
    row: npt.NDArray[np.int64]

    @property
    def gaps(self) -> Array:
        """(N,) difference of station from each node to the next [m]."""
        return np.diff(np.append(self.s, self.s[0] + self.length))

    def points(self, offset: Array) -> Array:
        """(N, 2) world positions [m] of a path's lateral offsets (N,)."""
        return np.asarray(self.xy + offset[:, None] * self.normal)


def ribbon(
    track: Track,
    car_width: float,
    margin: float = 0.0,
    coarsest: float = 5.0,
    finest: float = 2.0,
) -> Ribbon:
    """Place nodes along a track for a car of a width [m], which must pass between the walls.

    The other arguments are those of ``limit.solve``.
    """
    from scipy.interpolate import CubicSpline

    n = track.n
    knots = np.arange(n + 1) * track.spacing
    closed = np.vstack([track.xy, track.xy[:1]])
    position = CubicSpline(knots, closed, bc_type="periodic")
    bend = np.abs(track.curvature)
    reach = max(1, round(12.0 / track.spacing))
    around = np.arange(-reach, reach + 1)
    window = bend[(np.arange(n)[:, None] + around) % n]
    near = np.hanning(2 * reach + 3)[1:-1]
    gap = np.clip(0.12 / np.maximum(window.max(axis=1), 1e-9), finest, coarsest)
    gap = gap[(np.arange(n)[:, None] + around) % n] @ (near / near.sum())
    nodes_before = np.concatenate([[0.0], np.cumsum(track.spacing / gap)])
    count = max(24, int(np.ceil(nodes_before[-1])))
    s = np.interp(np.arange(count) * nodes_before[-1] / count, nodes_before, knots)
    tangent = position(s, 1)
    tangent /= np.hypot(tangent[:, 0], tangent[:, 1])[:, None]
    across = position(s, 2)
    curvature = tangent[:, 0] * across[:, 1] - tangent[:, 1] * across[:, 0]

    def at(values: Array) -> Array:
        return np.asarray(np.interp(s, knots, np.append(values, values[0])))

    def room(half_width: Array, wall: Array, inward: Array) -> Array:
        free = np.minimum(half_width, np.maximum(wall - 0.5 * car_width, 0.05))
        free = np.maximum(free - margin, 0.5 * free)
        return np.minimum(at(free), FOLD / np.maximum(inward, 1e-9))

    return Ribbon(
        s=s,
        length=track.length,
        xy=position(s),
        normal=np.stack([-tangent[:, 1], tangent[:, 0]], axis=1),
        left=room(track.half_width_left, track.wall_left, curvature),
        right=room(track.half_width_right, track.wall_right, -curvature),
        row=np.minimum((s / track.spacing).astype(np.int64), n - 1),
    )


@dataclass(frozen=True)
class Shape:
    """A path's geometry; derivatives are by the offsets of the previous, this and the next node.

    Attributes:
        step: (N,) chord from each node to the next [m].
        step_gradient: (N, 3); the first column is 0.
        step_hessian: (N, 3, 3).
        curvature: (N,) of the circle through the node and its neighbours [1/m].
        curvature_gradient: (N, 3).
        curvature_hessian: (N, 3, 3).
        before: (N,) chord from the previous node [m].
        before_gradient: (N, 3).
        before_hessian: (N, 3, 3).
    """

    step: Array
    step_gradient: Array
    step_hessian: Array
    before: Array
    before_gradient: Array
    before_hessian: Array
    curvature: Array
    curvature_gradient: Array
    curvature_hessian: Array


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def chords(points: Array) -> Array:
    """(N,) distances from each point of a closed path (N, 2) to the next [m]."""
    d = np.roll(points, -1, axis=0) - points
    return np.hypot(d[:, 0], d[:, 1])


def path_curvature(points: Array) -> Array:
    """(N,) curvature [1/m] of the circles through three successive points (N, 2)."""
    a = points - np.roll(points, 1, axis=0)
    b = np.roll(points, -1, axis=0) - points
    lengths = [np.hypot(d[:, 0], d[:, 1]) for d in (a, b, a + b)]
    return np.asarray(2.0 * _cross(a, b) / (lengths[0] * lengths[1] * lengths[2]))


def shape_of(road: Ribbon, offset: Array) -> Shape:
    """The geometry of a path, and its derivatives by the path's offsets (N,) [m]."""
    points = road.points(offset)
    a = points - np.roll(points, 1, axis=0)
    b = np.roll(points, -1, axis=0) - points
    zero = np.zeros_like(points)
    before, here, after = np.roll(road.normal, 1, axis=0), road.normal, np.roll(road.normal, -1, 0)
    da = np.stack([-before, here, zero], axis=1)
    db = np.stack([zero, -here, after], axis=1)

    def square(d: Array, by: Array) -> tuple[Array, Array, Array]:
        hessian = 2.0 * np.einsum("nix,njx->nij", by, by)
        return (d * d).sum(axis=1), 2.0 * np.einsum("nx,nix->ni", d, by), hessian

    squares = [square(d, by) for d, by in ((a, da), (b, db), (a + b, da + db))]

    def root(part: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        q, g, h = part
        r = np.sqrt(q)
        outer = g[:, :, None] * g[:, None, :]
        return (
            r,
            g / (2.0 * r)[:, None],
            h / (2.0 * r)[:, None, None] - outer / (4.0 * r**3)[:, None, None],
        )

    # curvature = 2 cross / sqrt(a^2 b^2 (a + b)^2), differentiated by its logarithm.
    cross = _cross(a, b)
    cross_g = _cross(da, b[:, None]) + _cross(a[:, None], db)
    cross_h = _cross(da[:, :, None], db[:, None, :])
    cross_h = cross_h + cross_h.transpose(0, 2, 1)
    log = np.zeros(len(points))
    log_g = np.zeros((len(points), 3))
    log_h = np.zeros((len(points), 3, 3))
    for q, g, h in squares:
        share = g / q[:, None]
        log -= 0.5 * np.log(q)
        log_g -= 0.5 * share
        log_h -= 0.5 * (h / q[:, None, None] - share[:, :, None] * share[:, None, :])
    scale = 2.0 * np.exp(log)
    mixed = cross_g[:, :, None] * log_g[:, None, :]
    bend = cross_h + mixed + mixed.transpose(0, 2, 1)
    bend = bend + cross[:, None, None] * (log_g[:, :, None] * log_g[:, None, :] + log_h)
    step, before_step = root(squares[1]), root(squares[0])
    return Shape(
        *step,
        *before_step,
        curvature=scale * cross,
        curvature_gradient=scale[:, None] * (cross_g + cross[:, None] * log_g),
        curvature_hessian=scale[:, None, None] * bend,
    )
