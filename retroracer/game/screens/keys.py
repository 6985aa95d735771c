"""The page where keys are bound anew."""

from __future__ import annotations

import pygame

from retroracer.game.controls import ACTIONS, FIXED, SEATS, key_name
from retroracer.game.screens.backdrop import page, plate
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.screen import AppServices, Screen
from retroracer.render.palette import mix

STEP = 13.0
COLUMNS_FROM = 460.0
"""Width of a screen [UI pixels] from which the keys stand in two columns."""


class KeysScreen(Screen):
    """Keys by action: Enter waits for a new one, Backspace takes the default back."""

    def __init__(self, app: AppServices) -> None:
        super().__init__(app)
        self.at = 0
        self.waiting = False
        self._boxes: list[tuple[int, pygame.Rect]] = []

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Choose a row; bind the next key pressed."""
        names = list(ACTIONS)
        if event.type == pygame.KEYDOWN and self.waiting:
            self.waiting = False
            name = key_name(event.key)
            if name in FIXED:
                if name != "escape":  # which only ends the waiting
                    self.app.tell(f"{name} is fixed: it means '{ACTIONS[FIXED[name]][0]}'")
            else:
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
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)
        elif action == "accept":
            self.app.tell("press the new key on the keyboard")
            self.waiting = True
        elif action == "back":
            self.app.back()
        elif action in ("up", "down"):
            self.at = (self.at + (1 if action == "down" else -1)) % len(names)

    def _click(self, pos: tuple[int, int]) -> None:
        """Choose the row under the pointer; a second click waits for its new key."""
        for k, box in self._boxes:
            if box.collidepoint(pos):
                self.waiting, self.at = k == self.at, k

    def _bind(self, action: str, code: int) -> None:
        """Give a key to an action and take it from whatever had it."""
        name = key_name(code)
        if not name:
            self.app.tell("this key has no name; take another", bad=True)
            return
        keys = dict(self.app.settings.now.keys)
        taken = []
        for other, held in self.app.controls.names.items():
            parts = [k for k in held.split(",") if k.strip()]
            # The keys of two people are their own: they may be other actions' as well.
            same = (other in SEATS) == (action in SEATS)
            if other != action and same and name in parts:
                left = [k for k in parts if k != name]
                keys[other] = ",".join(left)
                said = f"keeps {' and '.join(left)}" if left else "has no key now"
                taken.append(f"'{ACTIONS[other][0]}' {said}")
        keys[action] = name
        self._keep(keys)
        if taken:
            self.app.tell(f"{name}: {ACTIONS[action][0]}; {', '.join(taken)}")

    def _forget(self, action: str) -> None:
        """Restore an action's default keys, except those another action has now."""
        keys = {k: v for k, v in self.app.settings.now.keys.items() if k != action}
        elsewhere = {
            k
            for other, held in keys.items()
            if (other in SEATS) == (action in SEATS)
            for k in held.split(",")
        }
        default = ACTIONS[action][1].split(",")
        free = [k for k in default if k not in elsewhere]
        if free != default:
            keys[action] = ",".join(free)
            self.app.tell(f"{' and '.join(k for k in default if k in elsewhere)}: taken elsewhere")
        self._keep(keys)

    def _keep(self, keys: dict[str, str]) -> None:
        self.app.settings.change(keys=keys)
        self.app.controls.bind(keys)

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        c = page(surface)
        columns = 2 if c.w >= COLUMNS_FROM else 1
        rows = min(-(-len(ACTIONS) // columns), int((c.h - 56) // STEP))
        wide = min(columns * 310.0, c.w - 12)
        high = 34 + STEP * rows
        x, y = (c.w - wide) / 2, max(4.0, (c.h - high - 18) / 2)
        plate(c, "KEYS", x, y, wide, high)
        # Where not all fit, those around the chosen one are shown.
        room = columns * rows
        first = max(0, min(self.at - room // 2, len(ACTIONS) - room))
        each = wide / columns
        self._boxes = []
        for k, action in enumerate(list(ACTIONS)[first : first + room]):
            left, top = x + each * (k // rows), y + 33 + STEP * (k % rows)
            box = (left * c.k, (top - 3) * c.k, each * c.k, STEP * c.k)
            self._boxes.append((first + k, pygame.Rect(*map(round, box))))
            self._row(c, action, left, top, each, first + k == self.at)
        hints = [("ENTER", "new key"), ("BKSP", "default"), ("ESC", "back")]
        c.hints(hints, x + 4, c.h - 12 if y + high + 16 > c.h else y + high + 8)

    def _row(self, c: Canvas, action: str, x: float, y: float, wide: float, chosen: bool) -> None:
        p = c.palette
        if chosen:
            c.rect(x + 3, y - 3, wide - 6, STEP - 1, mix(p.panel_edge, p.bad, 0.25))
        room = c.text(ACTIONS[action][0], x + 10, y, p.text if chosen else p.text_dim)
        names = self.app.controls.shown(action) or "no key"
        fixed = [key for key, means in FIXED.items() if means == action]
        if fixed:
            names += f" ({fixed[0]} fixed)"
        if chosen and self.waiting:
            names = "press a key ..."
        own = action in self.app.settings.now.keys
        tone = p.accent if own else p.text
        c.text(names, x + wide - 10, y, tone, anchor=1.0, width=wide - 26 - room)
