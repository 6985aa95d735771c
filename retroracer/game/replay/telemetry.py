"""A lap as numbers along the road: for a page in the game, a CSV file, a page for a browser.

Owns working them out of a tape, driven again, and writing the files. The CSV's columns are named
with their units; the page is one file that asks nothing of a network (drawn by plotly).
"""

from __future__ import annotations

import csv
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.game.race.coach import curve_of_limit
from retroracer.game.race.timing import LapCurve
from retroracer.game.replay.tape import Tape, along_lap, drive_again
from retroracer.laptime.limit import Limit
from retroracer.render.text import lap_text
from retroracer.track.geometry import Array
from retroracer.track.track import Track

KINDS = (".csv", ".html")
EVERY = 5.0
"""Distance between two rows [m]."""

COLUMNS = (
    "distance_m", "time_s", "speed_kmh", "throttle", "brake", "steer", "offset_m",
    "lost_to_limit_s",
)  # fmt: skip
"""Of the CSV: ``steer`` and ``offset_m`` positive left, ``offset_m`` from the centreline."""


@dataclass(frozen=True, eq=False)
class Telemetry:
    """A lap at every few metres of its road.

    Attributes:
        name: who drove it.
        lap_time: [s].
        distance: (N,) into the lap [m]; the others at each.
        time: [s].
        speed: [m/s].
        throttle: in [-1, 1], brake negative.
        steer: in [-1, 1], left positive.
        offset: from the centreline [m], left positive.
    """

    name: str
    lap_time: float
    distance: Array
    time: Array
    speed: Array
    throttle: Array
    steer: Array
    offset: Array

    def lost(self, other: LapCurve) -> Array:
        """(N,) time lost to another lap until there [s]."""
        return np.asarray(self.time - np.interp(self.distance, other.distance, other.time))

    def curve(self) -> LapCurve:
        """Time against distance."""
        return LapCurve(self.distance, self.time, self.lap_time)


def telemetry_of(tape: Tape, track: Track, row: int = 0, name: str = "") -> Telemetry:
    """The lap of a car on a tape.

    Raises:
        TapeError: if it was not driven on this track.
    """
    again = drive_again(tape, track)
    into, time, ahead = along_lap(tape, again, track.length, row)
    keep = ahead & (into >= 0.0) & (into <= track.length)
    at = np.arange(0.0, track.length + 1e-6, EVERY)
    actions = np.concatenate([tape.actions[:, row], tape.actions[-1:, row]]).astype(float)
    centre = track.pose_at(again.s[:, row], np.zeros(len(into)))
    normal = np.stack([-np.sin(centre[1]), np.cos(centre[1])], axis=1)
    offset: Array = ((again.pose[:, row, :2] - centre[0]) * normal).sum(axis=1)

    def along(values: Any) -> Array:
        return np.asarray(np.interp(at, into[keep], values[keep]))

    return Telemetry(
        name or tape.names[row], tape.lap_time, at, along(time), along(again.speed[:, row]),
        along(actions[:, 1]), along(actions[:, 0]), along(offset),
    )  # fmt: skip


def telemetry_of_limit(limit: Limit) -> Telemetry:
    """The fastest possible lap; its pedals in shares of its hardest braking and accelerating."""
    at = np.arange(0.0, limit.length + 1e-6, EVERY)
    pull = limit.at(limit.tangential, at)
    hardest, strongest = -float(limit.tangential.min()), float(limit.tangential.max())
    curve = curve_of_limit(limit)
    return Telemetry(
        "limit", limit.lap_time, at, np.interp(at, curve.distance, curve.time),
        limit.at(limit.speed, at), np.where(pull > 0.0, pull / strongest, pull / hardest),
        np.zeros(len(at)), limit.at(limit.lateral_offset, at),
    )  # fmt: skip


