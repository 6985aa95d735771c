"""Messages about a built track's flaws, for the author of its page.

Owns turning the flaws that ``validity`` finds into problems at the line of the segment or point
that causes them, and the warnings about unusual but possible tracks.
"""

from __future__ import annotations

import numpy as np

from retroracer.track.centreline import Centreline, Span
from retroracer.track.problems import Report
from retroracer.track.schema import TrackPage
from retroracer.track.track import Track
from retroracer.track.validity import CLEARANCE, MIN_CROSSING_DEG, Flaw, find_flaws

_CAR_LENGTH = 4.6


def judge(page: TrackPage, line: Centreline, track: Track, report: Report) -> None:
    """Add every flaw of the road, and what is unusual about it, to the report.

    Raises:
        UserError: if the road cannot be driven.
    """
    _warn(page, line, track, report)
    for flaw in find_flaws(track):
        _report_flaw(flaw, page, line, track, report)
    report.raise_errors()


def _span_at(s: float, page: TrackPage, line: Centreline) -> Span:
    """The item of the layout at a station of the built track."""
    back = page.race.direction == "reverse"
    at = (page.start.at - s if back else page.start.at + s) % line.length
    for span in line.spans:
        if span.start <= at < span.end:
            return span
    return line.spans[-1]


def _name(span: Span, report: Report) -> str:
    if span.name:
        return f'"{span.name}"'
    if span.loc[-1:] == ("points_file",):
        return "the road"
    if span.loc[1:2] == ("points",):
        return f"point {int(span.loc[-1]) + 1}"
    return f"line {report.where(span.loc).line}"


def _report_flaw(
    flaw: Flaw, page: TrackPage, line: Centreline, track: Track, report: Report
) -> None:
    here, there = _span_at(flaw.s, page, line), _span_at(flaw.other, page, line)
    place = f"{_name(here, report)} (s={flaw.s:.0f})"
    other = f"{_name(there, report)} (s={flaw.other:.0f})"
    if flaw.code == "T20":
        if page.layout.crossings == "bridge":
            text = (
                f"crosses between {place} and {other} at only {flaw.distance:.0f} deg;"
                f" a bridge needs at least {MIN_CROSSING_DEG:g}: cross more squarely"
            )
        else:
            text = f"crosses between {place} and {other}; move them, or crossings: bridge"
    elif flaw.code == "T21":
        sides = {1: "left", -1: "right"}
        gap = "meets" if flaw.distance == 0.0 else f"comes within {flaw.distance:.1f} m of"
        text = (
            f"{sides[flaw.side]} edge of {place} {gap} the {sides[flaw.other_side]} edge of"
            f" {other} (need {CLEARANCE:g} m); move them apart or make the road narrower"
        )
    else:
        wide = track.half_width(flaw.side, flaw.s)
        text = (
            f"inside edge of {place} folds: radius {flaw.distance:.1f} m is too tight for a"
            f" half width of {wide:.1f} m; raise the radius above {wide + 2.0:.0f} or lower"
            " the width"
        )
    report.add(flaw.code, here.loc, text)


def _warn(page: TrackPage, line: Centreline, track: Track, report: Report) -> None:
    def warn(code: str, sample: int, text: str) -> None:
        report.add(code, _span_at(sample * track.spacing, page, line).loc, text)

    official = page.meta.length_m
    if official and abs(track.length - official) > 0.02 * official:
        report.add(
            "W40",
            ("meta", "length_m"),
            f"the lap is {track.length:.0f} m long, length_m says {official:g}"
            f" ({100.0 * (track.length / official - 1.0):+.1f} %)",
        )
    width = track.half_width_left + track.half_width_right
    for k in (int(width.argmin()), int(width.argmax())):
        if not 6.0 <= width[k] <= 30.0:
            warn(
                "W41",
                k,
                f"the road is {width[k]:.1f} m wide at s={k * track.spacing:.0f};"
                " real circuits are 7.4 to 27.6 m wide",
            )
    bend = np.abs(track.curvature)
    tight = int(bend.argmax())
    if bend[tight] > 1.0 / 8.0:
        warn(
            "W41",
            tight,
            f"radius {1.0 / bend[tight]:.1f} m at s={tight * track.spacing:.0f};"
            " the tightest corners of real circuits have 7.5 to 24 m",
        )
    if not 400.0 <= track.length <= 8000.0:
        text = f"the lap is {track.length:.0f} m long; real circuits are 2300 to 7000 m"
        report.add("W41", ("layout",), text)
    _warn_start(page, track, report)
    uneven = np.maximum(track.half_width_left, track.half_width_right) / width
    if uneven.max() > 0.8:
        i = int(uneven.argmax())
        warn(
            "W42",
            i,
            f"at s={i * track.spacing:.0f} one side of the road is over four times as wide as"
            " the other; is the centreline in its middle?",
        )


def _warn_start(page: TrackPage, track: Track, report: Report) -> None:
    bend = np.abs(track.curvature)
    behind = max(1, round((page.start.grid_gap + _CAR_LENGTH) / track.spacing))
    if bend[0] > 1.0 / 150.0 or bend[-behind:].max() > 1.0 / 60.0:
        text = "the start line or its grid lies in a corner; move start.at onto a straight"
        report.add("W42", ("start", "at"), text)
    if page.start.grid_gap + _CAR_LENGTH > 0.25 * track.length:
        report.add(
            "W42",
            ("start", "grid_gap"),
            f"the grid stands {page.start.grid_gap:g} m behind the line, over a quarter of the lap",
        )
