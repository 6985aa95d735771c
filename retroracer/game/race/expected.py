"""What shipped drivers are known to do on shipped tracks: lap times from their evaluations.

Owns reading ``models/NAME.json``, as ``evaluate`` wrote it beside each model. A track edited since
is noticed by its limit, and a driver's usual distance to the limit is taken instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from retroracer.resources import models_dir
from retroracer.track.track import Track

SAME = 2e-3
"""A limit within this share of the one in the file is of the same road and car."""


@dataclass(frozen=True)
class Expected:
    """A driver's lap.

    Attributes:
        lap_time: [s]; None if it does not get round.
        over: share beyond the limit, 0.08 = 8 %; None while no limit is known.
        measured: True if it was driven on this track, False if it is worked out from others.
    """

    lap_time: float | None
    over: float | None
    measured: bool

    def words(self) -> str:
        """An expected lap in the words of the menu."""
        if self.lap_time is None:
            return "does not get round here" if self.measured else "time not known yet"
        minutes, seconds = divmod(round(self.lap_time), 60)
        told = f"about {minutes}:{seconds:02d}" if minutes else f"about {seconds} s"
        return told if self.over is None else f"{told}, {100 * self.over:.0f} % over the limit"


@cache
def _rows(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of an evaluation, by track; none of a file that is not one."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["tracks"]
        return {str(r.get("track")): r for r in rows if isinstance(r, dict)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _evaluation(driver: str) -> dict[str, dict[str, Any]]:
    return _rows(models_dir() / f"{driver}.json")


def expected(driver: str, track: Track, limit: float | None) -> Expected:
    """What a driver is expected to do on a track in its own car.

    Args:
        driver: its name.
        track: driven on.
        limit: of track and the driver's car [s], None while unknown.
    """
    rows = _evaluation(driver)
    row = rows.get(track.name)
    if row is not None and limit is not None and _is_near(row.get("limit_s"), limit):
        time = row.get("lap_time_s") if row.get("completed") else None
        if not isinstance(time, float | int):
            return Expected(None, None, True)
        return Expected(float(time), float(time) / limit - 1.0, True)
    ratios = [float(r["ratio"]) for r in rows.values() if isinstance(r.get("ratio"), float)]
    if limit is None or not ratios:
        return Expected(None, None, False)
    ratio = sorted(ratios)[len(ratios) // 2]
    return Expected(ratio * limit, ratio - 1.0, False)


def author_time(drivers: list[str], track: Track, limit: float | None) -> float | None:
    """The best clean lap [s] that some drivers are known to have driven, None without one."""
    if limit is None:
        return None
    times = []
    for driver in drivers:
        row = _evaluation(driver).get(track.name)
        if row and row.get("clean") and row.get("completed") and _is_near(row["limit_s"], limit):
            times.append(float(row["lap_time_s"]))
    return min(times, default=None)


def _is_near(one: object, other: float) -> bool:
    return isinstance(one, float | int) and abs(float(one) / other - 1.0) < SAME
