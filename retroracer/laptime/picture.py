"""Draws the limit: the line on the map coloured by speed, and speed over distance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.laptime.limit import Limit
from retroracer.physics.car import Car
from retroracer.tables import lap_text
from retroracer.track.geometry import Array
from retroracer.track.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER, ROAD, INK, FAINT = "#f4f1ea", "#c9c4ba", "#2b2a28", "#8d877c"
COLOURS = "plasma"


def draw_limit(path: Path, track: Track, car: Car, limit: Limit) -> None:
    """Write a PNG of the limit of a track and car.

    Raises:
        UserError: if matplotlib is missing or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import Normalize
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("a picture needs matplotlib; pip install 'retroracer[train]'") from None
    s = np.append(np.arange(0.0, track.length, 2.0), track.length)
    line, _ = track.pose_at(s, limit.at(limit.lateral_offset, s))
    kmh = 3.6 * limit.at(limit.speed, s)
    # Turn the map so that its longer side is horizontal, whichever way north is.
    wide, high = np.ptp(track.xy, axis=0)
    turn = np.eye(2) if wide >= high else np.array([[0.0, 1.0], [-1.0, 0.0]])
    wide, high = np.ptp(track.xy @ turn, axis=0) * 1.04
    map_height = float(np.clip(12.0 * high / wide, 2.2, 9.0))
    figure = Figure(figsize=(13.0, map_height + 3.6), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=[map_height, 2.6])
    scale = Normalize(float(kmh.min()), float(kmh.max()))

    above.set_aspect("equal")
    above.axis("off")
    left, right = (np.vstack([e, e[:1]]) @ turn for e in (track.left_edge, track.right_edge))
    for i in range(0, track.n, 64):  # in pieces, so that the road may cross itself at a bridge
        part = slice(i, i + 66)
        above.fill(*np.vstack([left[part], right[part][::-1]]).T, color=ROAD, lw=0)
    drawn = _coloured(above, line @ turn, kmh, scale, 2.0)
    start = np.stack([track.left_edge[0], track.right_edge[0]]) @ turn
    above.plot(*start.T, color=INK, lw=2.5, solid_capstyle="butt")
    bar = figure.colorbar(drawn, ax=above, shrink=0.7, aspect=26, pad=0.01)
    bar.set_label("km/h", color=INK)
    bar.outline.set_visible(False)
    name = track.title or track.name
    figure.suptitle(
        f"{name}, {car.title}: {lap_text(limit.lap_time)} at the limit",
        x=0.02,
        ha="left",
        color=INK,
        fontsize=15,
    )
    _speed_trace(below, track, s, kmh, scale)
    with replacing(path) as part_file:
        figure.savefig(part_file, dpi=110, format="png")


def _speed_trace(axes: Axes, track: Track, s: Array, kmh: Array, scale: Any) -> None:
    axes.set_facecolor(PAPER)
    _coloured(axes, np.stack([s, kmh], axis=1), kmh, scale, 1.8)
    axes.set_xlim(0.0, track.length)
    axes.set_ylim(0.0, 1.05 * kmh.max())
    for start in track.sectors:
        axes.axvline(start, color=FAINT, lw=0.8, ls=(0, (4, 3)))
    last = -np.inf
    for label in sorted(track.labels, key=lambda x: x.start):
        middle = np.mod(0.5 * (label.start + label.end), track.length)
        if middle - last < 0.02 * track.length:
            continue  # the two names would overlap
        last = middle
        axes.annotate(
            label.name,
            (middle, 0.0),
            (0, -6),
            textcoords="offset points",
            rotation=35,
            rotation_mode="anchor",
            fontsize=8,
            color=INK,
            ha="right",
            va="center",
            annotation_clip=False,
        )
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("m along the centreline", color=INK)
    axes.set_ylabel("km/h", color=INK)
    for side in ("bottom", "right"):
        axes.spines[side].set_visible(False)


def _coloured(axes: Axes, points: Array, kmh: Array, scale: Any, width: float) -> Any:
    """Draw a polyline (n, 2) coloured by speed."""
    from matplotlib.collections import LineCollection

    pieces = np.stack([points[:-1], points[1:]], axis=1)
    drawn = LineCollection(
        list(pieces), linewidths=width, capstyle="round", cmap=COLOURS, norm=scale
    )
    drawn.set_array(0.5 * (kmh[:-1] + kmh[1:]))
    axes.add_collection(drawn)
    axes.autoscale_view()
    return drawn
