"""Finds an order of corners and straights that closes into a lap which does not touch itself.

Owns the search over orders for random tracks, the closing of one order by the smallest change of
its straights, and the clearance test of a centreline. All of it is compiled. ``recipe`` draws the
corners; ``validity`` checks tracks for users. Lengths in m, angles in rad, curvature positive to
the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from retroracer.track.geometry import Array, bends_of
from retroracer.track.recipe import Recipe, TrackRanges

_STEP = 6.0  # spacing of the points of the search's coarse lap [m]
_TRIES = 300  # orders of one recipe that are tried
_GL = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)


@dataclass(frozen=True)
class Found:
    """The result of a search over orders.

    Attributes:
        ok: True if an order closes and keeps its clearance; if not, ignore the next two.
        order: (F,) index of the i-th feature.
        straights: (F,) length of the straight before the i-th feature [m].
        tried: number of orders tried, the last one included.
    """

    ok: bool
    order: npt.NDArray[np.int64]
    straights: Array
    tried: int


@njit(cache=True)
def _random(state: npt.NDArray[np.uint64]) -> float:  # pragma: no cover - compiled
    """Uniform number in [0, 1) by Marsaglia's xorshift64 (13, 7, 17); advances ``state`` (1,)."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return float(x >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def _shuffle(a: npt.NDArray[np.int64], state: npt.NDArray[np.uint64]) -> None:
    for i in range(len(a) - 1, 0, -1):
        j = int(_random(state) * (i + 1))
        a[i], a[j] = a[j], a[i]


@njit(cache=True)
def _trace(sub: Array, start: npt.NDArray[np.int64]) -> tuple[Array, npt.NDArray[np.int64], Array]:
    """Compute the points of each feature, starting at the origin along +x.

    Args:
        sub: (m, 3) length, curvature at the start and at the end of each piece.
        start: (F + 1,) first piece of each feature.

    Returns:
        points (P, 2), first point of each feature (F + 1,), net turn of each feature (F,);
        a feature's last point is its end. Three-point Gauss-Legendre per cell of <= 6 m.
    """
    n = len(start) - 1
    total = n
    for i in range(len(sub)):
        total += int(sub[i, 0] / _STEP) + 1
    points = np.empty((total, 2))
    first = np.empty(n + 1, np.int64)
    turn = np.empty(n)
    p = 0
    for f in range(n):
        first[f] = p
        x, y, psi = 0.0, 0.0, 0.0
        for i in range(start[f], start[f + 1]):
            length, k0, k1 = sub[i, 0], sub[i, 1], sub[i, 2]
            cells = int(length / _STEP) + 1
            h = length / cells
            slope = (k1 - k0) / length if length > 0.0 else 0.0
            for c in range(cells):
                k = k0 + slope * h * c
                for q in range(3):
                    d = _GL[q] * h
                    a = psi + d * (k + 0.5 * d * slope)
                    w = h * (8.0 if q == 1 else 5.0) / 18.0
                    x += w * np.cos(a)
                    y += w * np.sin(a)
                psi += h * (k + 0.5 * h * slope)
                points[p, 0] = x
                points[p, 1] = y
                p += 1
        turn[f] = psi
    first[n] = p
    return points, first, turn


@njit(cache=True)
def _close(
    order: npt.NDArray[np.int64],
    wish: Array,
    ends: Array,
    turn: Array,
    shortest: float,
    longest: float,
    u: Array,
    out: Array,
) -> bool:
    """Change the straights ``wish`` by the least relative amount that closes the loop.

    Minimises the sum of ((new - old) / old)^2 under the two closing equations. Straights that
    would leave their range are fixed at its end and the others are solved again, up to six times.
    Writes directions to ``u`` (F, 2) and lengths to ``out`` (F,).
    """
    n = len(order)
    x, y, psi = 0.0, 0.0, 0.0
    for i in range(n):
        c, s = np.cos(psi), np.sin(psi)
        u[i, 0], u[i, 1] = c, s
        f = order[i]
        out[i] = wish[i]
        x += wish[i] * c + c * ends[f, 0] - s * ends[f, 1]
        y += wish[i] * s + s * ends[f, 0] + c * ends[f, 1]
        psi += turn[f]
    for _ in range(6):
        gxx, gxy, gyy = 0.0, 0.0, 0.0
        for i in range(n):
            if out[i] > 0.0:
                w = out[i] * out[i]
                gxx += w * u[i, 0] * u[i, 0]
                gxy += w * u[i, 0] * u[i, 1]
                gyy += w * u[i, 1] * u[i, 1]
        det = gxx * gyy - gxy * gxy
        if det <= 1e-3 * gxx * gyy:
            return False
        a = (y * gxy - x * gyy) / det
        b = (x * gxy - y * gxx) / det
        inside = True
        for i in range(n):
            # A negative entry of ``out`` is a length fixed at an end of its range.
            if out[i] > 0.0:
                new = out[i] + out[i] * out[i] * (u[i, 0] * a + u[i, 1] * b)
                low, high = max(shortest, 0.3 * wish[i]), min(longest, 3.0 * wish[i])
                if new < low or new > high:
                    fixed = low if new < low else high
                    x += (fixed - out[i]) * u[i, 0]
                    y += (fixed - out[i]) * u[i, 1]
                    out[i] = -fixed
                    inside = False
        if inside:
            for i in range(n):
                if out[i] > 0.0:
                    out[i] += out[i] * out[i] * (u[i, 0] * a + u[i, 1] * b)
                else:
                    out[i] = -out[i]
            return True
    return False


