"""Plots laps against the limit: the map coloured by speed, and speed over distance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.laptime.limit import Limit
from retroracer.tables import lap_text
from retroracer.track.geometry import Array
from retroracer.track.track import Track
from retroracer.training.judging.laps import LapTrace, Report

PAPER, ROAD, INK, LIMIT_COLOUR = "#f4f1ea", "#c9c4ba", "#2b2a28", "#8a867d"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Colours of drivers, which colour-blind people can tell apart (Okabe and Ito)."""

BRAKING = 3.0
"""Deceleration [m/s^2] that counts as braking."""

MOST = len(COLOURS)
"""Most laps in a plot."""


def new_figure(width: float, height: float) -> Any:
    """An empty figure of ``width`` x ``height`` inches in our colours; needs no display.

    Raises:
        UserError: if matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("a picture needs matplotlib; pip install 'retroracer[train]'") from None
    figure = Figure(figsize=(width, height), facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path, dpi: int = 110) -> None:
    """Write a figure atomically; the path's suffix chooses the format (.png, .svg, .pdf)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        figure.savefig(part, dpi=dpi, format=path.suffix.lower().removeprefix(".") or "png")


def draw_road(axes: Any, track: Track) -> None:
    """Draw the road from above, in metres."""
    axes.set_aspect("equal")
    axes.axis("off")
    left, right = (np.vstack([e, e[:1]]) for e in (track.left_edge, track.right_edge))
    for i in range(0, track.n, 64):  # in pieces, so that the road may cross itself at a bridge
        part = slice(i, i + 66)
        axes.fill(*np.vstack([left[part], right[part][::-1]]).T, color=ROAD, lw=0)
    axes.plot(*np.stack([track.left_edge[0], track.right_edge[0]]).T, color=INK, lw=2.5)


def draw_line(axes: Any, points: Array, fastest: float, width: float = 2.2) -> Any:
    """Draw a driven line (M, >= 3) of x, y [m] and speed [m/s]; returns it, for a colour bar.

    ``fastest`` is the speed [m/s] of the brightest colour.
    """
    from matplotlib.collections import LineCollection

    pairs = np.stack([points[:-1, :2], points[1:, :2]], axis=1)
    line = LineCollection(list(pairs), cmap="plasma", linewidths=width, capstyle="round")
    line.set_array(3.6 * points[1:, 2])
    line.set_clim(0.0, 3.6 * fastest)
    axes.add_collection(line)
    return line


def plot_laps(
    path: Path,
    track: Track,
    limit: Limit | None,
    laps: Sequence[tuple[Report, LapTrace]],
) -> None:
    """Write a PNG of laps: map of the last driver's, speeds of all against the limit, if known.

    A lap is the first result of its report. Only the last four are drawn.

    Raises:
        UserError: if matplotlib is missing or the file cannot be written.
    """
    figure = new_figure(12.0, 9.0)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 2))
    draw_road(upper, track)
    if limit is not None:
        upper.plot(*np.vstack([limit.xy, limit.xy[:1]]).T, color=INK, lw=0.7, ls=(0, (6, 4)))
        text = f"limit {lap_text(limit.lap_time)}"
        lower.plot(limit.s, 3.6 * limit.speed, color=LIMIT_COLOUR, lw=2.0, label=text)
    for colour, (report, trace) in zip(COLOURS, laps[-MOST:], strict=False):
        points = np.array(trace.points)
        order = np.argsort(points[:, 3])
        s, speed = points[order, 3], points[order, 2]
        lower.plot(s, 3.6 * speed, color=colour, lw=1.3, label=_text(report))
        begin = _braking_points(speed)
        lower.plot(s[begin], 3.6 * speed[begin], "v", color=colour, ms=5)
    last = np.array(laps[-1][1].points)
    fastest = float(limit.speed.max() if limit is not None else last[:, 2].max())
    line = draw_line(upper, last, fastest)
    begin = _braking_points(last[:, 2])
    upper.plot(last[begin, 0], last[begin, 1], "v", color=INK, ms=5)
    bar = figure.colorbar(line, ax=upper, shrink=0.6, aspect=28, pad=0.02, panchor=False)
    bar.set_label("km/h")
    bar.outline.set_visible(False)
    figure.suptitle(
        f"{laps[-1][0].model} on {track.title or track.name}: triangles where braking begins, "
        "dashes the fastest line", x=0.02, ha="left", color=INK,
    )  # fmt: skip
    lower.set(
        xlabel="distance [m]", ylabel="speed [km/h]", xlim=(0.0, track.length), ylim=(0, None)
    )
    for s in track.sectors:
        lower.axvline(s, color=ROAD, lw=1.0, zorder=0)
    lower.set_facecolor(PAPER)
    lower.spines[["top", "right"]].set_visible(False)
    lower.legend(frameon=False, ncols=MOST + 1, loc="lower right")
    save_figure(figure, path)


def _braking_points(speed: Array) -> npt.NDArray[np.int64]:
    """Indices where braking begins, in a lap sampled every control step."""
    slower = np.diff(speed, prepend=speed[:1]) < -BRAKING * 0.05
    firm = slower & np.roll(slower, -1) & np.roll(slower, -2)
    return np.flatnonzero(firm & ~np.roll(slower, 1)).astype(np.int64)


def _text(report: Report) -> str:
    result = report.results[0]
    if result.lap_time_s is None:
        return f"{report.model}: {result.ended}"
    ratio = "" if result.ratio is None else f" (x{result.ratio:.3f})"
    return f"{report.model} {lap_text(result.lap_time_s)}{ratio}"
