"""Placing corners' names on a map: beside their corner, off the road, clear of each other.

Owns only the search for places. Deterministic; works on boxes and a raster of what is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array

_CELL = 4
"""Side of a raster cell [px]."""


@dataclass(frozen=True)
class Placed:
    """Where a name goes: its text's top left corner, and the two ends of the line to it [px]."""

    left: float
    top: float
    line: tuple[tuple[float, float], tuple[float, float]]


class Places:
    """What is taken on a map of ``size`` px.

    Args:
        size: (width, height) [px].
        margin: no name comes closer to the border than this [px].
    """

    def __init__(self, size: tuple[int, int], margin: float) -> None:
        self.size = size
        self.margin = margin
        self._taken: npt.NDArray[np.float64] = np.zeros(
            (size[1] // _CELL + 1, size[0] // _CELL + 1)
        )

    def take_dots(self, points: Array, radius: float) -> None:
        """Mark discs round ``points`` (N, 2) as taken, each weighing one a cell."""
        reach = int(np.ceil(radius / _CELL))
        grid = np.floor(points / _CELL).astype(np.int64)
        for dx in range(-reach, reach + 1):
            for dy in range(-reach, reach + 1):
                if (dx * dx + dy * dy) * _CELL**2 > (radius + _CELL) ** 2:
                    continue
                x = np.clip(grid[:, 0] + dx, 0, self._taken.shape[1] - 1)
                y = np.clip(grid[:, 1] + dy, 0, self._taken.shape[0] - 1)
                self._taken[y, x] = np.maximum(self._taken[y, x], 1.0)

    def take_box(self, left: float, top: float, width: float, height: float) -> None:
        """Mark a box as taken, weighing more than a road."""
        rows, columns = self._cells(left, top, width, height)
        self._taken[rows, columns] = 8.0

    def _cells(self, left: float, top: float, w: float, h: float) -> tuple[slice, slice]:
        def span(a: float, b: float) -> slice:
            return slice(max(0, int(a // _CELL)), max(0, int(b // _CELL) + 1))

        return span(top, top + h), span(left, left + w)

    def cost(self, left: float, top: float, width: float, height: float) -> float:
        """How much of what is taken a box would cover [cells, weighted]."""
        rows, columns = self._cells(left, top, width, height)
        return float(self._taken[rows, columns].sum())

    def place(self, at: Array, outward: Array, box: tuple[float, float], clear: float) -> Placed:
        """Find a box for a name and mark it as taken.

        Args:
            at: (2,) the corner [px].
            outward: (2,) unit vector to the side the name should be on.
            box: (width, height) of the name [px].
            clear: how far from ``at`` the box begins [px].
        """
        width, height = box
        lean = float(np.arctan2(outward[1], outward[0]))
        best: tuple[float, float, float, Array] | None = None
        for step in range(12):
            gap = clear + step * 11.0
            for turn in (0.0, 0.35, -0.35, 0.75, -0.75, 1.2, -1.2, 1.9, -1.9, 2.6, -2.6, np.pi):
                way = np.array([np.cos(lean + turn), np.sin(lean + turn)])
                # The box's nearest point lies ``gap`` from the corner along ``way``.
                middle = at + way * gap + way * np.abs(way) @ np.diag([width / 2, height / 2])
                left, top = float(middle[0] - width / 2), float(middle[1] - height / 2)
                beyond = (left + width - self.size[0], top + height - self.size[1])
                out = max(-left, -top, *beyond) + self.margin
                cost = (
                    6.0 * self.cost(left - 3, top - 2, width + 6, height + 4)
                    + gap
                    + 16.0 * abs(turn)
                    + 1e4 * (out > 0.0)
                )
                if best is None or cost < best[0]:
                    best = (cost, left, top, way)
        assert best is not None
        _, left, top, _ = best
        self.take_box(left, top, width, height)
        near = np.clip(at, [left, top], [left + width, top + height])
        return Placed(left, top, ((float(at[0]), float(at[1])), (near[0], near[1])))
