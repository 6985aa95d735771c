"""Words in pictures: sizes in pixels, cached, drawn with the font that pygame carries.

Owns: fonts. Needs no display.
"""

from __future__ import annotations

from functools import lru_cache

import pygame

from retroracer.render.palette import Colour


@lru_cache(maxsize=64)
def font(size: int) -> pygame.font.Font:
    """The typeface at ``size`` px."""
    if not pygame.font.get_init():
        pygame.font.init()
    return pygame.font.Font(None, max(6, size))


@lru_cache(maxsize=512)
def words(text: str, size: int, colour: Colour) -> pygame.Surface:
    """A line of text on nothing; the same surface comes back for the same words."""
    return font(size).render(text, True, colour)


def fitting_size(text: str, size: int, width: float) -> int:
    """The largest size, at most ``size``, at which ``text`` is no wider than ``width`` px."""
    while size > 8 and font(size).size(text)[0] > width:
        size -= max(1, size // 12)
    return size


def write(
    surface: pygame.Surface,
    text: str,
    size: int,
    colour: Colour,
    at: tuple[float, float],
    align: tuple[float, float] = (0.0, 0.0),
) -> pygame.Rect:
    """Write a line; ``align`` is the part of the text that lies on ``at``, (0.5, 0.5) its middle.

    Returns:
        Where it was written.
    """
    line = words(text, size, colour)
    left = round(at[0] - align[0] * line.get_width())
    top = round(at[1] - align[1] * line.get_height())
    return surface.blit(line, (left, top))
