"""The menu's background, a striped sun over a chequered plain; a page and the name on it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pygame

from retroracer.game.screens.canvas import Canvas
from retroracer.render.palette import DEFAULT, Colour, mix

SKY: tuple[Colour, ...] = (
    (20, 16, 42), (28, 20, 56), (44, 24, 74), (70, 30, 92), (108, 38, 104), (156, 52, 104),
    (206, 78, 96), (244, 124, 86),
)  # fmt: skip
SUN: tuple[Colour, ...] = ((255, 226, 110), (255, 190, 84), (255, 146, 82), (240, 98, 98))
PLAIN: tuple[Colour, Colour] = ((30, 24, 58), (42, 32, 80))
GRID: Colour = (206, 78, 130)
LOGO_SHADE, LOGO_SECOND = (60, 20, 70), (255, 124, 96)


def page(surface: pygame.Surface) -> Canvas:
    """A canvas on a surface that shows the background."""
    c = Canvas(surface, DEFAULT)
    surface.blit(backdrop(surface.get_size(), c.k), (0, 0))
    return c


def plate(c: Canvas, title: str, x: float, y: float, w: float, h: float) -> None:
    """A panel [UI pixels] with its title over a kerb."""
    c.panel(x, y, w, h, alpha=244)
    c.text(title, x + 10, y + 7, c.palette.accent, 2)
    c.stripes(x + 2, y + 25, w - 4, 2)


def draw_logo(c: Canvas, x: float, y: float) -> None:
    """Draw the game's name on a kerb, its top left corner at (x, y) [UI pixels]."""
    c.text("RETRO", x + 1, y + 1, LOGO_SHADE, 3)
    wide = c.text("RETRO", x, y, c.palette.accent, 3)
    c.text("RACER", x + wide + 8, y + 1, LOGO_SHADE, 3)
    wide += 7 + c.text("RACER", x + wide + 7, y, LOGO_SECOND, 3)
    c.stripes(x, y + 25, wide, 3)


@lru_cache(maxsize=2)
def backdrop(size: tuple[int, int], k: int) -> pygame.Surface:
    """The picture for a window of ``size`` px whose UI pixels are ``k`` px wide."""
    w, h = -(-size[0] // k), -(-size[1] // k)
    small = pygame.Surface((w, h), 0, 32)
    horizon = round(h * 0.62)
    _sky(small, w, horizon)
    _sun(small, round(w * 0.70), horizon, round(h * 0.40))
    _hills(small, w, horizon)
    _plain(small, w, h, horizon)
    return pygame.transform.scale(small, (w * k, h * k))


def _sky(surface: pygame.Surface, w: int, horizon: int) -> None:
    """Bands of colour, dithered row by row where two meet."""
    band = horizon / len(SKY)
    for y in range(horizon):
        place = y / band
        i = min(int(place), len(SKY) - 1)
        share = place - i
        nxt = SKY[min(i + 1, len(SKY) - 1)]
        colour = SKY[i]
        if share > 0.75 and y % 2:
            colour = mix(SKY[i], nxt, 0.6)
        surface.fill(colour, (0, y, w, 1))
    for n in range(70):
        # A fixed scatter of stars: a golden-ratio walk, thinner towards the horizon.
        x = int((n * 0.6180339887 % 1.0) * w)
        y = int((n * 0.7548776662 % 1.0) ** 1.6 * horizon * 0.6)
        surface.set_at((x, y), (255, 240, 220) if n % 3 else (190, 160, 220))


def _sun(surface: pygame.Surface, x: int, horizon: int, radius: int) -> None:
    middle = horizon - round(radius * 0.42)
    for y in range(middle - radius, horizon):
        half = int(np.sqrt(max(radius**2 - (y - middle) ** 2, 0)))
        place = (y - middle + radius) / (2 * radius)
        # Gaps grow towards the horizon.
        gap = max(0.0, place - 0.38) * 8.0
        if gap and (y - middle) % 9 < gap:
            continue
        tone = place * (len(SUN) - 1) * 1.25
        i = min(int(tone), len(SUN) - 2)
        surface.fill(mix(SUN[i], SUN[i + 1], min(tone - i, 1.0)), (x - half, y, 2 * half, 1))


def _hills(surface: pygame.Surface, w: int, horizon: int) -> None:
    x = np.arange(w)
    for level, scale, colour in ((15, 0.021, (58, 28, 86)), (8, 0.043, (40, 24, 70))):
        tops = level * (0.6 + 0.4 * np.sin(x * scale + level) * np.sin(x * scale * 0.37 + 2))
        for i, top in enumerate(tops.astype(int).tolist()):
            surface.fill(colour, (i, horizon - top, 1, top))


def _plain(surface: pygame.Surface, w: int, h: int, horizon: int) -> None:
    """A chequered plain in perspective with a bright grid."""
    depth = h - horizon
    for y in range(depth):
        far = 26.0 / (y + 2.0)
        row = int(far * 9.0)
        xs = (np.arange(w) - w * 0.7) * far * 0.045
        odd = (np.floor(xs).astype(int) + row) % 2
        for value, colour in enumerate(PLAIN):
            runs = np.flatnonzero(np.diff(np.concatenate([[0], odd == value, [0]])))
            for a, b in runs.reshape(-1, 2).tolist():
                surface.fill(colour, (a, horizon + y, b - a, 1))
    surface.fill(GRID, (0, horizon, w, 1))
    surface.fill(mix(GRID, PLAIN[0], 0.6), (0, horizon + 1, w, 1))
