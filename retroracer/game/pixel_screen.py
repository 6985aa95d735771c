"""CarRacing-v3 by hand: Gymnasium's pixel task under the arrow keys.

Owns the screen and the sense of steering, which is the other way round there (right positive).
The task, its car and its picture are Gymnasium's, through ``carracing``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pygame

from retroracer.game.canvas import Canvas
from retroracer.game.loop import FixedStep
from retroracer.game.screens import Desk
from retroracer.render.palette import DEFAULT as COLOURS
from retroracer.render.palette import shade

STEP = 1.0 / 50.0
"""A step of the task [s]."""

LONGEST = 1000
"""Steps of an episode."""

TURN, BACK = 3.0, 7.0
"""Wheel travel a second while a key is held, and when it is let go."""


class PixelScreen:
    """The task on screen.

    Args:
        desk: the app.
        seed: of the first track.
    """

    def __init__(self, desk: Desk, seed: int = 0) -> None:
        from retroracer.carracing.env import FastCarRacing

        self.desk = desk
        # Drawn by Gymnasium's own painter, large; frames for a network only where shown.
        self.env = FastCarRacing(render_mode="rgb_array", render=False)
        self.loop = FixedStep(STEP)
        self.seed = seed
        self.paused = False
        self.eyes = False
        self.best: float | None = None
        self.restart()

    def close(self) -> None:
        """Let go of the task."""
        self.env.close()  # type: ignore[no-untyped-call]

    def restart(self) -> None:
        """The same track again."""
        self.env.reset(seed=self.seed)
        self.loop.forget()
        self.steer = 0.0
        self.score = 0.0
        self.steps = 0
        self.over = ""
        self._picture: pygame.Surface | None = None

    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to keys."""
        code = event.key if event.type == pygame.KEYDOWN else None
        if code == pygame.K_ESCAPE or action == "back":
            self.desk.menu()
        elif action == "restart" or (self.over and code in (pygame.K_RETURN, pygame.K_SPACE)):
            self.restart()
        elif code == pygame.K_n:
            self.seed += 1
            self.restart()
        elif action == "pause":
            self.paused = not self.paused
            self.loop.forget()
        elif action == "sight":
            self.eyes = not self.eyes

    def inputs(self) -> np.ndarray:
        """Steer, gas and brake from what is held, in the task's own sense."""
        controls = self.desk.controls
        keys = controls.keys
        if controls.steer is not None:
            pedals = controls.throttle or 0.0
            self.steer = -controls.steer
            return np.array([self.steer, max(pedals, 0.0), max(-pedals, 0.0)], np.float32)
        wish = float(keys.right) - float(keys.left)
        rate = (TURN if wish and wish * self.steer >= 0.0 else BACK) * STEP
        self.steer += min(max(wish - self.steer, -rate), rate)
        return np.array([self.steer, float(keys.up), 0.8 * float(keys.down)], np.float32)

    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""
        if self.paused or self.over:
            return
        for _ in range(self.loop.steps(elapsed)):
            _, reward, terminated, truncated, info = self.env.step(self.inputs())
            self.score += float(reward)
            self.steps += 1
            self._picture = None
            if terminated or truncated or self.steps >= LONGEST:
                self._finish(info)
                return

    def _finish(self, info: dict[str, Any]) -> None:
        lap = bool(info.get("lap_finished"))
        out = self.steps < LONGEST and not lap
        self.over = "LAP COMPLETE" if lap else "LOST IN THE GRASS" if out else "TIME IS UP"
        if self.best is None or self.score > self.best:
            self.best = self.score

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the task's picture as large as fits, its score beside it."""
        if self._picture is None:
            pixels: Any = self.env.render()  # type: ignore[no-untyped-call]
            self._picture = _surface(np.asarray(pixels))
        w, h = surface.get_size()
        pw, ph = self._picture.get_size()
        scale = min(w / pw, h / ph)
        fitted = (max(1, round(pw * scale)), max(1, round(ph * scale)))
        surface.fill(shade(COLOURS.panel, 0.6))
        at = ((w - fitted[0]) // 2, (h - fitted[1]) // 2)
        surface.blit(pygame.transform.scale(self._picture, fitted), at)
        c = Canvas(surface, COLOURS)
        if c.w >= 320 and c.h >= 180:
            self._write(c)

    def _write(self, c: Canvas) -> None:
        p = c.palette
        c.panel(6, 6, 118, 58)
        c.text("CARRACING-V3", 12, 12, p.text_dim)
        c.text(f"{self.score:.0f}", 12, 24, p.text, 2)
        c.text(f"{self.steps * STEP:.1f} s", 118, 30, p.text_dim, anchor=1.0)
        best = "" if self.best is None else f"best {self.best:.0f}"
        c.text(f"track {self.seed}", 12, 50, p.text_dim)
        c.text(best, 118, 50, p.accent, anchor=1.0)
        if self.eyes:
            seen = _surface(self.env.frame())
            c.panel(c.w - 108, 6, 102, 114)
            c.blit(pygame.transform.scale(seen, (96 * c.k, 96 * c.k)), c.w - 105, 9)
            c.text("a network's eyes", c.w - 57, 109, p.text_dim, anchor=0.5, width=98)
        if self.over or self.paused:
            c.panel(c.w / 2 - 110, c.h / 2 - 22, 220, 40, alpha=240)
            text = self.over or "PAUSED"
            c.text(text, c.w / 2, c.h / 2 - 14, p.accent, 2, anchor=0.5)
            c.text(f"score {self.score:.1f}", c.w / 2, c.h / 2 + 6, p.text, anchor=0.5)
        hints = [("R", "again"), ("N", "next track"), ("F1", "96 x 96"), ("P", "pause"),
                 ("ESC", "menu")]  # fmt: skip
        total = sum(c.width(a) + c.width(b) + 20 for a, b in hints) - 10
        c.panel(c.w / 2 - total / 2 - 8, c.h - 22, total + 16, 18)
        c.hints(hints, c.w / 2 - total / 2, c.h - 16, shadow=False)


def _surface(pixels: np.ndarray) -> pygame.Surface:
    """A picture (H, W, 3) as a surface."""
    return pygame.image.frombytes(pixels.tobytes(), (pixels.shape[1], pixels.shape[0]), "RGB")
