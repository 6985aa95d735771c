"""What lies under a car: grip, and the resistance of soft ground.

Owns ``Surface`` and those every track knows, as ``surfaces.yaml`` beside this module has them,
with the sources of their numbers. The kernel applies them (``physics.roadside``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retroracer import config


@dataclass(frozen=True)
class Surface:
    """What lies under a car.

    Attributes:
        name: for people and pictures.
        grip: factor on the tyre's friction coefficient (1 = dry asphalt).
        drag: extra deceleration against the motion at walking pace [m/s^2].
        ploughing: of the extra deceleration that grows with the square of the speed [1/m]; what
            the wheels push aside has to be given the car's speed.
    """

    name: str
    grip: float
    drag: float = 0.0
    ploughing: float = 0.0

    def resistance(self, speed: float) -> float:
        """Extra deceleration [m/s^2] of a car that moves at a speed [m/s]."""
        return self.drag + self.ploughing * speed * speed


@dataclass(frozen=True)
class _Numbers:
    grip: float
    drag: float = 0.0
    ploughing: float = 0.0


@dataclass(frozen=True)
class _Page:
    surfaces: dict[str, _Numbers]


def _known() -> tuple[Surface, ...]:
    page = config.load(_Page, Path(__file__).with_name("surfaces.yaml"))
    return tuple(Surface(name, **vars(s)) for name, s in page.surfaces.items())


SURFACES = _known()
"""What every track knows without its page saying so; asphalt, kerb, grass, gravel."""

ASPHALT, KERB, GRASS, GRAVEL = SURFACES