def write_telemetry(
    path: Path, track: Track, laps: Sequence[Telemetry], limit: Limit | None
) -> str:
    """Write laps to a file, whole or not at all.

    Args:
        path: .csv takes the first lap, .html all of them.
        track: they were driven on.
        laps: at least one; on the page the others are compared with the first.
        limit: of track and car, None while unknown.

    Returns:
        What was written, in words.

    Raises:
        UserError: if the ending is unknown, plotly is missing, or the file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UserError(f"cannot write telemetry to {path.name}: end it with {', '.join(KINDS)}")
    told = f"{laps[0].name}'s lap of {laps[0].lap_time:.3f} s"
    if kind == ".csv":
        _write_csv(path, laps[0], limit)
        return f"{path}: {len(laps[0].distance)} rows of {told}"
    page = _page(track, laps, limit)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8")
    against = [lap.name for lap in laps[1:]] + (["the limit"] if limit is not None else [])
    return f"{path}: {told}" + (f" against {' and '.join(against)}" if against else "")


def _write_csv(path: Path, lap: Telemetry, limit: Limit | None) -> None:
    lost = lap.lost(curve_of_limit(limit)) if limit is not None else np.full(len(lap.time), np.nan)
    columns = (
        lap.distance, lap.time, 3.6 * lap.speed, np.maximum(lap.throttle, 0.0),
        np.maximum(-lap.throttle, 0.0), lap.steer, lap.offset, lost,
    )  # fmt: skip
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for row in zip(*columns, strict=True):
            rows.writerow("" if value != value else f"{value:.4f}" for value in row)


CHARTS: tuple[tuple[str, Callable[[Telemetry], Array]], ...] = (
    ("speed [km/h]", lambda lap: 3.6 * lap.speed),
    ("throttle and brake", lambda lap: lap.throttle),
    ("steering, left up", lambda lap: lap.steer),
    ("line: left of the middle [m]", lambda lap: lap.offset),
)
"""What is drawn of every lap, and its numbers."""

INKS = ("#3a84ee", "#ffb042", "#78f0c8", "#be3c96")
LIMIT_INK = "#8a84a8"


def _page(track: Track, laps: Sequence[Telemetry], limit: Limit | None) -> str:
    if find_spec("plotly") is None:
        raise UserError("a page needs plotly, which is not installed: pip install plotly; or .csv")
    graphs: Any = import_module("plotly.graph_objects")
    subplots: Any = import_module("plotly.subplots")

    names = [name for name, _ in CHARTS]
    basis = telemetry_of_limit(limit) if limit is not None else laps[0]
    names.append(f"time lost to {'the limit' if limit is not None else laps[0].name} [s]")
    figure = subplots.make_subplots(
        rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.03, subplot_titles=names
    )
    shown = [*laps, basis] if limit is not None else list(laps)
    for k, lap in enumerate(shown):
        is_limit = limit is not None and k == len(laps)
        line = {"color": LIMIT_INK if is_limit else INKS[k % len(INKS)], "width": 1.5}
        told = f"{html.escape(lap.name)} {lap_text(lap.lap_time)}"
        charts = [draw(lap) for _, draw in CHARTS] + [lap.lost(basis.curve())]
        for row, values in enumerate(charts, 1):
            if is_limit and row == 3:
                continue  # the limit steers a point, not a wheel
            figure.add_trace(
                graphs.Scattergl(
                    x=lap.distance.round(1).tolist(), y=np.round(values, 4).tolist(), name=told,
                    line=line, legendgroup=told, showlegend=row == 1,
                ),
                row=row, col=1,
            )  # fmt: skip
    for label in track.labels:
        if label.name:
            figure.add_vline(x=(label.start + label.end) / 2, line_width=0.5, line_dash="dot")
    figure.update_layout(
        title=f"{html.escape(track.title)}: telemetry", height=1100, template="plotly_white",
        hovermode="x unified",
    )  # fmt: skip
    figure.update_xaxes(title_text="distance into the lap [m]", row=len(names), col=1)
    return str(figure.to_html(include_plotlyjs=True, full_html=True))
