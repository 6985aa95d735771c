"""What an overlay is: one thing shown of an agent, on the road or in a panel. Owns no overlay.

An overlay is a class in a file of its own and a line in the table of ``overlays``. From these come
its key (to be bound anew on the KEYS page), the message when it is switched on, its place on the
screen. While it is off nothing of it is called.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import pygame

from retroracer.game.race.session import Session
from retroracer.game.screens.canvas import Canvas
from retroracer.laptime.limit import Limit
from retroracer.render.camera import Camera
from retroracer.render.palette import Colour, Palette
from retroracer.track.geometry import Array

WIDE = 122.0
"""Width of a panel [UI pixels]."""

HISTORY = 60
"""Control steps of the past that panels show: three seconds."""


class View(NamedTuple):
    """What an overlay draws on the road with."""

    surface: pygame.Surface
    camera: Camera
    palette: Palette


class Overlay:
    """One thing shown of an agent; what it does not show it leaves as it is here.

    Args:
        session: read only.

    Attributes:
        name: of the action that switches it.
        key: its default key.
        does: what it shows, for the KEYS page.
        helps: True if it shows you how to drive, which is then noted on the result.
        movable: True if its panel may stand beside the others, and in the mini-map's place
            where there is little room.
    """

    name: ClassVar[str]
    key: ClassVar[str]
    does: ClassVar[str]
    helps: ClassVar[bool] = False
    movable: ClassVar[bool] = False

    def __init__(self, session: Session) -> None:
        self.session = session
        self.restart()

    def restart(self) -> None:
        """Forget what was: a new race."""

    def switched_on(self, row: int) -> str:
        """Take note of being switched on for an agent's row; what to tell."""
        return self.does

    def note_tick(self, row: int) -> None:
        """Take in the physics step just made by an agent's row."""

    def note_step(self, row: int) -> None:
        """Take in the control step just made by an agent's row."""

    def height(self, row: int, little: bool) -> float:
        """Height of its panel [UI pixels], 0 without one; ``little`` = there is little room."""
        return 0.0

    def draw_panel(self, c: Canvas, x: float, y: float, row: int, little: bool) -> None:
        """Draw its panel, ``WIDE`` by ``height``, with its corner at (x, y) [UI pixels]."""

    def draw_road(self, view: View, row: int, limit: Limit | None) -> None:
        """Draw on the road, below the cars, for an agent's row.

        ``limit`` is the fastest lap, None while it is unknown or its line is drawn already.
        """


def draw_history(
    c: Canvas,
    box: tuple[float, float, float, float],
    values: Array,
    colour: Colour,
    low: float,
    high: float,
) -> None:
    """The last ``HISTORY`` values as a line in a box; the newest at the right."""
    x, y, w, h = box
    n = len(values)
    if n < 2:
        return
    at = x + w * (np.arange(n) + HISTORY - n) / (HISTORY - 1)
    level = y + h * (1.0 - (np.clip(values, low, high) - low) / (high - low))
    points = np.stack([at, level], axis=1) * c.k
    pygame.draw.lines(c.surface, colour, False, points.tolist(), max(1, c.k // 2))
