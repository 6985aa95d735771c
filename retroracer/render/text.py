"""Text on surfaces: the one font, kept by size; and times as racers write them."""

from __future__ import annotations

from functools import lru_cache

import pygame

from retroracer import tables
from retroracer.render.palette import Colour


@lru_cache(maxsize=32)
def _kept_font(size: int) -> pygame.font.Font:
    if not pygame.font.get_init():
        pygame.font.init()
    return pygame.font.Font(None, size)


def font(size: int) -> pygame.font.Font:
    """The bundled font at a height in px.

    A font dies when anybody quits pygame, as Gymnasium's envs do when they are closed.
    """
    try:
        _kept_font(size).get_height()
    except pygame.error:
        _kept_font.cache_clear()
    return _kept_font(size)


@lru_cache(maxsize=512)
def label(text: str, size: int, colour: Colour) -> pygame.Surface:
    """A line of text on a transparent surface."""
    return font(size).render(text, True, colour)


def write(
    surface: pygame.Surface,
    text: str,
    at: tuple[float, float],
    size: int,
    colour: Colour,
    anchor: tuple[float, float] = (0.0, 0.0),
) -> pygame.Rect:
    """Write a line; ``anchor`` (0..1, 0..1) is the point of the text that lies at ``at``."""
    drawn = label(text, size, colour)
    w, h = drawn.get_size()
    return surface.blit(drawn, (round(at[0] - anchor[0] * w), round(at[1] - anchor[1] * h)))


def lap_text(seconds: float | None) -> str:
    """A lap time as m:ss.mmm; dashes for none."""
    if seconds is None or seconds != seconds:
        return "-:--.---"
    return tables.lap_text(seconds)
