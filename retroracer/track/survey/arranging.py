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
        places: where each point is in the file, for messages.

    Raises:
        UserError: if a point is not on Earth, or the two edges change sides.
    """
    roles = {role: rows[k] for role, k in columns.roles.items()}
    edges = {side: np.stack([rows[x], rows[y]], axis=1) for side, (x, y) in columns.edges.items()}
    x, y = ("lon", "lat") if columns.on_earth else ("x", "y")
    xy = np.stack([roles[x], roles[y]], axis=1) if x in roles else None
    understood: tuple[str, ...] = ()
    if columns.on_earth:
        xy, edges, understood = projected(xy, edges, places)
    if edges:
        return _between(xy, edges, places, understood, columns.on_earth)
    assert xy is not None
    right, left = roles.get("right"), roles.get("left")
    if "width" in roles:
        right = left = roles["width"] / 2.0
    elif "half" in roles:
        right = left = roles["half"]
    return Surveyed(xy, right, left, places, understood, on_earth=columns.on_earth)


def projected(
    xy: Array | None, edges: dict[str, Array], places: Places
) -> tuple[Array | None, dict[str, Array], tuple[str, ...]]:
    """Project a line and its edges to metres about their common middle.

    Args:
        xy: (m, 2) longitude, latitude [deg], or None if only edges are known.
        edges: side -> (m, 2) longitude, latitude [deg].
        places: where each point is in the file, for messages.

    Returns:
        The line, (m, 2) metres east and north, or None; the edges likewise; sentences about the
        projection for the user.

    Raises:
        UserError: if a longitude or latitude is out of range.
    """
    for line in ([xy] if xy is not None else []) + list(edges.values()):
        bad = np.flatnonzero(~((np.abs(line[:, 0]) <= 360.0) & (np.abs(line[:, 1]) <= 90.0)))
        if len(bad):
            lon, lat = line[bad[0]]
            swapped = abs(lon) <= 90.0 < abs(lat) <= 180.0
            raise UserError(
                f"{places.at(int(bad[0]))}: longitude {lon:g}, latitude {lat:g} is not on Earth;"
                + (" longitude comes first" if swapped else " degrees are needed, not metres")
            )
    every = np.concatenate([line for line in (xy, *edges.values()) if line is not None])
    middle = middle_of(every[:, 0], every[:, 1])
    plane = None if xy is None else to_plane(xy[:, 0], xy[:, 1], middle)
    sides = {side: to_plane(line[:, 0], line[:, 1], middle) for side, line in edges.items()}
    whole = np.concatenate([line for line in (plane, *sides.values()) if line is not None])
    return plane, sides, (described(whole, middle),)


def _between(
    xy: Array | None,
    edges: dict[str, Array],
    places: Places,
    understood: tuple[str, ...],
    earth: bool,
) -> Surveyed:
    """The line halfway between two edges (or ``xy`` if given), with half-widths to each.

    Raises:
        UserError: if the edges change sides along the lap, or left and right are exchanged.
    """
    one, other = edges.values()
    middle = 0.5 * (one + other) if xy is None else xy
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
    if "left" in edges and not first_is_left:
        raise UserError(
            f"{places.file}: the points called left lie to the right of travel; if y points down,"
            " name it y_south; if the lap is driven the other way, reverse the rows;"
            " otherwise exchange the names"
        )
    if "inner" in edges:
        understood = (
            *understood,
            f"the inner edge lies to the {'left' if first_is_left else 'right'}",
        )
    left, right = (one, other) if first_is_left else (other, one)
    return Surveyed(
        middle,
        np.hypot(*(right - middle).T),
        np.hypot(*(left - middle).T),
        places,
        understood,
        on_earth=earth,
    )
