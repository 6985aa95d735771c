"""Surfaces: their grip, and the resistance of soft ground.

Owns ``Surface`` and the default surfaces of every track, from ``surfaces.yaml``, which names the
sources of their numbers. ``physics.roadside`` applies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retroracer import config


@dataclass(frozen=True)
class Surface:
    """A surface under a car.

    Attributes:
        name: for display and pictures.
        grip: factor on the tyre's friction coefficient (1 = dry asphalt).
        drag: extra deceleration against the motion at walking speed [m/s^2].
        ploughing: coefficient of the extra deceleration that grows with the square of the speed
            [1/m]: the wheels accelerate the material they push aside to the car's speed.
    """

    name: str
    grip: float
    drag: float = 0.0
    ploughing: float = 0.0

    def resistance(self, speed: float) -> float:
        """Extra deceleration [m/s^2] of a car that moves at a speed [m/s]."""
        return self.drag + self.ploughing * speed * speed


@dataclass(frozen=True)
class _Page:
    surfaces: dict[str, dict[str, float]]


_PAGE = config.load(_Page, Path(__file__).with_name("surfaces.yaml"))
SURFACES = tuple(Surface(name, **numbers) for name, numbers in _PAGE.surfaces.items())
"""The default surfaces of every track: asphalt, kerb, grass, gravel."""

ASPHALT, KERB, GRASS, GRAVEL = SURFACES
