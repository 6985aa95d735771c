"""Camera: world [m] to screen [px] and back.

Owns: the one place in the project where y points down. Does not own: following a car
(``follow``), drawing (``scene``). World x east, y north, angles counter-clockwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from retroracer.track.geometry import Array

NORTH_UP = np.pi / 2.0
"""Value of ``Camera.up`` that puts north at the top of the screen [rad]."""


@dataclass(frozen=True)
class Camera:
    """A view of the plane from above, without perspective.

    Attributes:
        centre: the world point (x, y) [m] shown at ``anchor``.
        pixels_per_metre: zoom, > 0.
        size: (width, height) of the screen [px].
        up: world direction [rad] that points up on the screen: ``NORTH_UP``, or a car's
            heading for a heading-up view.
        anchor: where on the screen ``centre`` lies, as fractions (x, y) of ``size`` from the
            top left corner.
    """

    centre: tuple[float, float]
    pixels_per_metre: float
    size: tuple[int, int]
    up: float = NORTH_UP
    anchor: tuple[float, float] = (0.5, 0.5)

    @cached_property
    def _matrix(self) -> Array:
        """(2, 2) such that screen offset = matrix @ world offset."""
        c, s = np.cos(self.up), np.sin(self.up)
        return np.array([[s, -c], [-c, -s]]) * self.pixels_per_metre

    @cached_property
    def _anchor_px(self) -> Array:
        return np.array([self.anchor[0] * self.size[0], self.anchor[1] * self.size[1]])

    @cached_property
    def _to_px(self) -> tuple[Array, Array]:
        """(2, 2) and (2,) such that screen = world @ the one + the other."""
        turn = np.ascontiguousarray(self._matrix.T)
        return turn, self._anchor_px - np.array(self.centre) @ turn

    def to_screen(self, xy: Array) -> Array:
        """Screen positions (..., 2) [px, y down] of world points (..., 2) [m]."""
        turn, shift = self._to_px
        return np.asarray(np.asarray(xy, float) @ turn + shift)

    def to_world(self, px: Array) -> Array:
        """World points (..., 2) [m] under screen positions (..., 2) [px, y down]."""
        # The matrix is a scaled reflection, so its inverse is its transpose over scale squared.
        back = self._matrix / self.pixels_per_metre**2
        return np.asarray(
            (np.asarray(px, float) - self._anchor_px) @ back + np.asarray(self.centre)
        )

    def angle_on_screen(self, heading: float) -> float:
        """Angle [rad, clockwise from screen right] at which a world direction is drawn."""
        return float(self.up - heading - np.pi / 2.0)

    def corners(self) -> Array:
        """(4, 2) world points [m] under the screen's corners."""
        w, h = self.size
        return self.to_world(np.array([[0, 0], [w, 0], [w, h], [0, h]], float))

    @classmethod
    def fit(
        cls, points: Array, size: tuple[int, int], box: tuple[float, float, float, float]
    ) -> Camera:
        """A north-up camera that shows all ``points`` inside a part of the screen.

        Args:
            points: (N, 2) [m].
            size: (width, height) of the screen [px].
            box: (left, top, width, height) of the part to fill [px].
        """
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.maximum(high - low, 1.0)
        left, top, width, height = box
        scale = float(min(max(width, 1.0) / span[0], max(height, 1.0) / span[1]))
        middle = (low + high) / 2.0
        return cls(
            centre=(float(middle[0]), float(middle[1])),
            pixels_per_metre=scale,
            size=size,
            anchor=((left + width / 2.0) / size[0], (top + height / 2.0) / size[1]),
        )
