"""A centreline from the straights and corners of a page, closed into a lap.

Owns the ``segments`` form of a layout and its three ways of closing. ``geometry`` has the curves,
``build`` samples, ``schema`` defines the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from retroracer.config.place import Loc
from retroracer.track.centreline import MAX_LENGTH, MIN_LENGTH, Centreline, Span, bad_length
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
Pieces = Sequence[Straight | Corner]


def _loc(index: int, *more: str) -> Loc:
    return ("layout", "segments", index, *more)


def _piece(part: StraightPart | CornerPart) -> Straight | Corner:
    if isinstance(part, StraightPart):
        return Straight(None if part.straight == "auto" else float(part.straight))
    angle = math.radians(part.angle)
    ease = default_ease(part.radius, angle) if part.ease is None else part.ease
    sign = 1 if part.corner == "left" else -1
    return Corner(sign, angle, part.radius, part.to_radius, ease)


def lay_segments(layout: Layout, report: Report) -> Centreline:
    """Put the segments of a page end to end, starting at the origin along +x, and close them.

    Raises:
        UserError: with the errors in ``report``, if they do not make a lap.
    """
    parts = layout.segments or []
    pieces: Pieces = [_piece(p) for p in parts]
    autos = [i for i, p in enumerate(pieces) if isinstance(p, Straight) and p.length is None]
    known = sum(_length(p) for p in pieces)
    if known > MAX_LENGTH:
        _check_length(known, report)
    if layout.closing == "curve":
        return _closed_by_curve(layout, parts, pieces, autos, report)
    _check_turns(layout, pieces, report)
    if layout.closing == "exact" and autos:
        report.refuse(
            "T12",
            _loc(autos[0], "straight"),
            "'straight: auto' needs closing: auto; write its length or drop closing: exact",
        )
    if autos or np.hypot(*closing_gap(pieces)) > GAP_ALLOWED:
        if layout.closing == "exact":
            report.refuse("T11", ("layout", "closing"), _gap_text(pieces))
        pieces = _solve(parts, pieces, autos, report)
    return _centreline(layout, parts, pieces, report)


def _gap_text(pieces: Pieces) -> str:
    x, y = closing_gap(pieces)
    return (
        f"track ends {abs(x):.1f} m {'east' if x > 0 else 'west'},"
        f" {abs(y):.1f} m {'north' if y > 0 else 'south'} of the start;"
        " mark two straights 'auto' or set closing: curve"
    )


def _check_turns(layout: Layout, pieces: Pieces, report: Report) -> None:
    total = math.degrees(sum(p.sign * p.angle for p in pieces if isinstance(p, Corner)))
    bridge = layout.crossings == "bridge"
    goals = [360.0 * k for k in range(-3, 4)] if bridge else [-360.0, 360.0]
    off = min((goal - total for goal in goals), key=abs)
    if abs(off) <= math.degrees(TURN_ALLOWED):
        return
    have = f"{abs(total):g} deg {'left' if total > 0 else 'right'}" if total else "0 deg"
    side = "left" if off > 0 else "right"
    report.refuse(
        "T10",
        ("layout", "segments"),
        f"corners add up to {have}; a loop needs 360: add {round(abs(off), 3):g} deg {side}"
        " (0 only with crossings: bridge)",
    )


def _solve(parts: Parts, pieces: Pieces, autos: list[int], report: Report) -> Pieces:
    """Find the two automatic lengths."""
    if len(autos) != 2:
        where = _loc(autos[-1], "straight") if autos else ("layout", "segments")
        gap = f" ({_gap_text(pieces).split(';')[0]})" if not autos else ""
        report.refuse(
            "T12",
            where,
            f"exactly 2 straights must be 'auto' to close the loop, not {len(autos)}{gap};"
            " choose two that point in different directions, or set closing: curve",
        )
    try:
        solved = solve_auto_straights(pieces)
    except ValueError:
        lines = " and ".join(str(report.where(_loc(i, "straight")).line) for i in autos)
        report.refuse(
            "T12",
            _loc(autos[1], "straight"),
            "2 straights must be 'auto' and point in different directions;"
            f" lines {lines} are parallel",
        )
    for i in autos:
        length = _length(solved[i])
        if not SHORTEST_AUTO <= length <= MAX_LENGTH:
            report.add(
                "T13",
                _loc(i, "straight"),
                f"this straight would need {length:.1f} m;"
                f" {_remedy(parts, pieces, autos, i, length, report)}",
            )
    report.raise_errors()
    return solved


def _remedy(
    parts: Parts, pieces: Pieces, autos: list[int], short: int, length: float, report: Report
) -> str:
    """The change to a given straight that would make a negative automatic one positive."""
    if length > MAX_LENGTH:
        return "the two autos are almost parallel: choose two that point in different directions"
    turns = [p.sign * p.angle if isinstance(p, Corner) else 0.0 for p in pieces]
    psi = np.concatenate([[0.0], np.cumsum(turns)])[:-1]
    along = np.stack([np.cos(psi), np.sin(psi)])
    # Metres that this automatic straight gains per metre added to straight i.
    gains = -np.linalg.solve(along[:, autos], along)[autos.index(short)]
    changes = []
    for i, piece in enumerate(pieces):
        if isinstance(piece, Straight) and piece.length is not None and abs(gains[i]) >= 0.2:
            need = (2.0 * SHORTEST_AUTO - length) / float(gains[i])
            if piece.length + need >= SHORTEST_AUTO:
                changes.append((need, i))
    swap = "swap which straights are auto"
    if not changes:
        return f"change the corners, or {swap}"
    need, i = min(changes, key=lambda change: abs(change[0]))
    given = parts[i]
    assert isinstance(given, StraightPart)
    verb = "lengthen" if need > 0 else "shorten"
    line = report.where(_loc(i, "straight")).line
    return f"{verb} line {line} ({given.straight:g}) by ~{math.ceil(abs(need)):g} m, or {swap}"


def _centreline(layout: Layout, parts: Parts, pieces: Pieces, report: Report) -> Centreline:
    """The closed loop of solved pieces; a gap up to ``GAP_ALLOWED`` is spread over the lap."""
    profile = profile_of(pieces)
    length = profile.length
    _check_length(length, report)
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


def _check_length(length: float, report: Report) -> None:
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        report.refuse("T04", ("layout",), bad_length(length))


def _spans(parts: Parts, pieces: Pieces, ends: Array) -> tuple[Span, ...]:
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
    layout: Layout, parts: Parts, pieces: Pieces, autos: list[int], report: Report
) -> Centreline:
    """Close the loop with one smooth curve that continues heading and curvature."""
    if autos:
        report.refuse(
            "T12",
            _loc(autos[0], "straight"),
            "with closing: curve every straight needs its length; the curve closes the loop",
        )
    from retroracer.track.closing_curve import closing_curve

    profile = profile_of(pieces)
    if not 0.0 < profile.length <= MAX_LENGTH:
        _check_length(profile.length, report)
    end = np.array([profile.length])
    curve = closing_curve(profile.xy_at(end)[0], float(profile.heading_at(end)[0]))
    if curve is None:
        report.refuse(
            "T11",
            ("layout", "closing"),
            _gap_text(pieces).split(";")[0]
            + ", too near or too far for one smooth piece; add segments, or mark two straights"
            " 'auto' with closing: auto",
        )
    length = profile.length + curve.length
    _check_length(length, report)

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
