"""Checks whether a car can drive a built road.

Owns finding the places where a built ``Track`` crosses itself, and where its edges fold, touch or
come too close. Track files, imports and random tracks all use it. ``judging`` finds the lines of
the page. shapely is imported on first use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array, Bools, Ints
from retroracer.track.track import Track

CLEARANCE = 3.0
"""Least distance between the edges of two stretches of road [m]."""

FOLD_MARGIN = 0.05
"""The inner edge must be at least this share of the centreline's length."""

MIN_CROSSING_DEG = 20.0
_MOST = 6  # most flaws of one kind that are reported

_CHUNK = 256
_ENOUGH = 50_000  # with so many close pairs the road is invalid in any case


@dataclass(frozen=True)
class Flaw:
    """One place where the road is invalid.

    Attributes:
        code: "T20" the centreline crosses itself, "T21" edges too close, "T22" edge folds.
        s: station of the place [m].
        other: station of the other stretch [m]; equal to ``s`` for a fold.
        side: +1 if it is the left edge at ``s``, -1 the right, 0 the centreline.
        other_side: likewise at ``other``.
        distance: between the edges [m] (T21); radius of the centreline [m] (T22);
            angle of the crossing [deg] (T20).
    """

    code: str
    s: float
    other: float
    side: int
    other_side: int
    distance: float


def road_polygon(track: Track) -> Any:
    """The road between its edges as one shapely polygon with one hole.

    For a track with a bridge it overlaps itself, so shapely calls it invalid.
    """
    import shapely

    rings = [shapely.Polygon(edge) for edge in (track.left_edge, track.right_edge)]
    outer, inner = sorted(rings, key=lambda ring: -float(ring.area))
    return shapely.Polygon(outer.exterior, [inner.exterior])


def is_valid(track: Track, clearance: float = CLEARANCE) -> bool:
    """True if the road has no flaw and, without a bridge, its polygon is valid."""
    return not find_flaws(track, clearance)


def find_flaws(track: Track, clearance: float = CLEARANCE) -> list[Flaw]:
    """Every place where the road crosses itself, folds, touches or comes too close.

    ``track.crossing`` allows bridges; ``clearance`` [m] must lie between the edges of stretches
    that are not neighbours.

    Returns:
        Flaws, at most a few of each kind and only the worst at each place; empty = valid.
    """
    folds = _folds(track)
    crossings = _crossings(track)
    flaws = list(folds)
    if not track.crossing:
        flaws += crossings[:_MOST]
    else:
        flaws += [f for f in crossings if f.distance < MIN_CROSSING_DEG][:_MOST]
    flaws += _too_close(track, clearance, crossings, folds)
    if not flaws and not track.crossing:
        flaws += _invalid(track)
    return flaws


def _invalid(track: Track) -> list[Flaw]:
    """A last check of the road polygon by shapely, in case the others missed something."""
    import shapely

    polygon = road_polygon(track)
    if polygon.is_valid:
        return []
    reason = re.search(r"\[(\S+) (\S+)\]", shapely.is_valid_reason(polygon))
    at = np.array([float(reason[1]), float(reason[2])]) if reason else track.xy[0]
    i = int(np.hypot(*(track.xy - at).T).argmin())
    return [Flaw("T21", i * track.spacing, i * track.spacing, 1, -1, 0.0)]


