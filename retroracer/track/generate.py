"""Endless random circuits: one valid track for every seed.

Owns turning a seed into a built ``Track``. ``recipe`` draws corners and straights, ``lap_search``
closes them into a lap, and this module adds widths, kerbs, run-offs and a start line. A track is a
pure function of its seed (and ranges) and the same in any process. ``character`` has the figures
that compare these tracks with real circuits (docs/tracks-random.md). Lengths in m, angles in rad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from retroracer.errors import UserError
from retroracer.track.geometry import Corner, Straight, profile_of
from retroracer.track.lap_search import find_order, is_clear
from retroracer.track.recipe import TrackRanges, draw_recipe
from retroracer.track.resurvey import Line, draw_errors, resurveyed
from retroracer.track.roadside import draw_half_widths, draw_roadside
from retroracer.track.track import SPACING, Track, even_track

DEFAULT_RANGES = TrackRanges()
_RECIPES = 1000  # recipes tried; reached only with impossible ranges, which are then an error
SEED_RANGE = 2**53
"""Seeds of tracks are smaller than this."""


@dataclass(frozen=True)
class Layout:
    """A closed lap before it is built, as a page with segments would describe it.

    Attributes:
        pieces: straights and corners in driving order, from the start line back to it.
        widest: largest half-width of the road [m].
        recipes: number of recipes drawn, the last one included.
        orders: number of orders of corners tried, the last one included.
    """

    pieces: tuple[Straight | Corner, ...]
    widest: float
    recipes: int
    orders: int


def random_track(rng: np.random.Generator, ranges: TrackRanges = DEFAULT_RANGES) -> Track:
    """Draw a random track; takes one number from ``rng``.

    The track's name contains its seed, so ``track_from_seed`` can make it again.
    """
    return track_from_seed(int(rng.random() * SEED_RANGE), ranges)


def random_tracks(seed: int, count: int, ranges: TrackRanges = DEFAULT_RANGES) -> list[Track]:
    """Draw ``count`` random tracks; the i-th depends only on ``seed`` and i.

    Args:
        seed: >= 0; each track's own seed, which its name contains, is derived from it and i.
        count: number of tracks, >= 0.
        ranges: to draw from.

    Raises:
        UserError: if the seed or the count is negative.
    """
    if count < 0:
        raise UserError(f"cannot generate {count} tracks: give a count of 0 or more")
    check_seed(seed)
    return [track_from_seed(mixed_seed(seed, i), ranges) for i in range(count)]


def track_from_seed(seed: int, ranges: TrackRanges = DEFAULT_RANGES) -> Track:
    """The random track of a seed, named ``random-<seed>``.

    Args:
        seed: any integer >= 0.
        ranges: to draw from; other ranges give another track.

    Returns:
        A closed track that keeps ``ranges.clearance`` from itself and starts on its longest
        straight; it is clockwise or anticlockwise with equal probability.

    Raises:
        UserError: if the seed is negative, or no track can be made of the ranges.
    """
    check_seed(seed)
    rng = np.random.default_rng(seed)
    for _ in range(_RECIPES):
        track = _built(rng, draw_layout(rng, ranges), ranges, seed)
        wider = np.maximum(track.half_width_left, track.half_width_right)
        # Slightly more than promised, because distances are measured between samples 2 m apart.
        if is_clear(track.xy, wider, track.spacing, ranges.clearance + 0.1):
            return track
    raise _impossible(ranges)


def draw_layout(rng: np.random.Generator, ranges: TrackRanges = DEFAULT_RANGES) -> Layout:
    """Draw straights and corners that close into a lap which does not touch itself.

    Raises:
        UserError: if a thousand recipes give none, because the ranges contradict each other.
    """
    widest = ranges.half_width[0] + (ranges.half_width[1] - ranges.half_width[0]) * rng.random()
    orders = 0
    for drawn in range(1, _RECIPES + 1):
        recipe = draw_recipe(rng, ranges, widest)
        if recipe is None:
            continue
        found = find_order(recipe, ranges, widest, seed=int(rng.random() * SEED_RANGE))
        orders += found.tried
        if not found.ok:
            continue
        features = [recipe.features[i] for i in found.order]
        pieces = _from_start_line(rng, features, [float(x) for x in found.straights])
        length = sum(p.length or 0.0 for p in pieces)
        if not ranges.length[0] <= length <= ranges.length[1]:
            continue
        if rng.random() < 0.5:
            pieces = [_mirrored(p) for p in pieces]
        return Layout(tuple(pieces), widest, drawn, orders)
    raise _impossible(ranges)


def check_seed(seed: int) -> None:
    """Refuse a negative seed."""
    if seed < 0:
        raise UserError(f"seed {seed} is negative: give an integer of 0 or more")


def _impossible(ranges: TrackRanges) -> UserError:
    return UserError(
        f"no random track can be made of lengths {ranges.length} m and straights "
        f"{ranges.straight} m with these corners: widen the ranges"
    )


def mixed_seed(seed: int, index: int) -> int:
    """A seed in [0, 2^53) derived from both numbers."""
    return int(np.random.default_rng([seed, index]).random() * SEED_RANGE)


def _mirrored(piece: Straight | Corner) -> Straight | Corner:
    return piece if isinstance(piece, Straight) else replace(piece, sign=-piece.sign)


def _from_start_line(
    rng: np.random.Generator,
    features: list[tuple[Straight | Corner, ...]],
    straights: list[float],
) -> list[Straight | Corner]:
    """Pieces in driving order, starting within the longest of the straights before features."""
    main = int(np.argmax(straights))
    before = straights[main] * (0.35 + 0.4 * rng.random())
    pieces: list[Straight | Corner] = [Straight(straights[main] - before)]
    for i in range(len(features)):
        k = (main + i) % len(features)
        if i:
            pieces.append(Straight(straights[k]))
        pieces.extend(features[k])
    return [*pieces, Straight(before)]


def _built(rng: np.random.Generator, layout: Layout, ranges: TrackRanges, seed: int) -> Track:
    """Sample a layout evenly, rotate it at random, and add widths and roadside."""
    profile = profile_of(layout.pieces)
    n = round(profile.length / SPACING)
    spacing = profile.length / n
    s = np.arange(n, dtype=np.float64) * spacing
    facing = 2.0 * math.pi * rng.random()
    c, d = math.cos(facing), math.sin(facing)
    xy = profile.xy_at(s, math.inf) @ np.array([[c, d], [-d, c]])
    heading, curvature = profile.heading_at(s) + facing, profile.curvature_at(s)
    left, right = draw_half_widths(rng, n, spacing, layout.widest, ranges)
    line = Line(xy, heading, profile.length, left, right, s / spacing)
    if rng.random() < ranges.surveyed:
        errors = draw_errors(rng, ranges, float(1.0 / np.abs(curvature).max()))
        line = resurveyed(rng, line, errors, SPACING).held_back(0.75 * ranges.half_width[0])
        curvature = curvature[line.source.astype(np.int64)]
    return even_track(
        f"random-{seed}",
        line.xy,
        line.left,
        line.right,
        heading=line.heading,
        length=line.length,
        title=f"Random {seed}",
        meta={"source": "random", "seed": seed},
        **draw_roadside(rng, curvature, line.length / len(curvature)),
    )
