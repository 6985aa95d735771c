"""What varies between episodes: start, car, latency. Drawn here, from a passed generator only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retroracer.physics import car as c
from retroracer.track.geometry import Array

MAX_LATENCY = 3
"""Longest latency of an action [control steps]."""


@dataclass(frozen=True)
class Variety:
    """Ranges episodes are drawn from; the defaults vary nothing but the place of the start.

    Attributes:
        start: "grid" (standing behind the line) or "random" (anywhere, rolling).
        speed: range of a random start's speed [m/s].
        offset: a random start's lateral offset, as a share of the half-width.
        heading: standard deviation of a random start's heading error [rad].
        grip: range of the factor on the car's friction coefficient.
        mass: range of the factor on its mass.
        power: range of the factor on its power and drive force.
        latency: (least, most) delay of actions in control steps of 50 ms, at most 3.
        reverse: chance that a track is driven the other way.
        width: range of the factor on the road's width.
    """

    start: str = "random"
    speed: tuple[float, float] = (0.0, 30.0)
    offset: float = 0.7
    heading: float = 0.1
    grip: tuple[float, float] = (1.0, 1.0)
    mass: tuple[float, float] = (1.0, 1.0)
    power: tuple[float, float] = (1.0, 1.0)
    latency: tuple[int, int] = (0, 0)
    reverse: float = 0.0
    width: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if self.start not in ("grid", "random"):
            raise ValueError(f"start must be 'grid' or 'random', not {self.start!r}")
        for name in ("speed", "grip", "mass", "power", "latency", "width"):
            low, high = getattr(self, name)
            least = 0.0 if name in ("speed", "latency") else 0.05
            if not least <= low <= high:
                raise ValueError(f"{name} must be a range (low, high) from {least}: {low}, {high}")
        if self.latency[1] > MAX_LATENCY:
            raise ValueError(f"latency is at most {MAX_LATENCY} control steps: {self.latency}")
        if not 0.0 <= self.reverse <= 1.0:
            raise ValueError(f"reverse is a chance, 0 to 1: {self.reverse}")

    def car_rows(self, base: Array, count: int, rng: np.random.Generator) -> Array:
        """Parameter rows (count, N_PARAMS) of varied cars.

        Args:
            base: (N_PARAMS,) row of the car that is varied.
            count: how many.
            rng: source of randomness.
        """
        rows = np.tile(base, (count, 1))
        rows[:, c.MU] *= rng.uniform(*self.grip, count)
        mass = rng.uniform(*self.mass, count)
        rows[:, c.MASS] *= mass
        rows[:, c.PER_MASS] /= mass
        rows[:, c.PER_INERTIA] /= mass
        power = rng.uniform(*self.power, count)
        rows[:, c.POWER] *= power
        rows[:, c.DRIVE_FORCE] *= power
        return rows

    def latencies(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Delays (count,) of actions [control steps]."""
        return rng.integers(self.latency[0], self.latency[1], count, endpoint=True)


TRAINING = Variety(
    grip=(0.85, 1.1),
    mass=(0.92, 1.08),
    power=(0.85, 1.15),
    latency=(0, 1),
    reverse=0.5,
    width=(0.9, 1.1),
)
"""What a generalist is trained on."""
