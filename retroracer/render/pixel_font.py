"""Text in the game's own pixel font, at whole multiples of its pixels.

Owns: turning a line of text into a picture. Does not own the letters (``glyphs``), or the
smooth font of maps (``text``). Needs no display and no font file.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.render.glyphs import ACCENTS, BANDS, BASELINE, FIXED, ROWS
from retroracer.render.palette import Colour

Ink = npt.NDArray[np.bool_]

HEIGHT = ROWS
"""Height of a line of text at scale 1 [px]."""

CAPITAL = BASELINE
"""Height of its capitals [px]."""

_SPACE = 3
_CELL = 5


@cache
def _letters() -> dict[str, Ink]:
    found: dict[str, Ink] = {}
    for characters, art in BANDS:
        rows = [line.split() for line in art.strip().splitlines()]
        for k, character in enumerate(characters):
            ink = np.array([[c == "#" for c in row[k]] for row in rows])
            if character not in FIXED:
                columns = np.flatnonzero(ink.any(axis=0))
                ink = ink[:, columns[0] : columns[-1] + 1]
            found[character] = ink
    found[" "] = np.zeros((ROWS, _SPACE), bool)
    return found


@cache
def _glyph(character: str) -> Ink | None:
    """The ink (ROWS, width) of a character, None if there is no way to draw it."""
    letters = _letters()
    if character in letters:
        return letters[character]
    parts = unicodedata.normalize("NFKD", character)
    base = letters.get(parts[:1])
    if base is None or len(parts) < 2:
        return None
    ink = base.copy()
    if parts[0].islower() and parts[1] in ACCENTS:
        if parts[0] in "ij":
            ink[0:2] = False
        accent = np.array([[c == "#" for c in row] for row in ACCENTS[parts[1]]])
        first = 7 if parts[1] == "\u0327" else 0
        if ink.shape[1] < _CELL:
            side = _CELL - ink.shape[1]
            ink = np.pad(ink, ((0, 0), (side // 2, side - side // 2)))
        ink[first : first + 2] |= accent
    return ink


@lru_cache(maxsize=512)
def _ink(text: str) -> Ink | None:
    glyphs = [_glyph(c) for c in text]
    if any(g is None for g in glyphs):
        return None
    gap = np.zeros((ROWS, 1), bool)
    parts: list[Ink] = []
    for glyph in glyphs:
        assert glyph is not None
        parts += [glyph, gap]
    return np.concatenate(parts[:-1], axis=1) if parts else np.zeros((ROWS, 1), bool)


def text_width(text: str, scale: int = 1) -> int:
    """Width of a line of text [px]."""
    ink = _ink(text)
    return (label(text, scale, (0, 0, 0)).get_width()) if ink is None else ink.shape[1] * scale


def fitted(text: str, width: int, scale: int = 1) -> str:
    """The text, cut short with an ellipsis where it is wider than ``width`` px."""
    if text_width(text, scale) <= width:
        return text
    while text and text_width(text + "…", scale) > width:
        text = text[:-1]
    return text.rstrip() + "…"


@lru_cache(maxsize=1024)
def label(text: str, scale: int, colour: Colour, shadow: Colour | None = None) -> pygame.Surface:
    """A line of text on a transparent surface.

    Args:
        text: one line.
        scale: screen pixels for a pixel of the font, at least 1.
        colour: of the ink.
        shadow: colour of a copy one font pixel lower and to the right, or None.

    Returns:
        A surface ``HEIGHT * scale`` high, one font pixel more with a shadow.
    """
    ink = _ink(text)
    if ink is None:
        return _in_system_font(text, scale, colour)
    rows, columns = ink.shape
    more = 0 if shadow is None else 1
    drawn = pygame.Surface(((columns + more) * scale, (rows + more) * scale), pygame.SRCALPHA, 32)
    drawn.fill((*colour, 0))
    # Running clocks change every frame, so a line is put together from letters that are kept.
    for tone, shift in ((shadow, scale), (colour, 0)):
        if tone is not None:
            x = shift
            for character in text:
                letter = _letter(character, scale, tone)
                drawn.blit(letter, (x, shift))
                x += letter.get_width() + scale
    return drawn


@lru_cache(maxsize=2048)
def _letter(character: str, scale: int, colour: Colour) -> pygame.Surface:
    ink = _glyph(character)
    assert ink is not None
    small = pygame.Surface((ink.shape[1], ink.shape[0]), pygame.SRCALPHA, 32)
    small.fill((*colour, 0))
    for y, x in np.argwhere(ink).tolist():
        small.set_at((x, y), (*colour, 255))
    return pygame.transform.scale(small, (ink.shape[1] * scale, ink.shape[0] * scale))


def _in_system_font(text: str, scale: int, colour: Colour) -> pygame.Surface:
    """What the pixel font has no letters for; a row of boxes if there is no font at all."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    try:
        from retroracer.render.text import font

        drawn = font(12 * scale).render(printable, True, colour)
    except (ImportError, NotImplementedError, pygame.error, OSError):
        return label("■" * len(text), scale, colour)
    out = pygame.Surface((drawn.get_width(), HEIGHT * scale), pygame.SRCALPHA, 32)
    out.fill((*colour, 0))
    out.blit(drawn, (0, (HEIGHT * scale - drawn.get_height()) // 2))
    return out


def write_pixels(
    surface: pygame.Surface,
    text: str,
    at: tuple[float, float],
    scale: int,
    colour: Colour,
    anchor: tuple[float, float] = (0.0, 0.0),
    shadow: Colour | None = None,
) -> pygame.Rect:
    """Write a line; ``anchor`` (0..1, 0..1) is the point of the text that lies at ``at``.

    Vertically the anchor counts from the top of the capitals to the line they stand on.
    """
    drawn = label(text, scale, colour, shadow)
    x = at[0] - anchor[0] * drawn.get_width()
    y = at[1] - anchor[1] * CAPITAL * scale
    return surface.blit(drawn, (round(x), round(y)))
