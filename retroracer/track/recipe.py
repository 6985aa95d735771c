"""The corners and straights of a random track, before they are put in order.

Owns the kinds of corners (``KINDS``), the ranges they are drawn from (``TrackRanges``) and drawing
one ``Recipe``: corners whose turns add up to a lap, and straights of the wanted lengths.
``lap_search`` finds an order that closes, ``generate`` adds widths and kerbs and builds the track.

All random numbers come from ``draws``. Lengths in m, angles in rad unless ``_deg``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from retroracer.track.draws import between, log_between, normal
from retroracer.track.geometry import Corner, Straight

Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """One kind of feature: a corner, or a few corners that belong together.

    Attributes:
        name: for display.
        weight: relative frequency on an average track.
        radius: range of the centreline radius [m], drawn log-uniformly.
        angle_deg: range of the turn of each corner [deg].
        corners: smallest and largest number of corners.
        alternate: True if they turn left and right alternately (chicane), False if all one way.
        link: range of the straights between them [m].
        uneven: share of corners whose radius changes from one end to the other.
        peaked: share of corners that are mostly clothoid, with a short arc at their peak.
    """

    name: str
    weight: float
    radius: Range
    angle_deg: Range
    corners: tuple[int, int] = (1, 1)
    alternate: bool = False
    link: Range = (0.0, 0.0)
    uneven: float = 0.0
    peaked: float = 0.35


KINDS = (
    Kind("hairpin", 1.1, (10, 25), (130, 200), uneven=0.2),
    Kind("slow corner", 2.4, (12, 35), (60, 120), uneven=0.3),
    Kind("medium corner", 2.6, (30, 90), (35, 115), uneven=0.3),
    Kind("sweeper", 1.7, (80, 300), (20, 110), uneven=0.3),
    Kind("bowl", 0.5, (35, 130), (130, 200), uneven=0.5),
    Kind("kink", 0.9, (120, 500), (6, 25)),
    Kind("chicane", 1.1, (10, 28), (35, 90), (2, 3), alternate=True, link=(2, 25)),
    Kind("fast chicane", 0.5, (40, 120), (20, 50), (2, 2), alternate=True, link=(5, 40)),
    Kind("esses", 0.5, (40, 140), (30, 75), (3, 5), alternate=True, link=(0, 30)),
    Kind("double apex", 0.6, (18, 80), (40, 90), (2, 2), link=(5, 50)),
)


@dataclass(frozen=True)
class TrackRanges:
    """The ranges random tracks are drawn from; every pair is (smallest, largest).

    Attributes:
        length: lap length [m]; short ones are more frequent than in a uniform draw.
        half_width: half the width of the road [m], drawn once per track.
        width_waves: largest change of a half-width along the lap, as a share of it.
        width_steps: share of the tracks whose two sides change their width independently, every
            ``width_apart`` metres.
        width_apart: drawn once per side of a track [m].
        surveyed: share of the tracks that are distorted like a surveyed road (``resurvey``).
        roughness: root mean square curvature that the errors of such a survey leave on straights
            [1/m], drawn once per track.
        smoothing: standard deviation of its smoothing [m].
        width_noise: error of its widths [m].
        min_radius: least radius of the centreline [m].
        radius_margin: the radius is also at least the largest half-width plus this [m].
        clearance: least distance between the edges of two stretches of road [m].
        corner_spacing: lap length per corner [m], drawn once per track.
        straight_share: least share of the lap left for straights.
        straight: shortest and longest straight between two corners [m].
        kinds: the kinds of corners.
        moods: sigma of the log-normal variation of each kind's weight between tracks.
    """

    length: Range = (600.0, 4000.0)
    half_width: Range = (4.0, 7.25)
    width_waves: float = 0.22
    width_steps: float = 0.35
    width_apart: Range = (40.0, 250.0)
    surveyed: float = 0.6
    roughness: Range = (0.0001, 0.002)
    smoothing: Range = (3.0, 10.0)
    width_noise: Range = (0.0, 0.3)
    min_radius: float = 9.0
    radius_margin: float = 2.5
    clearance: float = 3.0
    corner_spacing: Range = (100.0, 420.0)
    straight_share: float = 0.2
    straight: Range = (8.0, 1000.0)
    kinds: tuple[Kind, ...] = KINDS
    moods: float = 0.8


UNEVEN = TrackRanges(
    length=(1000.0, 4000.0),
    half_width=(4.0, 9.5),
    width_waves=0.4,
    width_steps=0.8,
    width_apart=(25.0, 150.0),
    surveyed=0.9,
    roughness=(0.0002, 0.004),
    smoothing=(2.0, 8.0),
    width_noise=(0.0, 0.4),
    min_radius=7.0,
    radius_margin=1.5,
    kinds=tuple(
        replace(kind, radius=(0.7 * kind.radius[0], kind.radius[1]), peaked=0.6)
        if kind.radius[0] < 20.0
        else kind
        for kind in KINDS
    ),
)
"""The hardest bends of real circuits, where drivers left the road: peaks of 7 m radius, and roads
of up to 19 m that narrow to half within thirty metres. To train on, not to evaluate on."""


@dataclass(frozen=True)
class Recipe:
    """Corners and straights of one track, not yet in order.

    Attributes:
        features: the corners (with the links between them) that stay together.
        straights: (F,) wanted length of the straight before each feature [m].
    """

    features: tuple[tuple[Straight | Corner, ...], ...]
    straights: tuple[float, ...]


@dataclass
class _Sketch:
    """A feature whose angles may still change."""

    kind: Kind
    angles: list[float]
    radii: list[tuple[float, float | None]]
    eases: list[float]
    links: list[float]

    @property
    def turn(self) -> float:
        """Net turn [rad], positive in the direction of the first corner."""
        if not self.kind.alternate:
            return sum(self.angles)
        return sum(self.angles[::2]) - sum(self.angles[1::2])

    @property
    def length(self) -> float:
        """Approximate length [m]."""
        return sum(self.links) + sum(
            r * a * (1.0 + e)
            for (r, _), a, e in zip(self.radii, self.angles, self.eases, strict=True)
        )


def _sketch(rng: np.random.Generator, kind: Kind, radius_floor: float, room: float) -> _Sketch:
    """Draw one feature; ``room`` [m] bounds each corner's length, for short tracks."""
    low, high = kind.corners
    count = low + int((high - low + 1) * rng.random())
    base = between(rng, *kind.angle_deg)
    angles, radii, eases = [], [], []
    for i in range(count):
        # Corners of one feature are similar: the first is drawn, the others vary around it.
        degrees = base if i == 0 else min(max(base * between(rng, 0.7, 1.3), 15.0), 110.0)
        if kind.name == "chicane" and count == 3 and i == 1:
            degrees = min(degrees * 1.4, 110.0)  # right, left, right: the middle one turns most
        angle = math.radians(degrees)
        top = max(min(kind.radius[1], room / angle), radius_floor)
        radius = log_between(rng, min(max(kind.radius[0], radius_floor), top), top)
        to_radius = None
        if rng.random() < kind.uneven:
            to_radius = radius * between(rng, 1.3, 2.2)
            if rng.random() < 0.5:
                radius, to_radius = to_radius, radius
        angles.append(angle)
        radii.append((radius, to_radius))
        # With 1.0 the clothoids take the whole corner and leave no arc between them.
        eases.append(between(rng, *((0.5, 1.0) if rng.random() < kind.peaked else (0.15, 0.45))))
    links = [between(rng, *kind.link) for _ in range(count - 1)]
    return _Sketch(kind, angles, radii, eases, links)


