"""A picture of the limit: the line on the map coloured by speed, and speed over distance."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.laptime.limit import Limit
from retroracer.physics.car import Car
from retroracer.track.track import Track

PAPER, ROAD, INK, FAINT = "#f4f1ea", "#c9c4ba", "#2b2a28", "#8d877c"


def draw_limit(path: Path, track: Track, car: Car, limit: Limit) -> None:
    """Write a PNG.

    Args:
        path: of the file.
        track: the track.
        car: whose limit it is.
        limit: of both.

    Raises:
        UserError: if matplotlib is missing or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import LineCollection
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("a picture needs matplotlib; pip install 'retroracer[train]'") from None
    figure = Figure(figsize=(11, 10), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=[3.2, 1.0])
    s = np.arange(0.0, track.length, 2.0)
    closed = np.append(s, track.length)
    line, _ = track.pose_at(closed, limit.at(limit.lateral_offset, closed))
    kmh = 3.6 * limit.at(limit.speed, closed)
    colours = {"cmap": "plasma", "norm": _span(kmh)}

    above.set_facecolor(PAPER)
    above.set_aspect("equal")
    above.axis("off")
    left, right = (np.vstack([e, e[:1]]) for e in (track.left_edge, track.right_edge))
    for i in range(0, track.n, 64):  # pieces, so that a bridge hides nothing
        part = slice(i, i + 66)
        above.fill(*np.vstack([left[part], right[part][::-1]]).T, color=ROAD, lw=0)
    pieces = np.stack([line[:-1], line[1:]], axis=1)
    drawn = LineCollection(list(pieces), linewidths=2.0, capstyle="round", **colours)
    drawn.set_array(0.5 * (kmh[:-1] + kmh[1:]))
    above.add_collection(drawn)
    above.plot(*np.stack([track.left_edge[0], track.right_edge[0]]).T, color=INK, lw=2.5)
    bar = figure.colorbar(drawn, ax=above, shrink=0.6, aspect=30, pad=0.02)
    bar.set_label("km/h", color=INK)
    bar.outline.set_visible(False)  # type: ignore[operator]
    minutes, seconds = divmod(limit.lap_time, 60.0)
    above.set_title(
        f"{track.title or track.name}, {car.title}: the limit is {minutes:.0f}:{seconds:06.3f}",
        color=INK,
        fontsize=14,
        loc="left",
    )

    below.set_facecolor(PAPER)
    trace = np.stack([closed, kmh], axis=1)
    drawn = LineCollection(list(np.stack([trace[:-1], trace[1:]], axis=1)), lw=1.8, **colours)
    drawn.set_array(0.5 * (kmh[:-1] + kmh[1:]))
    below.add_collection(drawn)
    below.set_xlim(0.0, track.length)
    below.set_ylim(0.0, 1.12 * kmh.max())
    for start in track.sectors:
        below.axvline(start, color=FAINT, lw=0.8, ls=(0, (4, 3)))
    for label in track.labels:
        middle = 0.5 * (label.start + label.end)
        below.annotate(
            label.name,
            (middle, 3.0),
            rotation=90,
            fontsize=7,
            color=FAINT,
            ha="center",
            va="bottom",
        )
    below.set_xlabel("distance along the centreline, m", color=INK)
    below.set_ylabel("speed, km/h", color=INK)
    for side in ("top", "right"):
        below.spines[side].set_visible(False)
    with replacing(path) as part_file:
        figure.savefig(part_file, dpi=110, format="png")


def _span(kmh: np.ndarray) -> object:
    from matplotlib.colors import Normalize

    return Normalize(float(kmh.min()), float(kmh.max()))
