"""Builds the sampled ``Track`` from a checked page and its centreline.

Owns sampling, the start line, sectors, surfaces, patches, kerbs and walls. ``segments`` and
``points`` make the centreline, ``validity`` checks the road.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from retroracer.track.centreline import Centreline, Span
from retroracer.track.geometry import Array, Bools, followed
from retroracer.track.problems import Report
from retroracer.track.schema import TrackPage
from retroracer.track.surface import SURFACES, Surface
from retroracer.track.track import SPACING, Label, Track, even_track

KERB_LEAD = 4.0
"""Length [m] by which kerbs extend beyond their stretch, and over which they widen from 0."""

WALL_LEAD = 6.0
"""Distance before and after a corner [m] over which its inner wall keeps the corner's distance."""


def build_track(page: TrackPage, line: Centreline, name: str, report: Report) -> Track:
    """Sample the centreline from the start line on, and add everything else on the page.

    ``name`` is the track's identifier (its file's stem).

    Raises:
        UserError: with errors T30 and T31 of the page.
    """
    n = max(8, round(line.length / SPACING))
    if page.start.at >= line.length:
        text = f"start.at {page.start.at:g} is beyond the lap ({line.length:.0f} m)"
        report.refuse("T31", ("start", "at"), text)
    s = np.mod(page.start.at + np.arange(n) * (line.length / n), line.length)
    first = int(np.argmin(s))
    ordered = np.roll(s, -first)
    xy, heading = line.pose(ordered)
    angle = math.radians(page.layout.rotate)
    if angle:
        c, d = math.cos(angle), math.sin(angle)
        xy, heading = xy @ np.array([[c, d], [-d, c]]), heading + angle
    left, right = line.half_widths(ordered)
    xy, heading, left, right = (np.roll(a, first, axis=0) for a in (xy, heading, left, right))
    track = even_track(name, xy, left, right, heading=heading, length=line.length)
    spans = _from_line(line, page.start.at)
    kerb_left, kerb_right = _kerbs(page, track, spans)
    labels = tuple(Label(x.name, x.start, x.end) for x in spans if x.name)
    track = replace(track, kerb_left=kerb_left, kerb_right=kerb_right, labels=labels)
    if page.race.direction == "reverse":
        track = track.reversed()
        track = replace(track, labels=tuple(_wrapped(x, track.length) for x in track.labels))
    return _with_surroundings(page, track, report)


def _from_line(line: Centreline, at: float) -> list[Span]:
    """Spans with stations counted from the start line; ``end`` may exceed the lap's length."""
    moved = []
    for span in line.spans:
        start = (span.start - at) % line.length
        moved.append(replace(span, start=start, end=start + span.end - span.start))
    return sorted(moved, key=lambda span: span.start)


def _wrapped(label: Label, length: float) -> Label:
    start = label.start % length
    return replace(label, start=start, end=start + label.end - label.start)


def _within(track: Track, start: float, end: float) -> Bools:
    """True for samples with stations in [start, end], modulo the lap."""
    return np.asarray(np.mod(track.s - start, track.length) <= end - start)


def _kerbs(page: TrackPage, track: Track, spans: list[Span]) -> tuple[Array, Array]:
    """Kerb widths left and right: by curvature where automatic, else as the page says."""
    left, right = np.zeros(track.n, bool), np.zeros(track.n, bool)
    free = np.full(track.n, page.kerbs.auto)
    for span in spans:
        if span.kerb == "auto":
            continue
        here = _within(track, span.start, span.end)
        free &= ~here
        inside = span.turn or (1 if track.curvature[here].sum() >= 0 else -1)
        sides = {"left": (1,), "right": (-1,), "both": (1, -1), "none": ()}
        sides |= {"inside": (inside,), "outside": (-inside,)}
        for side in sides[span.kerb]:
            (left if side > 0 else right)[here] = True
    tight = np.abs(track.curvature) > 1.0 / page.kerbs.below_radius
    turns_left, turns_right = tight & (track.curvature > 0), tight & (track.curvature < 0)
    reach = round(page.kerbs.exits / track.spacing)
    left |= free & (turns_left | followed(turns_right, reach))
    right |= free & (turns_right | followed(turns_left, reach))
    return _risen(left, track, page.kerbs.width), _risen(right, track, page.kerbs.width)


def _risen(on: Bools, track: Track, width: float) -> Array:
    """Widths that rise and fall over ``KERB_LEAD`` at both ends."""
    reach = max(1, round(KERB_LEAD / track.spacing))
    out = np.where(on, width, 0.0)
    for k in range(1, reach + 1):
        near = np.roll(on, k) | np.roll(on, -k)
        out = np.maximum(out, np.where(near, width * (1.0 - k / (reach + 1)), 0.0))
    return out


