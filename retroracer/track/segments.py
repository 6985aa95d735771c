"""A centreline from the straights and corners of a page, closed into a lap.

Owns the ``segments`` form of a layout and its three ways of closing. ``geometry`` has the curves,
``build`` samples, ``schema`` defines the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from retroracer.config.place import Loc
from retroracer.track.centreline import MAX_LENGTH, MIN_LENGTH, Centreline, Span
from retroracer.track.geometry import (
    Array,
    Corner,
    Straight,
    closing_gap,
    default_ease,
    profile_of,
    solve_auto_straights,
)
from retroracer.track.problems import Report
from retroracer.track.schema import CornerPart, Layout, StraightPart

GAP_ALLOWED = 1.0
"""A loop that misses its start by at most this [m] is closed by spreading the error."""
SHORTEST_AUTO = 5.0
DEFAULT_WIDTH = 12.0
TURN_ALLOWED = math.radians(0.01)

Parts = Sequence[StraightPart | CornerPart]


def _loc(index: int, *more: str) -> Loc:
    return ("layout", "segments", index, *more)


def _piece(part: StraightPart | CornerPart) -> Straight | Corner:
    if isinstance(part, StraightPart):
        return Straight(None if part.straight == "auto" else float(part.straight))
    angle = math.radians(part.angle)
    ease = default_ease(part.radius, angle) if part.ease is None else part.ease
    sign = 1 if part.corner == "left" else -1
    return Corner(sign, angle, part.radius, part.to_radius, ease)


def _title(part: StraightPart | CornerPart, index: int) -> str:
    return f'"{part.name}"' if part.name else f"item {index + 1}"


def lay_segments(layout: Layout, report: Report) -> Centreline | None:
    """Put the segments of a page end to end, starting at the origin along +x, and close them.

    Returns:
        The centreline, or None with the errors in ``report``.
    """
    parts = layout.segments or []
    pieces = [_piece(p) for p in parts]
    autos = [i for i, p in enumerate(pieces) if isinstance(p, Straight) and p.length is None]
    known = sum(p.length or 0.0 for p in pieces)
    if known > MAX_LENGTH:
        _length_ok(known, report)
        return None
    if layout.closing == "curve":
        return _closed_by_curve(layout, parts, pieces, autos, report)
    if not _turns_add_up(layout, pieces, report):
        return None
    if layout.closing == "exact" and autos:
        report.add(
            "T12",
            _loc(autos[0], "straight"),
            "'straight: auto' needs closing: auto; write its length or drop closing: exact",
        )
        return None
    if autos or (layout.closing == "auto" and _missed_by(pieces) > GAP_ALLOWED):
        solved = _solve(parts, pieces, autos, report)
        if solved is None:
            return None
        pieces = solved
    elif _missed_by(pieces) > GAP_ALLOWED:
        report.add("T11", ("layout", "closing"), _gap_text(pieces))
        return None
    return _centreline(layout, parts, pieces, report)


def _missed_by(pieces: Sequence[Straight | Corner]) -> float:
    return float(np.hypot(*closing_gap(pieces)))


def _gap_text(pieces: Sequence[Straight | Corner]) -> str:
    x, y = closing_gap(pieces)
    return (
        f"track ends {abs(x):.1f} m {'east' if x > 0 else 'west'},"
        f" {abs(y):.1f} m {'north' if y > 0 else 'south'} of the start;"
        " mark two straights 'auto' or set closing: curve"
    )


def _turns_add_up(layout: Layout, pieces: Sequence[Straight | Corner], report: Report) -> bool:
    total = math.degrees(sum(p.sign * p.angle for p in pieces if isinstance(p, Corner)))
    bridge = layout.crossings == "bridge"
    goals = [360.0 * k for k in range(-3, 4)] if bridge else [-360.0, 360.0]
    off = min((goal - total for goal in goals), key=abs)
    if abs(off) <= math.degrees(TURN_ALLOWED):
        return True
    have = f"{abs(total):g} deg {'left' if total > 0 else 'right'}" if total else "0 deg"
    side = "left" if off > 0 else "right"
    report.add(
        "T10",
        ("layout", "segments"),
        f"corners add up to {have}; a loop needs 360: add {round(abs(off), 3):g} deg {side}"
        " (0 only with crossings: bridge)",
    )
    return False


def _solve(
    parts: Parts, pieces: list[Straight | Corner], autos: list[int], report: Report
) -> list[Straight | Corner] | None:
    """Find the two automatic lengths; None with the errors in ``report`` if there are none."""
    if len(autos) != 2:
        where = _loc(autos[-1], "straight") if autos else ("layout", "segments")
        gap = f" ({_gap_text(pieces).split(';')[0]})" if not autos else ""
        report.add(
            "T12",
            where,
            f"exactly 2 straights must be 'auto' to close the loop, not {len(autos)}{gap};"
            " choose two that point in different directions, or set closing: curve",
        )
        return None
    try:
        solved = solve_auto_straights(pieces)
    except ValueError:
        lines = " and ".join(str(report.line_of(_loc(i, "straight"))) for i in autos)
        report.add(
            "T12",
            _loc(autos[1], "straight"),
            "2 straights must be 'auto' and point in different directions;"
            f" lines {lines} are parallel",
        )
        return None
    good = True
    for i in autos:
        piece = solved[i]
        assert isinstance(piece, Straight) and piece.length is not None
        if piece.length >= SHORTEST_AUTO and piece.length <= MAX_LENGTH:
            continue
        good = False
        report.add(
            "T13",
            _loc(i, "straight"),
            f"this straight would need {piece.length:.1f} m;"
            f" {_remedy(parts, pieces, autos, i, piece.length, report)}",
        )
    return solved if good else None


def _remedy(
    parts: Parts,
    pieces: Sequence[Straight | Corner],
    autos: list[int],
    short: int,
    length: float,
    report: Report,
) -> str:
    """The change to a given straight that would make a negative automatic one positive."""
    if length > MAX_LENGTH:
        return "the two autos are almost parallel: choose two that point in different directions"
    turns = [p.sign * p.angle if isinstance(p, Corner) else 0.0 for p in pieces]
    psi = np.concatenate([[0.0], np.cumsum(turns)])[:-1]
    along = np.stack([np.cos(psi), np.sin(psi)])
    # Metres that this automatic straight gains per metre added to straight i.
    gains = -np.linalg.solve(along[:, autos], along)[autos.index(short)]
    best: tuple[float, int] | None = None
    for i, piece in enumerate(pieces):
        if not isinstance(piece, Straight) or piece.length is None:
            continue
        gain = float(gains[i])
        if abs(gain) < 0.2:
            continue
        need = (2.0 * SHORTEST_AUTO - length) / gain
        if piece.length + need < SHORTEST_AUTO:
            continue
        if best is None or abs(need) < abs(best[0]):
            best = (need, i)
    swap = "swap which straights are auto"
    if best is None:
        return f"change the corners, or {swap}"
    need, i = best
    given = parts[i]
    assert isinstance(given, StraightPart)
    verb = "lengthen" if need > 0 else "shorten"
    line = report.line_of(_loc(i, "straight"))
    return f"{verb} line {line} ({given.straight:g}) by ~{math.ceil(abs(need)):g} m, or {swap}"


def _centreline(
    layout: Layout, parts: Parts, pieces: list[Straight | Corner], report: Report
) -> Centreline | None:
    """The closed loop of solved pieces; a gap up to ``GAP_ALLOWED`` is spread over the lap."""
    profile = profile_of(pieces)
    length = profile.length
    if not _length_ok(length, report):
        return None
    # A lap must turn by exactly a whole number of circles, or the heading jumps at the start line.
    turn = profile.heading_at(np.array([length]))[0]
    extra = 2.0 * np.pi * np.round(turn / (2.0 * np.pi)) - turn
    gap = profile.xy_at(np.array([length]))[0]

    def pose(s: Array) -> tuple[Array, Array]:
        share = s / length
        return profile.xy_at(s) - share[:, None] * gap, profile.heading_at(s) + share * extra

    ends = np.cumsum([_length(p) for p in pieces])
    return Centreline(length, pose, _widths(layout, parts, ends), _spans(parts, pieces, ends))


def _length(piece: Straight | Corner) -> float:
    return piece.length or 0.0


def _length_ok(length: float, report: Report) -> bool:
    if MIN_LENGTH <= length <= MAX_LENGTH:
        return True
    report.add(
        "T04",
        ("layout",),
        f"the lap is {length:.0f} m long; it must be {MIN_LENGTH:g} to {MAX_LENGTH:g} m",
    )
    return False


def _spans(parts: Parts, pieces: Sequence[Straight | Corner], ends: Array) -> tuple[Span, ...]:
    spans = []
    for i, (part, piece) in enumerate(zip(parts, pieces, strict=False)):
        start = float(ends[i] - _length(piece))
        turn = piece.sign if isinstance(piece, Corner) else 0
        spans.append(
            Span(start, float(ends[i]), _loc(i), part.name or "", part.kerb or "auto", turn)
        )
    return tuple(spans)


def _widths(layout: Layout, parts: Parts, ends: Array) -> Callable[[Array], tuple[Array, Array]]:
    """Half-widths along the lap: a segment's width is reached at its end.

    A segment without a width keeps that of the previous one. The lap begins and ends with the width
    of the last item if it has one, else with ``layout.width``.
    """
    closed_by_curve = len(ends) > len(parts)
    first = layout.width or DEFAULT_WIDTH
    if parts[-1].width and not closed_by_curve:
        first = parts[-1].width
    at_end = [first]
    for part in parts:
        at_end.append(part.width or at_end[-1])
    at_end[len(ends) :] = [first]
    stations = np.concatenate([[0.0], ends])
    widths = np.array(at_end)

    def half_widths(s: Array) -> tuple[Array, Array]:
        i = np.clip(np.searchsorted(stations, s, side="right") - 1, 0, len(ends) - 1)
        room = stations[i + 1] - stations[i]
        f = np.clip((s - stations[i]) / np.where(room > 0.0, room, 1.0), 0.0, 1.0)
        f = f * f * (3.0 - 2.0 * f)
        half = 0.5 * (widths[i] + f * (widths[i + 1] - widths[i]))
        return half, half.copy()

    return half_widths


def _closed_by_curve(
    layout: Layout,
    parts: Parts,
    pieces: list[Straight | Corner],
    autos: list[int],
    report: Report,
) -> Centreline | None:
    """Close the loop with one smooth curve that continues heading and curvature."""
    if autos:
        report.add(
            "T12",
            _loc(autos[0], "straight"),
            "with closing: curve every straight needs its length; the curve closes the loop",
        )
        return None
    from retroracer.track.closing_curve import closing_curve

    profile = profile_of(pieces)
    if not 0.0 < profile.length <= MAX_LENGTH:
        _length_ok(profile.length, report)
        return None
    end = np.array([profile.length])
    curve = closing_curve(profile.xy_at(end)[0], float(profile.heading_at(end)[0]))
    if curve is None:
        report.add(
            "T11",
            ("layout", "closing"),
            _gap_text(pieces).split(";")[0]
            + ", too near or too far for one smooth piece; add segments, or mark two straights"
            " 'auto' with closing: auto",
        )
        return None
    length = profile.length + curve.length
    if not _length_ok(length, report):
        return None

    def pose(s: Array) -> tuple[Array, Array]:
        own = s <= profile.length
        xy, heading = curve.pose(s[~own] - profile.length)
        return (
            np.concatenate([profile.xy_at(s[own]) if own.any() else np.empty((0, 2)), xy]),
            np.concatenate([profile.heading_at(s[own]), heading]),
        )

    ends = np.append(np.cumsum([_length(p) for p in pieces]), length)
    spans = (
        *_spans(parts, pieces, ends),
        Span(profile.length, length, ("layout", "closing"), "closing curve"),
    )
    return Centreline(length, pose, _widths(layout, parts, ends), spans)
