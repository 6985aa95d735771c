"""Importing a circuit: from a file of points to a valid road.

Owns the order of the steps of ``tracks import``, and the check that points are in driving order
along a closed lap. ``survey`` handles formats, scale and overlapping ends, ``mending`` repairs the
road, ``page_writing`` writes the page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retroracer.errors import UserError
from retroracer.track.mending import Road, Survey, calmed, mended
from retroracer.track.survey.lap import first_lap
from retroracer.track.survey.reading import read_survey
from retroracer.track.survey.sizes import check_size
from retroracer.track.survey.surveyed import MIN_POINTS, Surveyed


def survey(
    path: Path,
    name: str,
    width: float | None = None,
    *,
    scale: float | None = None,
    line: str | None = None,
) -> Survey:
    """Read a circuit's points from CSV, GeoJSON or GPX and make a valid track of them.

    Args:
        path: path of the file.
        name: identifier of the track.
        width: full width [m], if the file has no widths.
        scale: factor on all positions and widths; None = an implausible size is an error that
            proposes a factor.
        line: name or number of the line, if a GeoJSON or GPX file holds several.

    Raises:
        UserError: if the points are not a circuit.
    """
    points = read_survey(path, line)
    if scale is not None:
        points = _scaled(points, scale)
    points = points.checked()
    check_size(points, scale)
    notes: list[str] = []
    points = first_lap(_without_repeats(points, notes), notes)
    points = _with_widths(_open_end(points), width)
    _check_order(points)
    left, right = points.left, points.right
    assert left is not None and right is not None
    left = calmed(left, points.xy, "left", points.places, notes)
    right = calmed(right, points.xy, "right", points.places, notes)
    return mended(Road(points.xy, left, right, points.places, name), points.understood, notes)


def _scaled(points: Surveyed, scale: float) -> Surveyed:
    if scale == 1.0:
        return points
    if points.on_earth:
        raise UserError(
            f"{points.places.file}: longitude and latitude have their own size;"
            f" leave --scale {scale:g} out"
        )
    understood = (*points.understood, f"positions and widths times {scale:g}")
    return points.changed(lambda a: a * scale, understood=understood)


def _with_widths(points: Surveyed, width: float | None) -> Surveyed:
    """Points with widths: the file's own, else the one given."""
    file = points.places.file
    if points.left is not None and points.right is not None:
        if width is not None:
            understood = f"the file has widths; --width {width:g} was not needed"
            return replace(points, understood=(*points.understood, understood))
        return points
    if width is None:
        strange = ", ".join(f"'{name}'" for name in points.unknown[:8])
        why = f" that are understood (not understood: {strange})" if strange else ""
        raise UserError(f"{file} has no widths{why}; give one for all with --width METRES")
    half = np.full(len(points.xy), width / 2.0)
    return replace(points, left=half, right=half)


def _without_repeats(points: Surveyed, notes: list[str]) -> Surveyed:
    """Drop points that repeat the previous one."""
    xy = points.xy
    step = np.hypot(*(xy - np.roll(xy, 1, axis=0)).T)
    twins = step < max(0.05, 0.02 * float(np.median(step)))
    twins[0] = False
    if twins[:-1].any():
        first = int(np.flatnonzero(twins)[0])
        notes.append(
            f"{int(twins.sum())} points that repeat the one before were dropped"
            f" ({points.places.name(first)})"
        )
    return _enough(points, ~twins)


def _open_end(points: Surveyed) -> Surveyed:
    """Drop a last point that closes the loop."""
    xy = points.xy
    step = np.hypot(*(np.roll(xy, -1, axis=0) - xy).T)
    keep = np.ones(len(xy), bool)
    keep[-1] = step[-1] >= 0.25 * float(np.median(step))
    return _enough(points, keep)


def _enough(points: Surveyed, keep: npt.NDArray[np.bool_]) -> Surveyed:
    if keep.sum() < MIN_POINTS:
        raise UserError(
            f"{points.places.file}: only {int(keep.sum())} different points;"
            f" a circuit needs at least {MIN_POINTS}"
        )
    return points.only(np.flatnonzero(keep))


def _check_order(points: Surveyed) -> None:
    """Refuse points that are not in driving order along a closed lap."""
    xy, places = points.xy, points.places
    chord = np.roll(xy, -1, axis=0) - xy
    step = np.hypot(*chord.T)
    typical = float(np.median(step))
    gap = int(step.argmax())
    if step[gap] > max(60.0, 12.0 * typical):
        if gap == len(xy) - 1:
            raise UserError(
                f"{places.at(-1)}: the last point is {step[gap]:.0f} m from the first;"
                " a circuit must come back to its start"
            )
        raise UserError(
            f"{places.at(gap + 1)}: this point is {step[gap]:.0f} m from the one before"
            f" (others {typical:.1f} m); points must stand in driving order, without gaps"
        )
    heading = np.arctan2(chord[:, 1], chord[:, 0])
    turn = np.abs(np.angle(np.exp(1j * (heading - np.roll(heading, 1)))))
    back = np.flatnonzero(turn > np.radians(120.0))
    if len(back):
        raise UserError(
            f"{places.at(int(back[0]))}: the line turns back on itself here"
            f" ({np.degrees(turn[back[0]]):.0f} deg, {len(back)} such points);"
            " points must stand in driving order"
        )
