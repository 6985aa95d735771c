"""A short championship: four tracks, points by place, kept between games.

Owns its rules and its file. Knows no window.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retroracer.atomic import make_folder, write_text
from retroracer.errors import UserError
from retroracer.reading import read_bytes

TRACKS = ("monza", "suzuka", "silverstone", "spa")
LAPS = 2
RIVALS = 3
POINTS = (10, 6, 4, 3)
"""For the first, the second, ..."""

FILE = "championship.json"
KEPT = 20
"""Finished championships that are remembered."""

_MOST_BYTES = 100_000


@dataclass
class Championship:
    """How it stands.

    Attributes:
        raced: rounds done.
        points: by driver, of this championship.
        past: finished ones, oldest first: when [s since 1970] and the points by driver.
    """

    raced: int = 0
    points: dict[str, int] = field(default_factory=dict)
    past: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """True once all rounds are done."""
        return self.raced >= len(TRACKS)

    def standings(self) -> list[tuple[str, int]]:
        """Drivers with their points, most first."""
        return sorted(self.points.items(), key=lambda row: (-row[1], row[0]))

    def take(self, order: Sequence[str]) -> None:
        """Take in the result of a round, drivers from first to last."""
        if self.over:
            return
        for place, name in enumerate(order):
            won = POINTS[place] if place < len(POINTS) else 0
            self.points[name] = self.points.get(name, 0) + won
        self.raced += 1
        if self.over:
            self.past = [*self.past, (time.time(), dict(self.points))][-KEPT:]

    def begin(self) -> None:
        """Begin a new championship; finished ones stay in the list."""
        self.raced, self.points = 0, {}

    def best_place(self, name: str = "you") -> int | None:
        """The best place of a driver in a finished championship, from 1; None without one."""
        places = [
            sorted(points.values(), reverse=True).index(points[name]) + 1
            for _, points in self.past
            if name in points
        ]
        return min(places, default=None)


def read_championship(folder: Path) -> Championship:
    """The championship in the player's folder, or a new one if none can be read."""
    try:
        page: Any = json.loads(read_bytes(folder / FILE, _MOST_BYTES))
        raced, points, past = page["raced"], page["points"], page["past"]
        if not (isinstance(raced, int) and 0 <= raced <= len(TRACKS) and _are_points(points)):
            return Championship()
        kept = [(float(when), won) for when, won in past if _are_points(won)]
        return Championship(raced, points, kept[-KEPT:])
    except (UserError, ValueError, TypeError, KeyError, RecursionError):
        return Championship()


def _are_points(points: object) -> bool:
    return isinstance(points, dict) and all(
        isinstance(n, str) and len(n) < 100 and isinstance(v, int) and 0 <= v < 1000
        for n, v in points.items()
    )


def keep_championship(folder: Path, now: Championship) -> None:
    """Write it down.

    Raises:
        UserError: if it cannot be written.
    """
    page = {"raced": now.raced, "points": now.points, "past": now.past}
    make_folder(folder)
    write_text(folder / FILE, json.dumps(page) + "\n")
