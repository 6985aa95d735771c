"""Short messages over the picture: told for some seconds, at the bottom, the newest lowest."""

from __future__ import annotations

from collections import deque

import pygame

from retroracer.game.screens.canvas import Canvas
from retroracer.render.palette import DEFAULT

TOLD_FOR = 4.0
"""Seconds a message is shown."""

BAD_FOR = 8.0
"""Seconds one is shown that says something went wrong."""

MOST = 5
"""Messages shown at once."""

LINE = 11.0
"""Distance between the lines of a message [UI pixels]."""


class Toasts:
    """The messages of a game; may be told from any thread."""

    def __init__(self) -> None:
        self._told: deque[tuple[str, float, bool, float]] = deque(maxlen=MOST)

    def tell(self, text: str, now: float, bad: bool = False) -> None:
        """Show a message from time ``now`` [s] on; one that is shown is not shown twice."""
        if text and text not in [shown for shown, until, *_ in self._told if until > now]:
            self._told.append((text, now + (BAD_FOR if bad else TOLD_FOR), bad, now))

    def leave(self, now: float) -> None:
        """Another screen at time ``now`` [s]: what was told on the last one before is done with."""
        for told in [t for t in self._told if t[3] < now]:
            self._told.remove(told)

    def draw(self, surface: pygame.Surface, now: float, foot: float) -> None:
        """Draw those of time ``now`` [s], ``foot`` UI pixels above the bottom."""
        canvas = Canvas(surface, DEFAULT)
        if canvas.w < 320:
            return
        bottom = canvas.h - 6 - foot
        for text, until, bad, _ in reversed(list(self._told)):
            if until < now:
                continue
            room = canvas.w - 252
            lines = [text] if canvas.width(text) <= room else canvas.lines(text, room)[:4]
            wide = min(max(map(canvas.width, lines)) + 16, canvas.w - 240)
            high = 4 + LINE * len(lines)
            canvas.panel(
                (canvas.w - wide) / 2, bottom - high, wide, high, edge=DEFAULT.bad if bad else None
            )
            tone = DEFAULT.bad if bad else DEFAULT.text
            for k, line in enumerate(lines):
                y = bottom - high + 4 + LINE * k
                canvas.text(line, canvas.w / 2, y, tone, anchor=0.5, width=wide - 12)
            bottom -= high + 3
