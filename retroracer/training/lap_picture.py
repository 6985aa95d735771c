"""A picture of a driven lap: the road, the line taken, coloured by speed. Owns only that."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.track.track import Track
from retroracer.training.evaluate import LapTrace, Report

PAPER, ROAD, INK = "#f4f1ea", "#c9c4ba", "#2b2a28"


def draw_lap(path: Path, track: Track, trace: LapTrace, report: Report) -> None:
    """Write a PNG of a lap.

    Args:
        path: of the file.
        track: driven on.
        trace: of the lap.
        report: whose first result is that lap's.

    Raises:
        UserError: if matplotlib is missing or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import LineCollection
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("a picture needs matplotlib; pip install 'retroracer[train]'") from None
    result = report.results[0]
    points = np.array(trace.points)
    figure = Figure(figsize=(9, 7.5), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=PAPER)
    axes.set_aspect("equal")
    axes.axis("off")
    left, right = (np.vstack([e, e[:1]]) for e in (track.left_edge, track.right_edge))
    for i in range(0, track.n, 64):  # pieces, so that a bridge hides nothing
        part = slice(i, i + 66)
        axes.fill(*np.vstack([left[part], right[part][::-1]]).T, color=ROAD, lw=0)
    speed_kmh = 3.6 * points[:, 2]
    pairs = np.stack([points[:-1, :2], points[1:, :2]], axis=1)
    line = LineCollection(list(pairs), cmap="plasma", linewidths=2.2, capstyle="round")
    line.set_array(speed_kmh[1:])
    axes.add_collection(line)
    gate = np.stack([track.left_edge[0], track.right_edge[0]])
    axes.plot(*gate.T, color=INK, lw=2.5)
    bar = figure.colorbar(line, ax=axes, shrink=0.55, aspect=28, pad=0.02)
    bar.set_label("km/h", color=INK)
    bar.outline.set_visible(False)  # type: ignore[operator]
    lap = "not completed"
    if result.lap_time_s is not None:
        minutes, seconds = divmod(result.lap_time_s, 60.0)
        lap = f"{minutes:.0f}:{seconds:06.3f}"
        lap += "" if result.clean else f"  ({result.off_track_s:.1f} s off track)"
    title = f"{report.model} on {track.title or track.name}   {lap}"
    axes.set_title(title, color=INK, fontsize=14, loc="left")
    with replacing(path) as part_file:
        figure.savefig(part_file, dpi=110, format="png")
