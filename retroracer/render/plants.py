"""Plants from above, by theme: what grows beside a road tells where one is.

Owns how they look, not where they stand (``ground``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pygame

from retroracer.render.palette import Colour, mix, shade

PLANTS = {
    "classic": "round", "park": "round", "forest": "pine", "alpine": "pine", "harbour": "palm",
    "dunes": "bush", "desert": "cactus", "dusk": "blossom", "night": "round",
}  # fmt: skip
"""What grows in a theme."""


def kind_of_plant(theme: Mapping[str, str]) -> str:
    """What grows beside a track of a theme."""
    return PLANTS.get(str(theme.get("preset", "")), "round")


@lru_cache(maxsize=256)
def plant(kind: str, leaf: Colour, shadow: Colour, radius: int) -> pygame.Surface:
    """A plant from above with its shadow, lit from the north-west; at least 2 px in radius."""
    fine, radius = 3, max(2, radius)
    half = radius * 2 + 2
    big = pygame.Surface((2 * half * fine, 2 * half * fine), pygame.SRCALPHA, 32)
    big.fill((*shadow, 0))
    c, r = half * fine, radius * fine
    _PAINTERS[kind](big, c, r, leaf, shadow)
    return pygame.transform.smoothscale(big, (2 * half, 2 * half))


def _round(s: pygame.Surface, c: float, r: float, leaf: Colour, shadow: Colour) -> None:
    circle = pygame.draw.circle
    circle(s, (*shadow, 130), (c + r * 0.45, c + r * 0.5), r)
    circle(s, (*shade(leaf, 0.78), 255), (c, c), r)
    circle(s, (*leaf, 255), (c - r * 0.12, c - r * 0.14), r * 0.84)
    circle(s, (*shade(leaf, 1.22), 255), (c - r * 0.28, c - r * 0.32), r * 0.5)
    circle(s, (*mix(leaf, (255, 255, 220), 0.28), 255), (c - r * 0.38, c - r * 0.44), r * 0.2)


def _star(c: float, r: float, points: int, inner: float, turn: float = 0.0) -> list[list[float]]:
    a = np.arange(2 * points) * np.pi / points + turn
    reach = np.where(np.arange(2 * points) % 2, inner * r, r)
    rays: list[list[float]] = np.stack([c + reach * np.cos(a), c + reach * np.sin(a)], 1).tolist()
    return rays


def _pine(s: pygame.Surface, c: float, r: float, leaf: Colour, shadow: Colour) -> None:
    polygon = pygame.draw.polygon
    polygon(s, (*shadow, 140), [[x + 0.4 * r, y + 0.45 * r] for x, y in _star(c, r, 9, 0.72)])
    for k, share in enumerate((1.0, 0.74, 0.48, 0.22)):
        tone = shade(leaf, 0.8 + 0.2 * k)
        polygon(s, (*tone, 255), _star(c, r * share, 9, 0.7, 0.3 * k))


def _palm(s: pygame.Surface, c: float, r: float, leaf: Colour, shadow: Colour) -> None:
    polygon, leaves = pygame.draw.polygon, 7
    for moved, tone in ((0.3, (*shadow, 120)), (0.0, (*leaf, 255))):
        for k in range(leaves):
            a = 2 * np.pi * k / leaves
            tip = (c + r * np.cos(a) + moved * r, c + r * np.sin(a) + moved * r)
            for turn in (-0.32, 0.32):
                mid = (c + 0.6 * r * np.cos(a + turn) + moved * r,
                       c + 0.6 * r * np.sin(a + turn) + moved * r)  # fmt: skip
                colour = tone if turn < 0 or moved else (*shade(leaf, 1.25), 255)
                polygon(s, colour, [(c + moved * r, c + moved * r), mid, tip])
    pygame.draw.circle(s, (*shade(leaf, 0.6), 255), (c, c), r * 0.14)


def _bush(s: pygame.Surface, c: float, r: float, leaf: Colour, shadow: Colour) -> None:
    circle = pygame.draw.circle
    for dx, dy in ((-0.3, 0.1), (0.3, 0.15), (0.0, -0.25)):
        circle(s, (*shadow, 120), (c + (dx + 0.2) * r, c + (dy + 0.25) * r), r * 0.42)
    for dx, dy in ((-0.3, 0.1), (0.3, 0.15), (0.0, -0.25)):
        circle(s, (*shade(leaf, 0.9), 255), (c + dx * r, c + dy * r), r * 0.42)
        circle(s, (*shade(leaf, 1.2), 255), (c + (dx - 0.1) * r, c + (dy - 0.1) * r), r * 0.22)


def _cactus(s: pygame.Surface, c: float, r: float, leaf: Colour, shadow: Colour) -> None:
    points = _star(c, 0.5 * r, 8, 0.8)
    pygame.draw.polygon(s, (*shadow, 130), [[x + 0.35 * r, y + 0.4 * r] for x, y in points])
    pygame.draw.polygon(s, (*leaf, 255), points)
    pygame.draw.polygon(s, (*shade(leaf, 1.3), 255), _star(c, 0.28 * r, 8, 0.7))
    pygame.draw.circle(s, (236, 120, 140, 255), (c, c), r * 0.1)


def _blossom(s: pygame.Surface, c: float, r: float, leaf: Colour, shadow: Colour) -> None:
    pink = (232, 148, 178)
    pygame.draw.circle(s, (*shadow, 120), (c + r * 0.4, c + r * 0.45), r)
    for k in range(6):
        a = np.pi * k / 3
        spot = (c + 0.52 * r * np.cos(a), c + 0.52 * r * np.sin(a))
        pygame.draw.circle(s, (*mix(leaf, pink, 0.75 + 0.08 * (k % 3)), 255), spot, r * 0.5)
    pygame.draw.circle(s, (*shade(pink, 1.1), 255), (c - r * 0.15, c - r * 0.15), r * 0.4)


_PAINTERS = {
    "round": _round, "pine": _pine, "palm": _palm, "bush": _bush, "cactus": _cactus,
    "blossom": _blossom,
}  # fmt: skip
