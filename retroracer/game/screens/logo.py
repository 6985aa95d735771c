"""The game's name, in two colours, on a kerb."""

from __future__ import annotations

from retroracer.game.screens.canvas import Canvas

SHADE = (60, 20, 70)
SECOND = (255, 124, 96)


def draw_logo(c: Canvas, x: float, y: float) -> None:
    """Draw it with its top left corner at (x, y) [UI pixels]."""
    p = c.palette
    c.text("RETRO", x + 1, y + 1, SHADE, 3)
    wide = c.text("RETRO", x, y, p.accent, 3)
    c.text("RACER", x + wide + 8, y + 1, SHADE, 3)
    wide += 7 + c.text("RACER", x + wide + 7, y, SECOND, 3)
    c.stripes(x, y + 25, wide, 3)
