"""What varies between episodes: start, car, latency. ``batch`` draws the random numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from retroracer.reading import shown

MAX_LATENCY = 3
"""Longest latency of an action [control steps]."""

# Columns of the random numbers in [0, 1) that are drawn for every episode.
(
    DRAW_GRIP,
    DRAW_MASS,
    DRAW_POWER,
    DRAW_LATENCY,
    DRAW_STATION,
    DRAW_OFFSET,
    DRAW_PACE,
    N_DRAWS,
) = range(8)


class Ranges(NamedTuple):
    """A ``Variety`` for compiled code; see there for meanings and units."""

    grid: bool
    latency: tuple[int, int]
    pace: tuple[float, float]
    standing: float
    astray: float
    reach: float
    offset: float
    heading: float
    grip: tuple[float, float]
    mass: tuple[float, float]
    power: tuple[float, float]


@dataclass(frozen=True)
class Variety:
    """Ranges from which every episode is drawn; with the defaults nothing varies.

    Attributes:
        start: "grid" (standing behind the line) or "random" (anywhere, rolling).
        pace: range of a random start's speed, as a share of the speed that the bends ahead allow
            this car on the centreline (without bends, of its top speed).
        standing: share of random starts that stand still.
        astray: share of random starts that are recovery starts: slow, facing anywhere, on the
            road or beside it, as after a spin. Without them a policy never learns to recover.
        reach: largest lateral offset of a recovery start, as a share of the half-width.
        offset: largest lateral offset of other random starts, as a share of the half-width.
        heading: standard deviation of a random start's heading error [rad].
        grip: range of the factor on the car's friction coefficient.
        mass: range of the factor on its mass.
        power: range of the factor on its power and drive force.
        latency: (least, most) delay of actions [control steps of 50 ms], at most 3.
        reverse: probability that a track is driven in the other direction.
        width: range of the factor on the road's width.
        uneven: share of random tracks with the sharpest corners and the most uneven widths of real
            circuits (``recipe.UNEVEN``). Ignored where tracks are given.
    """

    start: str = "grid"
    pace: tuple[float, float] = (0.0, 1.0)
    standing: float = 0.0
    astray: float = 0.0
    reach: float = 1.6
    offset: float = 0.7
    heading: float = 0.1
    grip: tuple[float, float] = (1.0, 1.0)
    mass: tuple[float, float] = (1.0, 1.0)
    power: tuple[float, float] = (1.0, 1.0)
    latency: tuple[int, int] = (0, 0)
    reverse: float = 0.0
    width: tuple[float, float] = (1.0, 1.0)
    uneven: float = 0.0

    def __post_init__(self) -> None:
        if self.start not in ("grid", "random"):
            raise ValueError(f"start must be 'grid' or 'random', not {self.start!r}")
        for name in ("pace", "grip", "mass", "power", "latency", "width"):
            given = getattr(self, name)
            if not isinstance(given, tuple | list) or len(given) != 2:
                raise ValueError(f"{name} must be a range (low, high), not {shown(given)}")
            low, high = given
            least = 0.0 if name in ("pace", "latency") else 0.05
            if not least <= low <= high < math.inf:
                raise ValueError(f"{name} must be a range (low, high) from {least}: {low}, {high}")
        if self.latency[1] > MAX_LATENCY:
            raise ValueError(f"latency is at most {MAX_LATENCY} control steps: {self.latency}")
        for name in ("reverse", "standing", "astray", "uneven"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a chance, 0 to 1: {getattr(self, name)}")
        for name in ("offset", "reach"):
            if not 0.0 <= getattr(self, name) <= 20.0:
                told = getattr(self, name)
                raise ValueError(f"{name} is a share of the half-width, 0 to 20: {told}")
        if not 0.0 <= self.heading < math.inf:
            raise ValueError(f"heading is a standard deviation, 0 or more: {self.heading}")
        if self.standing + self.astray > 1.0:
            raise ValueError("standing and astray are shares of the same starts: at most 1 in all")

    def ranges(self) -> Ranges:
        """The same ranges for compiled code."""
        least, most = self.latency
        given = [getattr(self, name) for name in Ranges._fields[2:]]
        plain: list[Any] = [
            tuple(map(float, v)) if isinstance(v, tuple | list) else float(v) for v in given
        ]
        return Ranges(self.start == "grid", (int(least), int(most)), *plain)


TRAINING = Variety(
    start="random",
    pace=(0.3, 1.0),
    standing=0.08,
    astray=0.06,
    grip=(0.78, 1.1),
    mass=(0.92, 1.08),
    power=(0.8, 1.2),
    latency=(0, 1),
    reverse=0.5,
    width=(0.9, 1.1),
)
"""The variety with which a generalist is trained."""
