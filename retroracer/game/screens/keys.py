"""The page where keys are bound anew."""

from __future__ import annotations

import pygame

from retroracer.game.controls import ACTIONS
from retroracer.game.screens.backdrop import backdrop
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.screen import AppServices
from retroracer.render.palette import DEFAULT as COLOURS
from retroracer.render.palette import mix

FORBIDDEN = (pygame.K_RETURN, pygame.K_ESCAPE)
"""Keys that always mean accept and leave."""


class KeysScreen:
    """Keys by action: Enter waits for a new one, Backspace takes the default back.

    Args:
        app: the app.
    """

    foot = 18.0

    def __init__(self, app: AppServices) -> None:
        self.app = app
        self.at = 0
        self.waiting = False

    def close(self) -> None:
        """Nothing runs beside it."""

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Choose a row; bind the next key pressed."""
        names = list(ACTIONS)
        if event.type == pygame.KEYDOWN and self.waiting:
            self.waiting = False
            if event.key not in FORBIDDEN:
                self._bind(names[self.at], event.key)
            return
        if event.type == pygame.KEYDOWN:
            if event.key == pygame.K_ESCAPE:
                self.app.back()
            elif event.key == pygame.K_RETURN:
                self.waiting = True
            elif event.key == pygame.K_BACKSPACE:
                self._forget(names[self.at])
            elif event.key in (pygame.K_UP, pygame.K_DOWN):
                self.at = (self.at + (1 if event.key == pygame.K_DOWN else -1)) % len(names)
        elif action == "back":
            self.app.back()
        elif action in ("up", "down"):
            self.at = (self.at + (1 if action == "down" else -1)) % len(names)

    def _bind(self, action: str, code: int) -> None:
        """Give a key to an action and take it from whatever had it."""
        name = pygame.key.name(code)
        if not name or "," in name:
            self.app.tell("this key has no name; take another", bad=True)
            return
        keys = dict(self.app.settings.now.keys)
        for other, held in self.app.controls.names.items():
            parts = [k for k in held.split(",") if k.strip()]
            if other != action and name in parts:
                keys[other] = ",".join(k for k in parts if k != name)
        keys[action] = name
        self._keep(keys)

    def _forget(self, action: str) -> None:
        keys = {k: v for k, v in self.app.settings.now.keys.items() if k != action}
        self._keep(keys)

    def _keep(self, keys: dict[str, str]) -> None:
        self.app.settings.change(keys=keys)
        self.app.controls.bind(keys)

    def advance(self, elapsed: float) -> None:
        """The page waits."""

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        c, p = Canvas(surface, COLOURS), COLOURS
        surface.blit(backdrop(surface.get_size(), c.k), (0, 0))
        wide, step = 320.0, 13.0
        high = 34 + step * len(ACTIONS)
        x, y = (c.w - wide) / 2, max(4.0, (c.h - high - 18) / 2)
        c.panel(x, y, wide, high, alpha=244)
        c.text("KEYS", x + 10, y + 7, p.accent, 2)
        c.stripes(x + 2, y + 25, wide - 4, 2)
        for i, (action, (does, _)) in enumerate(ACTIONS.items()):
            top = y + 33 + step * i
            chosen = i == self.at
            if chosen:
                c.rect(x + 3, top - 3, wide - 6, step - 1, mix(p.panel_edge, p.bad, 0.25))
            c.text(does, x + 10, top, p.text if chosen else p.text_dim)
            names = self.app.controls.names[action].replace(",", "  ") or "no key"
            if chosen and self.waiting:
                names = "press a key ..."
            own = action in self.app.settings.now.keys
            c.text(names, x + wide - 10, top, p.accent if own else p.text, anchor=1.0)
        hints = [("ENTER", "new key"), ("BKSP", "default"), ("ESC", "back")]
        c.hints(hints, x + 4, c.h - 12 if y + high + 16 > c.h else y + high + 8)
