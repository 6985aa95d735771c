"""A surface measured in the game's own pixels: panels, text and bars of menus and HUD.

Owns: the scale of what is written over the picture, and its few shapes. Everything is placed
in UI pixels, each a whole number of screen pixels, so that letters stay crisp at any size:
480 x 270 of them at least, about 640 x 360 from 1280 x 720 up to 4K.
"""

from __future__ import annotations

from functools import lru_cache

import pygame

from retroracer.render.palette import Colour, Palette, mix, shade
from retroracer.render.pixel_font import fitted, label, text_width

LEAST = (480, 270)
"""What every screen must fit into [UI pixels]."""

ROOMY = (600, 337)
"""What screens with more pixels than enough give: there letters are large either way."""


_large = [False]
clickable: list[tuple[pygame.Rect, str]] = []
"""Key caps drawn since the app last cleared it, and their keys: a click on one strikes the key."""


def text_size(large: bool) -> None:
    """Write from now on as large as the screens fit, or with room to spare."""
    _large[0] = large


def ui_scale(size: tuple[int, int]) -> int:
    """Screen pixels for a UI pixel."""
    if _large[0]:
        return max(1, min(size[0] // LEAST[0], size[1] // LEAST[1]))
    roomy = min(size[0] // ROOMY[0], size[1] // ROOMY[1])
    return max(1, roomy, min(size[0] // LEAST[0], size[1] // LEAST[1], 2))


CAPS = {"ENTER": "return", "ESC": "escape", "BKSP": "backspace", "SPACE": "space", "TAB": "tab",
        "BACKSPACE": "backspace", "↑↓": "", "← →": "", "↑ ↓": "", ", .": "",
        "F1-F4": ""}  # fmt: skip
"""Names on key caps that are not the keys' own; "" = of several keys, not to be clicked."""


@lru_cache(maxsize=96)
def _plate(size: tuple[int, int], fill: Colour, edge: Colour, alpha: int, k: int) -> pygame.Surface:
    """A translucent plate with clipped corners, an edge, and light along its top."""
    w, h = size
    plate = pygame.Surface(size, pygame.SRCALPHA, 32)
    plate.fill((*fill, alpha))
    pygame.draw.rect(plate, (*edge, 255), (0, 0, w, h), k)
    pygame.draw.rect(plate, (*shade(edge, 1.45), 255), (2 * k, 0, w - 4 * k, k))
    for x, y in ((0, 0), (w - k, 0), (0, h - k), (w - k, h - k)):
        plate.fill((0, 0, 0, 0), (x, y, k, k))
    return plate


class Canvas:
    """A surface to write on, ``w`` x ``h`` UI pixels of ``k`` screen pixels each.

    Without ``k`` it is what the surface has room for.
    """

    def __init__(self, surface: pygame.Surface, palette: Palette, k: int | None = None) -> None:
        self.surface = surface
        self.palette = palette
        size = surface.get_size()
        self.k = k or ui_scale(size)
        self.w, self.h = size[0] / self.k, size[1] / self.k

    def rect(self, x: float, y: float, w: float, h: float, colour: Colour) -> None:
        """A filled box."""
        k = self.k
        left, top = round(x * k), round(y * k)
        self.surface.fill(colour, (left, top, round((x + w) * k) - left, round((y + h) * k) - top))

    def panel(
        self, x: float, y: float, w: float, h: float, alpha: int = 222, edge: Colour | None = None
    ) -> None:
        """A plate."""
        p, k = self.palette, self.k
        size = (max(4 * k, round(w * k)), max(4 * k, round(h * k)))
        plate = _plate(size, p.panel, edge or p.panel_edge, alpha, k)
        self.surface.blit(plate, (round(x * k), round(y * k)))

    def text(
        self,
        text: str,
        x: float,
        y: float,
        colour: Colour | None = None,
        size: int = 1,
        anchor: float = 0.0,
        shadow: bool = False,
        width: float | None = None,
    ) -> float:
        """A line with the top of its capitals at ``y``; returns its width [UI pixels].

        Args:
            text: the line.
            x: [UI pixels] of its left end (anchor 0), middle (0.5) or right end (1).
            y: [UI pixels].
            colour: default the palette's text.
            size: UI pixels for a pixel of the font.
            anchor: see ``x``.
            shadow: True to be read on any ground.
            width: it is cut short to this [UI pixels].
        """
        if width is not None:
            text = fitted(text, int(width), size)
        k = self.k
        dark = shade(self.palette.panel, 0.45) if shadow else None
        drawn = label(text, size * k, colour or self.palette.text, dark)
        wide = drawn.get_width() - (size * k if shadow else 0)
        self.surface.blit(drawn, (round(x * k - anchor * wide), round(y * k)))
        return wide / k

    def width(self, text: str, size: int = 1) -> int:
        """Width of a line [UI pixels]."""
        return text_width(text, size)

    def lines(self, text: str, width: float, size: int = 1) -> list[str]:
        """The text in lines no wider than ``width`` [UI pixels], broken between words."""
        out = [""]
        for word in text.split():
            longer = f"{out[-1]} {word}".strip()
            if out[-1] and self.width(longer, size) > width:
                out.append(word)
            else:
                out[-1] = longer
        return out

    def blit(self, picture: pygame.Surface, x: float, y: float) -> None:
        """A picture that is already in screen pixels, its corner at (x, y) [UI pixels]."""
        self.surface.blit(picture, (round(x * self.k), round(y * self.k)))

    def bar(
        self, x: float, y: float, w: float, h: float, share: float, colour: Colour, ground: Colour
    ) -> None:
        """A bar filled from the left."""
        self.rect(x, y, w, h, ground)
        if share > 0.0:
            self.rect(x, y, w * min(share, 1.0), h, colour)

    def stripes(self, x: float, y: float, w: float, h: float = 3) -> None:
        """A kerb: the game's ornament, red and white."""
        p = self.palette
        step = 2 * h
        self.rect(x, y, w, h, p.kerb_alt)
        at = x
        while at < x + w:
            self.rect(at, y, min(h, x + w - at), h, p.kerb)
            at += step

    def key(self, name: str, x: float, y: float) -> float:
        """A key cap with its name; returns the width it takes [UI pixels]."""
        p = self.palette
        wide = self.width(name) + 6
        code = CAPS.get(name, name.lower() if len(name) < 4 else "")
        if code:
            k = self.k
            box = pygame.Rect(round(x * k), round((y - 4) * k), round(wide * k), round(14 * k))
            clickable.append((box, code))
        self.rect(x, y - 2, wide, 12, shade(p.panel_edge, 0.6))
        self.rect(x, y - 3, wide, 11, p.panel_edge)
        self.rect(x + 1, y - 2, wide - 2, 9, mix(p.panel_edge, p.panel, 0.5))
        self.text(name, x + 3, y - 1)
        return wide

    def hints(self, hints: list[tuple[str, str]], x: float, y: float, shadow: bool = True) -> float:
        """Key caps with what they do, in a row; returns its width [UI pixels]."""
        at = x
        for name, does in hints:
            at += self.key(name, at, y) + 4
            at += self.text(does, at, y - 1, self.palette.text_dim, shadow=shadow) + 10
        return at - x - 10

    def shade_all(self, alpha: int = 150) -> None:
        """Darken everything drawn so far."""
        size = self.surface.get_size()
        self.surface.blit(_veil(size, shade(self.palette.panel, 0.5), alpha), (0, 0))


@lru_cache(maxsize=2)
def _veil(size: tuple[int, int], colour: Colour, alpha: int) -> pygame.Surface:
    veil = pygame.Surface(size, 0, 32)
    veil.fill(colour)
    veil.set_alpha(alpha)
    return veil
