"""From columns of numbers to a centreline with a half-width to each side, in metres.

Longitude and latitude are projected to metres. Where a file gives the two edges of the road, the
centreline is taken between them.
"""

from __future__ import annotations

import numpy as np

from retroracer.errors import UserError
from retroracer.track.geometry import Array
from retroracer.track.survey.columns import Columns
from retroracer.track.survey.lonlat import described, middle_of, to_plane
from retroracer.track.survey.surveyed import Places, Surveyed


def arranged(rows: dict[int, Array], columns: Columns, places: Places) -> Surveyed:
    """The centreline and half-widths that the columns describe, in metres.

    Args:
        rows: column index -> its numbers, (m,) in metres or degrees.
        columns: what each column means.
        places: of the points.

    Raises:
        UserError: if a point is not on Earth, or the two edges change sides.
    """
    roles = {role: rows[k] for role, k in columns.roles.items()}
    x, y = ("lon", "lat") if columns.on_earth else ("x", "y")
    lines = {"middle": np.stack([roles[x], roles[y]], axis=1)} if x in roles else {}
    for side, (a, b) in columns.edges.items():
        lines[side] = np.stack([rows[a], rows[b]], axis=1)
    understood: tuple[str, ...] = ()
    if columns.on_earth:
        lines, projection = projected(lines, places)
        understood = (projection,)
    if columns.edges:
        return _between(lines, places, understood, columns.on_earth)
    right, left = roles.get("right"), roles.get("left")
    if "width" in roles:
        right = left = roles["width"] / 2.0
    elif "half" in roles:
        right = left = roles["half"]
    return Surveyed(lines["middle"], right, left, places, understood, on_earth=columns.on_earth)


def projected(lines: dict[str, Array], places: Places) -> tuple[dict[str, Array], str]:
    """Project lines to metres about their common middle.

    Args:
        lines: "middle" or a side -> (m, 2) longitude, latitude [deg].
        places: of the points.

    Returns:
        The same lines in metres east and north; a sentence about the projection for the user.

    Raises:
        UserError: if a longitude or latitude is out of range.
    """
    for line in lines.values():
        bad = np.flatnonzero(~((np.abs(line[:, 0]) <= 360.0) & (np.abs(line[:, 1]) <= 90.0)))
        if len(bad):
            lon, lat = line[bad[0]]
            swapped = abs(lon) <= 90.0 < abs(lat) <= 180.0
            raise UserError(
                f"{places.at(int(bad[0]))}: longitude {lon:g}, latitude {lat:g} is not on Earth;"
                + (" longitude comes first" if swapped else " degrees are needed, not metres")
            )
    middle = middle_of(np.concatenate([*lines.values()]))
    plane = {name: to_plane(line, middle) for name, line in lines.items()}
    return plane, described(np.concatenate([*plane.values()]), middle)


def _between(
    lines: dict[str, Array], places: Places, understood: tuple[str, ...], earth: bool
) -> Surveyed:
    """The middle line (halfway between the two edges if none is given), with half-widths to each.

    Raises:
        UserError: if the edges change sides along the lap, or left and right are exchanged.
    """
    one, other = (line for name, line in lines.items() if name != "middle")
    middle = lines.get("middle", 0.5 * (one + other))
    along = np.roll(middle, -1, axis=0) - np.roll(middle, 1, axis=0)
    across = one - other
    leftwards = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0] > 0.0
    share = float(leftwards.mean())
    first_is_left = share > 0.5
    if 0.1 < share < 0.9:
        raise UserError(
            f"{places.file}: the edges change sides along the lap; each row must hold the points"
            " of both edges that face each other, in driving order"
        )
    if "left" in lines and not first_is_left:
        raise UserError(
            f"{places.file}: the points called left lie to the right of travel; if y points down,"
            " name it y_south; if the lap is driven the other way, reverse the rows;"
            " otherwise exchange the names"
        )
    if "inner" in lines:
        side = "left" if first_is_left else "right"
        understood = (*understood, f"the inner edge lies to the {side}")
    left, right = (one, other) if first_is_left else (other, one)
    halves = np.hypot(*(right - middle).T), np.hypot(*(left - middle).T)
    return Surveyed(middle, *halves, places, understood, on_earth=earth)
