"""Text in the game's own pixel font, at whole multiples of its pixels.

Owns: turning a line of text into a picture. Its letters are drawn by hand in ``glyphs.txt``: a line
of characters, then their cells side by side, five wide, seven rows for capitals and two for
descenders; a letter is as wide as its ink. A character not there is built from its base letter and
an accent, or left to the system's font. Does not own the smooth font of maps (``text``). Needs no
display.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.render.palette import Colour

Ink = npt.NDArray[np.bool_]

HEIGHT = 9
"""Height of a line of text at scale 1 [px]."""

CAPITAL = 7
"""Height of its capitals [px]."""

_SPACE = 3
_CELL = 5

_FIXED = "0123456789"
"""Characters that are always a whole cell wide, so that running figures do not dance."""

_ACCENTS = {
    "\u0301": ("...#.", "..#.."),  # acute
    "\u0300": (".#...", "..#.."),  # grave
    "\u0302": ("..#..", ".#.#."),  # circumflex
    "\u0308": (".....", ".#.#."),  # diaeresis
    "\u0303": (".##.#", "#..#."),  # tilde
    "\u030a": ("..#..", "..#.."),  # ring
    "\u030c": (".#.#.", "..#.."),  # caron
    "\u0327": ("..#..", ".#..."),  # cedilla, below
}
"""Two rows above a small letter (below it, a cedilla)."""


@cache
def _letters() -> dict[str, Ink]:
    found: dict[str, Ink] = {" ": np.zeros((HEIGHT, _SPACE), bool)}
    art = Path(__file__).with_name("glyphs.txt").read_text(encoding="utf-8")
    for band in art.strip().split("\n\n"):
        characters, *rows = map(str.split, band.splitlines())
        for k, character in enumerate(characters[0]):
            ink = np.array([[c == "#" for c in row[k]] for row in rows])
            if character not in _FIXED:
                columns = np.flatnonzero(ink.any(axis=0))
                ink = ink[:, columns[0] : columns[-1] + 1]
            found[character] = ink
    return found


@cache
def _glyph(character: str) -> Ink | None:
    """The ink (HEIGHT, width) of a character, None if there is no way to draw it."""
    letters = _letters()
    if character in letters:
        return letters[character]
    parts = unicodedata.normalize("NFKD", character)
    base = letters.get(parts[:1])
    if base is None or len(parts) < 2:
        return None
    ink = base.copy()
    if parts[0].islower() and parts[1] in _ACCENTS:
        if parts[0] in "ij":
            ink[0:2] = False
        accent = np.array([[c == "#" for c in row] for row in _ACCENTS[parts[1]]])
        first = 7 if parts[1] == "\u0327" else 0
        if ink.shape[1] < _CELL:
            side = _CELL - ink.shape[1]
            ink = np.pad(ink, ((0, 0), (side // 2, side - side // 2)))
        ink[first : first + 2] |= accent
    return ink


@lru_cache(maxsize=512)
def _ink(text: str) -> Ink | None:
    gap = np.zeros((HEIGHT, 1), bool)
    parts: list[Ink] = []
    for glyph in map(_glyph, text):
        if glyph is None:
            return None
        parts += [glyph, gap]
    return np.concatenate(parts[:-1] or [gap], axis=1)


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
