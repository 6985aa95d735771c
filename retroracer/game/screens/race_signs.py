"""Signs over the race: lamps at the start, flags, race control, what is wrong with a page."""

from __future__ import annotations

import pygame

from retroracer.game.race.race_control import Told
from retroracer.game.screens.canvas import Canvas
from retroracer.render.palette import Colour, shade

LAMPS = 5


def draw_start(c: Canvas, lights: float, lit: int, just_off: bool, top: float) -> None:
    """Draw ``lit`` lamps that go out in ``lights`` seconds, or that they have just gone out."""
    if lights > 0.0:
        draw_lamps(c, lit, top)
        wide = c.width("SPACE skips") + 12
        c.panel(c.w / 2 - wide / 2, top + 50, wide, 15, alpha=240)
        c.text("SPACE skips", c.w / 2, top + 54, c.palette.text, anchor=0.5)
    elif just_off:
        c.text("GO!", c.w / 2, top + 8, c.palette.good, 4, anchor=0.5, shadow=True)


def draw_lamps(c: Canvas, lit: int, top: float) -> None:
    """Red lamps that come on one by one; when all go out, the race is on."""
    p, k = c.palette, c.k
    wide, gap = 22.0, 4.0
    x = c.w / 2 - (LAMPS * wide + (LAMPS - 1) * gap) / 2
    c.panel(x - 8, top, LAMPS * (wide + gap) - gap + 16, 46, alpha=240)
    for i in range(LAMPS):
        left = x + i * (wide + gap)
        c.rect(left, top + 5, wide, 36, shade(p.panel, 0.5))
        for row in range(2):
            at = (round((left + wide / 2) * k), round((top + 14 + 18 * row) * k))
            on = row == 1 and i < lit
            colour = p.bad if on else shade(p.panel_edge, 0.7)
            if on:
                pygame.draw.circle(c.surface, shade(p.bad, 0.55), at, 9 * k)
            pygame.draw.circle(c.surface, colour, at, 7 * k)
            pygame.draw.circle(
                c.surface, shade(colour, 1.35), (at[0] - 2 * k, at[1] - 2 * k), 2 * k
            )


def draw_errors(c: Canvas, errors: tuple[str, ...]) -> None:
    """What is wrong with the page that was saved last."""
    wide = min(c.w - 20, 440.0)
    told = [e for e in errors if not e.startswith("    ")]
    lines = [part for e in told for part in c.lines(e, wide - 16)][: int((c.h - 130) // 11)]
    x, y = (c.w - wide) / 2, 108.0
    c.panel(x, y, wide, 24 + 11 * len(lines), alpha=240, edge=c.palette.bad)
    c.text("the saved page is broken; the last good track stays", x + 8, y + 6, c.palette.bad)
    for k, line in enumerate(lines):
        c.text(line, x + 8, y + 19 + 11 * k, c.palette.text, width=wide - 16)


FLAGS: dict[str, tuple[Colour, str]] = {
    "yellow": ((255, 214, 40), "YELLOW FLAG: SLOW CAR AHEAD"),
    "blue": ((70, 140, 255), "BLUE FLAG: A CAR A LAP AHEAD IS BEHIND YOU"),
    "chequered": ((250, 250, 250), "FINISHED"),
}
"""What each flag looks like, and what it says."""


def draw_flag(c: Canvas, flag: str, y: float) -> None:
    """Wave a flag with its words; "" draws nothing."""
    if flag not in FLAGS:
        return
    colour, words = FLAGS[flag]
    wide = min(c.width(words) + 36, c.w - 8)
    x = (c.w - wide) / 2
    c.panel(x, y, wide, 17, alpha=240, edge=colour)
    for row in range(3):
        for column in range(4):
            dark = flag == "chequered" and (row + column) % 2
            tone = c.palette.panel if dark else colour
            c.rect(x + 8 + 4 * column, y + 3 + 4 * row, 4, 4, tone)
    c.text(words, x + 29, y + 5, c.palette.text, width=wide - 32)


def draw_told(c: Canvas, told: Told | None, y: float) -> None:
    """What race control says to the driver."""
    if told is None:
        return
    p = c.palette
    wide = min(c.width(told.text) + 20, c.w - 8)
    x = (c.w - wide) / 2
    c.panel(x, y, wide, 18, alpha=244, edge=p.bad if told.bad else p.accent)
    tone = p.bad if told.bad else p.text
    c.text(told.text, c.w / 2, y + 6, tone, anchor=0.5, width=wide - 8)
