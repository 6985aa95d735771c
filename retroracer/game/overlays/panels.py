"""Where the panels of overlays stand: down the right side, painted anew at every second step."""

from __future__ import annotations

import pygame

from retroracer.game.overlays.overlay import WIDE, Overlay
from retroracer.game.overlays.overlays import Overlays
from retroracer.game.screens.canvas import Canvas
from retroracer.physics.race import N_SUBSTEPS
from retroracer.render.palette import Palette

LITTLE = 340.0
"""Height of a screen [UI pixels] below which panels are drawn small."""


class Panels:
    """The panels of a session's agent, painted anew after every second decision of it."""

    def __init__(self, overlays: Overlays, palette: Palette) -> None:
        self._overlays = overlays
        self._palette = palette
        self._painted: tuple[object, ...] = ()
        self._plate = pygame.Surface((1, 1))
        self._inked = pygame.Rect(0, 0, 1, 1)

    def bottom(self, row: int, top: float) -> float:
        """Where the column of panels that stay in place ends [UI pixels]; see ``_stack``."""
        heights = [o.height(row, False) for o in self._overlays.shown if not o.movable]
        return top + sum(high + 3 for high in heights if high)

    def over_map(self, height: float) -> bool:
        """Whether a panel takes the mini-map's place on a screen so high [UI pixels]."""
        return height < LITTLE and any(o.movable for o in self._overlays.shown)

    def draw(self, c: Canvas, row: int, top: float) -> None:
        """Draw the panels of an agent's row that are on, from ``top`` downwards [UI pixels]."""
        overlays = self._overlays
        little = c.h < LITTLE
        wide, high = round((2 * WIDE + 12) * c.k), c.surface.get_height()
        step = overlays.session.ticks // (2 * N_SUBSTEPS)
        key = (step, row, c.k, wide, high, top, tuple(sorted(overlays.on)))
        if key != self._painted:
            if self._plate.get_size() != (wide, high):
                self._plate = pygame.Surface((wide, high), pygame.SRCALPHA, 32)
            self._plate.fill((0, 0, 0, 0))
            plate = Canvas(self._plate, self._palette, c.k)
            low = self._stack(plate, row, top, little)
            self._painted = key
            first = int(top * c.k)
            self._inked = pygame.Rect(0, first, wide, min(high, round((low + 2) * c.k)) - first)
        left = c.surface.get_width() - wide + self._inked.left
        c.surface.blit(self._plate, (left, self._inked.top), self._inked)
        if little:
            bottom = c.h - 6.0
            for overlay in self._movable():
                bottom -= overlay.height(row, little)
                overlay.draw_panel(c, 6, bottom, row, little)

    def _movable(self) -> list[Overlay]:
        return [o for o in self._overlays.shown if o.movable]

    def _stack(self, c: Canvas, row: int, top: float, little: bool) -> float:
        """Draw panels down the right side from ``top``; returns where the lowest ends."""
        x, y = c.w - 6 - WIDE, top
        for overlay in self._overlays.shown:
            high = overlay.height(row, little)
            if high and not overlay.movable:
                overlay.draw_panel(c, x, y, row, little)
                y += high + 3
        low = y
        for overlay in [] if little else self._movable():
            high = overlay.height(row, little)
            # Beside the others where there is no room below them, above the speed.
            if y + high > c.h - 67:
                x, y = x - WIDE - 4, top
            overlay.draw_panel(c, x, y, row, little)
            y += high + 3
            low = max(low, y)
        return low