@njit(cache=True)
def is_clear(xy: Array, half_width: Array, spacing: float, clearance: float) -> bool:
    """True if a closed road keeps its clearance from itself.

    Exact if no radius is below the largest half-width plus half the clearance: then two points
    closer along the lap than a half circle of that radius cannot be too close (Schur's comparison
    theorem), so only pairs further apart are checked.

    About 10 pairs per point are checked: after a pair at distance d the next d - limit metres can
    be skipped.

    Args:
        xy: (n, 2) centreline [m], no two neighbours further apart than ``spacing``.
        half_width: (n,) the larger half-width at each point [m].
        spacing: [m].
        clearance: least distance between the edges of two stretches [m].
    """
    n = len(xy)
    widest = half_width.max()
    near = int(0.5 * np.pi * (2.0 * widest + clearance) / spacing) + 1
    for i in range(n):
        j = i + near
        last = min(n - 1, i + n - near)
        while j <= last:
            dx, dy = xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1]
            d2 = dx * dx + dy * dy
            limit = half_width[i] + half_width[j] + clearance
            if d2 < limit * limit:
                return False
            j += max(int((np.sqrt(d2) - half_width[i] - widest - clearance) / spacing), 1)
    return True


@njit(cache=True)
def _lay(
    order: npt.NDArray[np.int64],
    lengths: Array,
    u: Array,
    points: Array,
    first: npt.NDArray[np.int64],
    xy: Array,
) -> int:
    """Write the coarse lap to ``xy`` and return its number of points."""
    m, x, y = 0, 0.0, 0.0
    for i in range(len(order)):
        c, s = u[i, 0], u[i, 1]
        cells = int(lengths[i] / _STEP) + 1
        for k in range(1, cells + 1):
            xy[m, 0] = x + c * lengths[i] * k / cells
            xy[m, 1] = y + s * lengths[i] * k / cells
            m += 1
        x, y = xy[m - 1, 0], xy[m - 1, 1]
        for p in range(first[order[i]], first[order[i] + 1]):
            xy[m, 0] = x + c * points[p, 0] - s * points[p, 1]
            xy[m, 1] = y + s * points[p, 0] + c * points[p, 1]
            m += 1
        x, y = xy[m - 1, 0], xy[m - 1, 1]
    return m


@njit(cache=True)
def _search(
    sub: Array,
    start: npt.NDArray[np.int64],
    wish: Array,
    shortest: float,
    longest: float,
    widest: float,
    clearance: float,
    seed: int,
) -> tuple[bool, npt.NDArray[np.int64], Array, int]:
    points, first, turn = _trace(sub, start)
    n = len(turn)
    ends = np.empty((n, 2))
    for f in range(n):
        ends[f] = points[first[f + 1] - 1]
    state = np.array([np.uint64(seed) | np.uint64(1)])
    order, which = np.arange(n), np.arange(n)
    wished, u, lengths = np.empty(n), np.empty((n, 2)), np.empty(n)
    xy = np.empty((len(points) + n + int(n * longest / _STEP), 2))
    half = np.full(len(xy), widest)
    for t in range(_TRIES):
        _shuffle(order, state)
        _shuffle(which, state)
        for i in range(n):
            wished[i] = wish[which[i]]
        if _close(order, wished, ends, turn, shortest, longest, u, lengths):
            m = _lay(order, lengths, u, points, first, xy)
            if is_clear(xy[:m], half[:m], _STEP, clearance):
                return True, order, lengths, t + 1
    return False, order, lengths, _TRIES


def find_order(recipe: Recipe, ranges: TrackRanges, widest: float, seed: int) -> Found:
    """Search for an order of features and straights that closes and keeps its clearance.

    Args:
        recipe: the features, whose turns add up to 2 pi, and the straights; each straight stays
            between 0.3 and 3 times its wanted length, too.
        ranges: with the lengths of straights and the clearance.
        widest: largest half-width of the road [m].
        seed: of the random orders, in [0, 2^63).

    Returns:
        The first suitable order, if any. The search is coarse, with points up to 6 m apart, so
        the built track must be checked again with ``is_clear``.
    """
    bends = [bends_of(f) for f in recipe.features]
    start = np.concatenate([[0], np.cumsum([len(b) for b in bends])]).astype(np.int64)
    wish, room = np.array(recipe.straights), ranges.straight
    return Found(
        *_search(np.concatenate(bends), start, wish, *room, widest, ranges.clearance, seed)
    )