def _settle(rng: np.random.Generator, sketches: list[_Sketch]) -> list[int] | None:
    """Choose the direction of each feature and adjust angles so that the lap turns once left.

    Returns:
        A sign for each feature, or None if no choice that was tried comes close enough.
    """
    turns = np.array([s.turn for s in sketches])
    share_left = min(0.5 + np.pi / float(np.abs(turns).sum()), 0.95)
    signs = np.where(rng.random((24, len(turns))) < share_left, 1, -1) * np.where(turns < 0, -1, 1)
    missing = 2.0 * np.pi - signs @ turns
    row = signs[int(np.argmin(np.abs(missing) > math.radians(50.0)))]
    rest = float(2.0 * np.pi - row @ turns)
    slack = np.zeros(len(turns))
    for i, (sketch, sign) in enumerate(zip(sketches, row, strict=True)):
        if len(sketch.angles) == 1:
            low, high = np.radians(sketch.kind.angle_deg)
            slack[i] = high - sketch.angles[0] if sign * rest > 0 else sketch.angles[0] - low
    if slack.sum() < 1.2 * abs(rest) + 1e-9:
        return None
    change = abs(rest) * slack / slack.sum() * np.sign(rest) * row
    for sketch, add in zip(sketches, change, strict=True):
        sketch.angles[0] += float(add) if len(sketch.angles) == 1 else 0.0
    return [int(x) for x in row]


