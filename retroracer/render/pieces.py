"""Packed polygons and lines in world coordinates, painted in order through a camera.

Owns: culling, the one batched transform a frame, and the loop of drawing calls. Does not
own: what the pieces are (``track_pieces``) or their colours (``palette``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.render.camera import Camera
from retroracer.render.palette import Colour
from retroracer.track.geometry import Array

FILL, SMOOTH, LINE = range(3)
"""How a piece is drawn: filled, filled with an antialiased outline, an antialiased line."""

_FAR_PX = 16000.0


@dataclass
class PieceList:
    """A list under construction; ``pack`` turns it into ``Pieces``."""

    points: list[Array] = field(default_factory=list)
    colours: list[Colour] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)

    def add(self, points: Array, colour: Colour, kind: int = FILL) -> None:
        """Put a polygon or line of (k, 2) world points [m] on top of what is there."""
        if len(points) >= (2 if kind == LINE else 3):
            self.points.append(np.asarray(points, float))
            self.colours.append(colour)
            self.kinds.append(kind)

    def pack(self) -> Pieces:
        """The finished, immutable form."""
        return Pieces(self.points, self.colours, self.kinds)


class Pieces:
    """Polygons and lines in painting order.

    Args:
        points: (k, 2) world points [m] of each piece.
        colours: one a piece.
        kinds: ``FILL``, ``SMOOTH`` or ``LINE``, one a piece.

    Attributes:
        vertices: (N, 2) corners of all of them [m].
    """

    def __init__(
        self, points: Sequence[Array], colours: Sequence[Colour], kinds: Sequence[int]
    ) -> None:
        self._colours = list(colours)
        self._kinds = list(kinds)
        self._count = np.array([len(p) for p in points], np.int64)
        self._start = np.concatenate([[0], np.cumsum(self._count)])[:-1].astype(np.int64)
        self.vertices = np.concatenate(points) if points else np.empty((0, 2))
        self._middle = np.empty((len(points), 2))
        self._radius = np.empty(len(points))
        for i, p in enumerate(points):
            low, high = p.min(axis=0), p.max(axis=0)
            self._middle[i] = (low + high) / 2.0
            self._radius[i] = np.hypot(*(high - low)) / 2.0

    def __len__(self) -> int:
        return len(self._colours)

    def visible(self, camera: Camera) -> npt.NDArray[np.int64]:
        """Indices of the pieces that may touch the screen, in painting order."""
        if not len(self):
            return np.empty(0, np.int64)
        px = camera.to_screen(self._middle)
        reach = self._radius * camera.pixels_per_metre + 2.0
        w, h = camera.size
        inside = (px[:, 0] > -reach) & (px[:, 0] < w + reach)
        inside &= (px[:, 1] > -reach) & (px[:, 1] < h + reach)
        return np.flatnonzero(inside)

    def paint(self, surface: pygame.Surface, camera: Camera) -> int:
        """Draw what the camera sees.

        Returns:
            How many pieces were drawn.
        """
        seen = self.visible(camera)
        if not len(seen):
            return 0
        count = self._count[seen]
        ends = np.cumsum(count)
        # Rows of the vertices of all visible pieces, end to end.
        rows = np.arange(ends[-1]) + np.repeat(self._start[seen] - ends + count, count)
        px = camera.to_screen(self.vertices[rows])
        np.clip(px, -_FAR_PX, _FAR_PX, out=px)
        exact = px.tolist()
        polygon, aalines = pygame.draw.polygon, pygame.draw.aalines
        colours, kinds = self._colours, self._kinds
        begin = 0
        for i, end in zip(seen.tolist(), ends.tolist(), strict=True):
            piece = exact[begin:end]
            begin = end
            kind = kinds[i]
            if kind == LINE:
                aalines(surface, colours[i], False, piece)
            else:
                polygon(surface, colours[i], piece)
                if kind == SMOOTH:
                    aalines(surface, colours[i], True, piece)
        return len(seen)