def _with_surroundings(page: TrackPage, track: Track, report: Report) -> Track:
    """Add surfaces, patches, walls, sectors, titles and other facts."""
    known = {s.name: s for s in SURFACES}
    for name, part in page.surfaces.items():
        # Numbers that the page leaves out are those of the default surface; 0 for a new one.
        said = part.model_dump(exclude_none=True)
        known[name] = replace(known.get(name, Surface(name, 1.0)), **said)
    names = list(known)

    def index(name: str, *loc: str | int) -> int:
        if name not in names:
            report.add("T30", loc, f"'{name}' is not a surface; surfaces are: {', '.join(names)}")
            return 0
        return names.index(name)

    ground = page.surface
    road = np.full(track.n, index(ground.road, "surface", "road"), np.int64)
    runoff_left = np.full(track.n, index(ground.runoff, "surface", "runoff"), np.int64)
    runoff_right = runoff_left.copy()
    for i, patch in enumerate(page.patches):
        surface = index(patch.surface, "patches", i, "surface")
        start = _station(patch.start, track, ("patches", i, "from"), report)
        if start is None:
            continue
        here = _within(track, start, start + min(patch.length, track.length))
        for side, target in (("left", runoff_left), ("right", runoff_right), ("road", road)):
            if patch.side == side or (patch.side == "both" and side != "road"):
                target[here] = surface
    sectors = _sectors(page, track, report)
    medals = _medals(page, report)
    report.raise_errors()

    def wall(side: str, half: Array, bend: Array) -> Array:
        if ground.walls in (side, "both"):
            return _wall(track, half, bend, ground.runoff_width)
        return np.full(track.n, np.inf)

    return replace(
        track,
        surfaces=tuple(known.values()),
        road=road,
        runoff_left=runoff_left,
        runoff_right=runoff_right,
        wall_left=wall("left", track.half_width_left, track.curvature),
        wall_right=wall("right", track.half_width_right, -track.curvature),
        sectors=sectors,
        grid_gap=page.start.grid_gap,
        start_side={"left": 1, "right": -1, "centre": 0}[page.start.side],
        crossing=page.layout.crossings == "bridge",
        title=page.name,
        laps=page.race.laps,
        theme=_theme(page),
        medals=medals,
        meta={k: v for k, v in page.meta.model_dump().items() if v is not None},
    )


def _wall(track: Track, half: Array, bend: Array, away: float) -> Array:
    """Distance of a wall ``away`` [m] beyond the edge, less where walls would cross in a corner.

    Walls beyond the centre of curvature would cross each other. ``bend`` is the curvature towards
    the wall [1/m].
    """
    sharpest = np.maximum(bend, 1e-9)
    for k in range(1, round(WALL_LEAD / track.spacing) + 1):
        sharpest = np.maximum(sharpest, np.maximum(np.roll(bend, k), np.roll(bend, -k)))
    return np.minimum(half + away, np.maximum(half + 0.5, 0.85 / sharpest))


def _station(
    start: float | str, track: Track, loc: tuple[str | int, ...], report: Report
) -> float | None:
    """Station [m] of ``patches.from``: a number, or the name of a segment."""
    if isinstance(start, float):
        if 0.0 <= start < track.length:
            return start
        report.add("T31", loc, f"'from: {start:g}' must lie on the lap, 0 to {track.length:.0f} m")
        return None
    for label in track.labels:
        if label.name == start:
            return label.start
    names = ", ".join(label.name for label in track.labels) or "none; name a segment first"
    report.add("T30", loc, f"'from: {start}' matches no segment; names are: {names}")
    return None


def _sectors(page: TrackPage, track: Track, report: Report) -> tuple[float, ...]:
    if page.sectors is None:
        return track.length / 3.0, track.length * 2.0 / 3.0
    before = 0.0
    for i, station in enumerate(page.sectors):
        if station >= track.length:
            text = f"sector {station:g} is beyond the lap ({track.length:.0f} m)"
            report.add("T31", ("sectors", i), text)
        elif station <= before:
            text = f"sector {station:g} comes after {before:g}; list stations in driving order"
            report.add("T31", ("sectors", i), text)
        before = max(before, station)
    return tuple(page.sectors)


def _medals(page: TrackPage, report: Report) -> dict[str, float]:
    """Medal times from the hardest to the easiest, empty where they are automatic."""
    if page.medals == "auto":
        return {}
    medals = {k: v for k, v in page.medals.model_dump().items() if v is not None}
    for (harder, best), (easier, time) in pairwise(medals.items()):
        if time <= best:
            text = f"{easier} {time:g} s is no slower than {harder} {best:g} s; medals get easier"
            report.add(
                "T31", ("medals", easier), f"{text} from author over gold and silver to bronze"
            )
    return medals


def _theme(page: TrackPage) -> dict[str, str]:
    """Colours by role; two kerb colours become ``kerb`` and ``kerb_alt``."""
    theme = page.theme
    out = {k: v for k, v in theme.model_dump(exclude={"kerb"}).items() if v is not None}
    return out | dict(zip(("kerb", "kerb_alt"), theme.kerb or (), strict=False))