def _pieces(sketch: _Sketch, sign: int) -> tuple[Straight | Corner, ...]:
    out: list[Straight | Corner] = []
    for i, angle in enumerate(sketch.angles):
        radius, to_radius = sketch.radii[i]
        if i:
            out.append(Straight(sketch.links[i - 1]))
            sign = -sign if sketch.kind.alternate else sign
        mean = radius if to_radius is None else 2.0 / (1.0 / radius + 1.0 / to_radius)
        out.append(Corner(sign, angle, radius, to_radius, max(sketch.eases[i] * mean * angle, 4.0)))
    return tuple(out)


def _straights(
    rng: np.random.Generator, count: int, total: float, ranges: TrackRanges
) -> list[float]:
    """Divide ``total`` metres into ``count`` straights: many short ones, one or two long ones."""
    weight = np.exp(0.9 * normal(rng, count))
    if rng.random() < 0.6:
        weight[0] += between(rng, 1.0, 4.0) * weight.mean()
    low, high = ranges.straight
    spare = total - 1.5 * low * count
    return [float(x) for x in np.clip(1.5 * low + spare * weight / weight.sum(), low, high)]


def draw_recipe(rng: np.random.Generator, ranges: TrackRanges, widest: float) -> Recipe | None:
    """Draw the corners and straights of one left-handed lap, up to ``widest`` [m] to each side.

    Returns:
        The recipe, or None if the corners leave no room for straights or their turns cannot
        be adjusted to a lap (about one draw in six); then draw again.
    """
    low, high = ranges.length
    length = low * (high / low) ** (rng.random() ** 0.75)
    floor = max(ranges.min_radius, widest + ranges.radius_margin)
    corners_wanted = max(length / log_between(rng, *ranges.corner_spacing), 3.0)
    weight = np.array([k.weight for k in ranges.kinds])
    weight = weight * np.exp(ranges.moods * normal(rng, len(weight)))
    cumulative = np.cumsum(weight / weight.sum())
    sketches: list[_Sketch] = []
    used, turning, corners = 0.0, 0.0, 0
    budget = (1.0 - ranges.straight_share) * length
    for _ in range(80):
        if corners >= corners_wanted and turning > 2.2 * math.pi:
            break
        kind = ranges.kinds[min(int(np.searchsorted(cumulative, rng.random())), len(weight) - 1)]
        sketch = _sketch(rng, kind, floor, 0.14 * length)
        if used + sketch.length > budget:
            if turning > 2.2 * math.pi:
                break
            continue
        sketches.append(sketch)
        used += sketch.length
        turning += abs(sketch.turn)
        corners += len(sketch.angles)
    if len(sketches) < 3 or turning <= 2.2 * math.pi:
        return None
    signs = _settle(rng, sketches)
    spare = length - used
    if signs is None or spare < 1.6 * ranges.straight[0] * len(sketches):
        return None
    return Recipe(
        tuple(_pieces(s, sign) for s, sign in zip(sketches, signs, strict=True)),
        tuple(_straights(rng, len(sketches), spare, ranges)),
    )
