"""A track on a card: its picture, name, length and what is known of its times."""

from __future__ import annotations

from functools import lru_cache

import pygame

from retroracer.game.screens.canvas import Canvas
from retroracer.render.camera import Camera
from retroracer.render.ground import draw_grass
from retroracer.render.palette import palette_for
from retroracer.render.road_map import draw_arrow, draw_road_map, road_radius
from retroracer.track.track import Track

_FINE = 2


@lru_cache(maxsize=64)
def track_map(track: Track, size: tuple[int, int]) -> pygame.Surface:
    """A map of a track in its own colours, ``size`` px."""
    w, h = size[0] * _FINE, size[1] * _FINE
    big = pygame.Surface((w, h), 0, 32)
    palette = palette_for(track.theme)
    unit = min(w, h) / 100.0
    pad = 13.0 * unit
    camera = Camera.fit(track.xy, (w, h), (pad, pad, w - 2 * pad, h - 2 * pad))
    draw_grass(big, camera, palette)
    radius = min(road_radius(track, camera, 1.5 * unit), 2.4 * unit)
    draw_road_map(big, track, camera, palette, radius)
    draw_arrow(big, track, camera, palette, 1.4 * unit)
    return pygame.transform.smoothscale(big, size)


def draw_card(
    c: Canvas,
    track: Track,
    box: tuple[float, float, float, float],
    facts: list[tuple[str, str, str]],
) -> None:
    """Draw the card in a box [UI pixels]: the facts are names, values and what they mean."""
    x, y, w, h = box
    p = c.palette
    foot = 24 + 11 * len(facts)
    c.panel(x, y, w, h, alpha=244)
    size = (round((w - 6) * c.k), round((h - foot - 6) * c.k))
    c.blit(track_map(track, size), x + 3, y + 3)
    line = y + h - foot
    c.stripes(x + 3, line - 3, w - 6, 3)
    c.text(track.title.upper(), x + 8, line + 5, p.text, 1, width=w * 0.62)
    c.text(f"{track.length / 1000:.3f} km", x + w - 8, line + 5, p.accent, anchor=1.0)
    for i, (name, value, why) in enumerate(facts):
        top = line + 19 + 11 * i
        c.text(name, x + 8, top, p.text_dim, width=62)
        if value:
            c.text(value, x + 118, top, p.text, anchor=1.0)
        tone = p.text if name and not value else p.text_dim
        c.text(why, x + 126, top, tone, width=w - 132)
