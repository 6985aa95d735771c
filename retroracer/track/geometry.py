"""Plane curves as piecewise-linear curvature profiles; resampling of polylines.

Owns the mathematics of clothoids, arcs and lines, and resampling by arc length. Lengths in m,
angles in rad, curvature in 1/m and positive to the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Gauss-Legendre nodes on [0, 1]: heading is quadratic in s, so three points give ~1e-9 m per cell.
GL_X = np.array([0.5 - np.sqrt(0.15), 0.5, 0.5 + np.sqrt(0.15)])
GL_W = np.array([5.0, 8.0, 5.0]) / 18.0


@dataclass(frozen=True)
class Straight:
    """A straight of ``length`` [m]; None = as long as needed to close the loop."""

    length: float | None


@dataclass(frozen=True)
class Corner:
    """A corner of total turn ``angle`` [rad > 0] to the left (``sign`` +1) or right (-1).

    Curvature rises linearly from 0 to 1/radius over ``ease`` metres, runs linearly to
    1/to_radius, and falls to 0 over ``ease`` metres, so it is continuous everywhere.
    """

    sign: int
    angle: float
    radius: float
    to_radius: float | None = None
    ease: float = 0.0

    @property
    def ease_used(self) -> float:
        """Clothoid length at each end [m]: ``ease``, or less if the corner is too short for it."""
        k0, k1 = 1.0 / self.radius, 1.0 / (self.to_radius or self.radius)
        return min(self.ease, 0.98 * 2.0 * self.angle / (k0 + k1))

    @property
    def length(self) -> float:
        """Arc length of the whole corner [m], clothoids included."""
        k0, k1 = 1.0 / self.radius, 1.0 / (self.to_radius or self.radius)
        ease = self.ease_used
        return 2.0 * ease + (self.angle - ease * (k0 + k1) / 2.0) / ((k0 + k1) / 2.0)


def default_ease(radius: float, angle: float) -> float:
    """Clothoid length [m] a corner gets by default: a quarter of its arc, 4 to 30 m."""
    return float(np.clip(0.25 * radius * angle, min(4.0, 0.5 * radius * angle), 30.0))


@dataclass(frozen=True)
class CurvatureProfile:
    """Curvature as a continuous piecewise-linear function of arc length.

    Attributes:
        s: (m + 1,) piece boundaries [m], starting at 0.
        k0: (m,) curvature at the start of each piece [1/m].
        k1: (m,) curvature at the end of each piece [1/m].
    """

    s: Array
    k0: Array
    k1: Array

    @property
    def length(self) -> float:
        """Total arc length [m]."""
        return float(self.s[-1])

    def curvature_at(self, s: Array) -> Array:
        """Curvature [1/m] at stations ``s`` (N,) in [0, length]."""
        i = np.clip(np.searchsorted(self.s, s, side="right") - 1, 0, len(self.k0) - 1)
        h = self.s[i + 1] - self.s[i]
        f = np.where(h > 0, (s - self.s[i]) / np.where(h > 0, h, 1.0), 0.0)
        return np.asarray(self.k0[i] + f * (self.k1[i] - self.k0[i]))

    def heading_at(self, s: Array) -> Array:
        """Heading [rad], unwrapped, 0 at s = 0, at stations ``s`` (N,) in [0, length]."""
        h = np.diff(self.s)
        start = np.concatenate([[0.0], np.cumsum(h * (self.k0 + self.k1) / 2.0)])
        i = np.clip(np.searchsorted(self.s, s, side="right") - 1, 0, len(h) - 1)
        d = s - self.s[i]
        slope = np.where(h[i] > 0, (self.k1[i] - self.k0[i]) / np.where(h[i] > 0, h[i], 1.0), 0.0)
        return np.asarray(start[i] + d * self.k0[i] + 0.5 * d * d * slope)

    def xy_at(self, s: Array, cell: float = 2.0) -> Array:
        """Positions (N, 2) [m] at increasing stations ``s`` (N,), from the origin along +x.

        Args:
            s: stations [m].
            cell: longest step of integration [m]; inf if the stations are close enough.

        Accuracy: about 1e-9 m per cell of 2 m; cells are refined at piece boundaries too.
        """
        top = float(s[-1])
        fill = np.arange(0.0, top, cell)
        grid = np.unique(np.concatenate([[0.0], s, self.s[self.s < top], fill]))
        h = np.diff(grid)
        nodes = grid[:-1, None] + h[:, None] * GL_X
        psi = self.heading_at(nodes.ravel()).reshape(nodes.shape)
        step = np.stack([np.cos(psi) @ GL_W * h, np.sin(psi) @ GL_W * h], axis=1)
        xy = np.concatenate([[[0.0, 0.0]], np.cumsum(step, axis=0)])
        return np.asarray(xy[np.searchsorted(grid, s)])


def bends_of(pieces: Sequence[Straight | Corner]) -> Array:
    """(m, 3) length [m], curvature at the start and at the end [1/m] of each part of the pieces.

    Curvature is linear within a part; straights of unknown length count as 0 m.
    """
    rows = []
    for piece in pieces:
        if isinstance(piece, Straight):
            rows.append((piece.length or 0.0, 0.0, 0.0))
            continue
        a = piece.sign / piece.radius
        b = piece.sign / (piece.to_radius or piece.radius)
        ease = piece.ease_used
        rows += [(ease, 0.0, a), (piece.length - 2.0 * ease, a, b), (ease, b, 0.0)]
    return np.array(rows)


def profile_of(pieces: Sequence[Straight | Corner]) -> CurvatureProfile:
    """The profile of pieces end to end; straights of unknown length count as 0 m."""
    length, k0, k1 = bends_of(pieces).T
    return CurvatureProfile(np.concatenate([[0.0], np.cumsum(length)]), k0, k1)


def closing_gap(pieces: Sequence[Straight | Corner]) -> Array:
    """Vector (2,) [m] from the start to the end of the pieces, which start along +x."""
    profile = profile_of(pieces)
    return np.asarray(profile.xy_at(np.array([profile.length]))[0])


def solve_auto_straights(pieces: Sequence[Straight | Corner]) -> list[Straight | Corner]:
    """Fill in exactly two unknown straights so that the loop closes.

    Raises:
        ValueError: if there are not two unknown straights, or they are (nearly) parallel.
    """
    unknown = [i for i, p in enumerate(pieces) if isinstance(p, Straight) and p.length is None]
    if len(unknown) != 2:
        raise ValueError(f"{len(unknown)} unknown straights, need exactly 2")
    turns = [p.sign * p.angle if isinstance(p, Corner) else 0.0 for p in pieces]
    psi = np.concatenate([[0.0], np.cumsum(turns)])
    a = np.array([[np.cos(psi[i]), np.sin(psi[i])] for i in unknown]).T
    if abs(np.linalg.det(a)) < 0.02:
        raise ValueError("the two unknown straights are parallel")
    lengths = np.linalg.solve(a, -closing_gap(pieces))
    out = list(pieces)
    for i, length in zip(unknown, lengths, strict=True):
        out[i] = Straight(float(length))
    return out


def arc_length(xy: Array) -> Array:
    """Cumulative chord length (n + 1,) [m] of the closed polyline ``xy`` (n, 2)."""
    d = np.diff(np.vstack([xy, xy[:1]]), axis=0)
    return np.concatenate([[0.0], np.cumsum(np.hypot(d[:, 0], d[:, 1]))])


def followed(where: Bools, count: int) -> Bools:
    """True for up to ``count`` samples after the end of each run of ``where``, modulo the lap."""
    ends = np.flatnonzero(where & ~np.roll(where, -1))
    out = np.zeros(len(where), np.bool_)
    out[(ends[:, None] + 1 + np.arange(count)) % len(where)] = True
    return out