def _between(track: Track, a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Distance between stations along the lap, the shorter way [m]."""
    d = np.abs(a - b)
    return np.asarray(np.minimum(d, track.length - d))


def _folds(track: Track) -> list[Flaw]:
    """Places where an edge stops or runs backwards; only the worst of each stretch."""
    along = np.roll(track.xy, -1, axis=0) - track.xy
    size = np.hypot(along[:, 0], along[:, 1])
    out = []
    for side, edge in ((1, track.left_edge), (-1, track.right_edge)):
        step = np.roll(edge, -1, axis=0) - edge
        share = np.einsum("ij,ij->i", step, along) / np.maximum(size, 1e-9) ** 2
        bad = np.flatnonzero(share < FOLD_MARGIN)
        for run in np.split(bad, np.flatnonzero(np.diff(bad) > 3) + 1) if len(bad) else []:
            i = int(run[np.argmin(share[run])])
            turn = (track.heading[(i + 1) % track.n] - track.heading[i]) % (2.0 * np.pi)
            turn = min(turn, 2.0 * np.pi - turn)
            radius = float(size[i] / max(turn, 1e-6))
            out.append(Flaw("T22", i * track.spacing, i * track.spacing, side, side, radius))
    return sorted(out, key=lambda f: f.distance)[:_MOST]


def _pieces(edge: Array) -> Any:
    import shapely

    return shapely.linestrings(np.stack([edge, np.roll(edge, -1, axis=0)], axis=1))


def _pairs(pieces: Any, **how: Any) -> tuple[Ints, Ints]:
    """Pairs of pieces of a line that satisfy shapely's ``query``; stops at ``_ENOUGH``.

    It queries in chunks, so that a tangled line takes neither much memory nor much time.
    """
    import shapely

    tree = shapely.STRtree(pieces)
    found: list[Ints] = []
    total = 0
    for at in range(0, len(pieces), _CHUNK):
        hits = tree.query(pieces[at : at + _CHUNK], **how) + np.array([[at], [0]])
        found.append(hits[:, hits[0] < hits[1]])
        total += found[-1].shape[1]
        if total > _ENOUGH:
            break
    i, j = np.concatenate(found, axis=1)
    return i, j


def _crossings(track: Track) -> list[Flaw]:
    """Where the centreline crosses itself, with the angle of the crossing."""
    pieces = _pieces(track.xy)
    i, j = _pairs(pieces, predicate="intersects")
    apart = np.mod(j - i, track.n)
    keep = (apart > 1) & (apart < track.n - 1)
    out: list[Flaw] = []
    for a, b in zip(i[keep].tolist(), j[keep].tolist(), strict=True):
        s, other = a * track.spacing, b * track.spacing
        if any(_same(track, f, np.array(s), np.array(other), 10.0) for f in out):
            continue
        angle = abs(np.degrees(track.heading[b] - track.heading[a])) % 180.0
        out.append(Flaw("T20", s, other, 0, 0, float(min(angle, 180.0 - angle))))
        if len(out) > 50:
            break
    return out


def _same(
    track: Track, flaw: Flaw, s: npt.NDArray[Any], other: npt.NDArray[Any], reach: float
) -> Bools:
    """True for places (s, other), in either order, that belong to a flaw already found."""
    near = [
        [_between(track, stations, np.array(at)) < reach for at in (flaw.s, flaw.other)]
        for stations in (s, other)
    ]
    return np.asarray((near[0][0] & near[1][1]) | (near[0][1] & near[1][0]))


def _too_close(
    track: Track, clearance: float, crossings: list[Flaw], folds: list[Flaw]
) -> list[Flaw]:
    """Stretches whose edges touch, overlap or leave less than ``clearance`` between them."""
    import shapely

    n = track.n
    pieces = np.concatenate([_pieces(track.left_edge), _pieces(track.right_edge)])
    i, j = _pairs(pieces, predicate="dwithin", distance=clearance)
    a, b = i % n, j % n
    way = _between(track, a * track.spacing, b * track.spacing)
    width = track.half_width_left + track.half_width_right
    # Points close along the lap are always close, in a hairpin all around its inside; points
    # further along the lap must not be. Close points may still cross their own edge (a loop).
    far = way > 10.0 + width[a] + width[b]
    loop = ~far & ((i < n) == (j < n)) & (np.minimum(np.abs(a - b), n - np.abs(a - b)) > 1)
    loop[loop] = shapely.intersects(pieces[i[loop]], pieces[j[loop]])
    keep = far | loop
    i, j, a, b = i[keep], j[keep], a[keep], b[keep]
    if not len(i):
        return []
    distance = shapely.distance(pieces[i], pieces[j])
    free = ~_near_crossing(track, a, b, crossings, clearance)
    i, j, a, b, distance = i[free], j[free], a[free], b[free], distance[free]
    s, other = a * track.spacing, b * track.spacing
    for f in folds:
        distance[_same(track, f, s, other, 80.0)] = np.inf
    out: list[Flaw] = []
    while len(out) < _MOST and len(distance):
        k = int(distance.argmin())
        if not np.isfinite(distance[k]):
            break
        side, other_side = (1 if x < n else -1 for x in (int(i[k]), int(j[k])))
        flaw = Flaw("T21", float(s[k]), float(other[k]), side, other_side, float(distance[k]))
        out.append(flaw)
        distance[_same(track, flaw, s, other, 80.0)] = np.inf
    return out


def _near_crossing(
    track: Track, a: Ints, b: Ints, crossings: list[Flaw], clearance: float
) -> Bools:
    """True for pairs of samples at a crossing (a bridge, or one already reported)."""
    out = np.zeros(len(a), bool)
    widest = float((track.half_width_left + track.half_width_right).max())
    s, other = a * track.spacing, b * track.spacing
    for f in crossings:
        slope = np.sin(np.radians(max(f.distance, 3.0)))
        reach = (widest + clearance) / slope + 10.0
        out |= _same(track, f, s, other, reach)
    return out
