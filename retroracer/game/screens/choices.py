"""Rows to choose among, by keys, pad and mouse alike: menus, the pause, questions, options.

Owns which row is chosen, what an event does to it, and how the rows look. What a row is for is
its own: two functions, one to change its value and one to go where it leads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pygame

from retroracer.game.screens.canvas import Canvas
from retroracer.render.palette import Colour, mix

STEP = 13.0
"""Height of a row [UI pixels]."""


@dataclass(frozen=True)
class Choice:
    """A row."""

    name: str  # shown at its left
    accept: Callable[[], object] | None = None  # by Enter or a click; None: as a step forward
    change: Callable[[int], object] | None = None  # by -1 or 1, Left or Right; None: has no value
    value: Callable[[], str] | None = None  # what it shows at its right


class Choices:
    """A list of one row or more, that at place ``at`` chosen."""

    def __init__(self, rows: Sequence[Choice], at: int = 0) -> None:
        self.rows = list(rows)
        self.at = min(max(at, 0), len(self.rows) - 1)
        self._boxes: list[tuple[float, float, float, float]] = []

    @property
    def chosen(self) -> Choice:
        """The row that Enter would take."""
        return self.rows[self.at]

    def event(self, event: pygame.event.Event, action: str) -> bool:
        """React to a key, the pad or the mouse; True if it was for these rows."""
        if action in ("up", "down"):
            self.at = (self.at + (1 if action == "down" else -1)) % len(self.rows)
        elif action == "accept":
            self._accept(self.chosen)
        elif action in ("left", "right"):
            if self.chosen.change is not None:
                self.chosen.change(1 if action == "right" else -1)
        elif event.type == pygame.MOUSEMOTION:
            self.at = self._under(event.pos, self.at)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            return self._click(event.pos)
        else:
            return False
        return True

    def _accept(self, row: Choice) -> None:
        if row.accept is not None:
            row.accept()
        elif row.change is not None:
            row.change(1)

    def _under(self, pos: tuple[int, int], otherwise: int) -> int:
        for i, (x, y, w, h) in enumerate(self._boxes):
            if x <= pos[0] < x + w and y <= pos[1] < y + h:
                return i
        return otherwise

    def _click(self, pos: tuple[int, int]) -> bool:
        at = self._under(pos, -1)
        if at < 0:
            return False
        self.at = at
        row, (x, _, w, _) = self.rows[at], self._boxes[at]
        if row.change is not None:  # the left arrow is at 0.38 of the width, the right one at 1
            row.change(-1 if pos[0] < x + 0.55 * w else 1)
        else:
            self._accept(row)
        return True

    def draw(self, c: Canvas, x: float, y: float, wide: float) -> None:
        """Draw the rows from (x, y) on, the top of the first one's letters [UI pixels]."""
        p = c.palette
        self._boxes = []
        for i, row in enumerate(self.rows):
            top = y + STEP * i
            self._boxes.append((x * c.k, (top - 3) * c.k, wide * c.k, STEP * c.k))
            chosen = i == self.at
            if chosen:
                c.rect(x, top - 3, wide, STEP - 1, mix(p.panel_edge, p.bad, 0.25))
            tone: Colour = p.accent if row.change is None else p.text_dim
            c.text(row.name, x + 6, top, p.text if chosen else tone)
            if row.value is None:
                continue
            left, right = x + 0.38 * wide, x + wide - 4
            if chosen:
                c.text("◀", left, top, p.accent)
                c.text("▶", right, top, p.accent, anchor=1.0)
            middle = (left + right) / 2
            c.text(row.value(), middle, top, p.text, anchor=0.5, width=right - left - 20)


class Question:
    """A panel over the picture that asks one thing; Escape goes back without an answer."""

    def __init__(self, words: str, rows: Sequence[Choice], back: Callable[[], object]) -> None:
        self.words = words
        self.choices = Choices(rows)
        self._back = back

    def event(self, event: pygame.event.Event, action: str) -> bool:
        """React to an event; True if it was an answer, or a way to one."""
        if action in ("back", "pause"):
            self._back()
            return True
        return self.choices.event(event, action)

    def draw(self, c: Canvas) -> None:
        """Draw it in the middle of the screen, everything else darkened."""
        p = c.palette
        c.shade_all(130)
        wide = max(220.0, c.width(self.words, 2) + 24.0)
        high = 40.0 + STEP * len(self.choices.rows)
        x, y = (c.w - wide) / 2, (c.h - high) / 2
        c.panel(x, y, wide, high, alpha=244)
        c.stripes(x + 2, y + 26, wide - 4, 3)
        c.text(self.words, c.w / 2, y + 8, p.accent, 2, anchor=0.5)
        self.choices.draw(c, x + 6, y + 37, wide - 12)
