"""CarRacing-v3: Gymnasium's pixel task under the arrow keys, or driven by a trained network.

Owns the screen and the sense of steering, which is the other way round there (right positive).
The task, its car and its picture are Gymnasium's, through ``carracing``; the driver is
``agents.pixels.inference``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pygame

from retroracer.errors import UserError
from retroracer.game.race.loop import FixedStep
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.screen import AppServices, Screen
from retroracer.render.palette import DEFAULT as COLOURS
from retroracer.render.palette import mix, shade
from retroracer.resources import models_dir

if TYPE_CHECKING:
    from retroracer.agents.pixels.inference import PixelDriver
    from retroracer.game.pixels.driving import PixelDriving

STEP = 1.0 / 50.0
"""A step of the task [s]."""

PLATES = 130.0
"""Room for our plates at the left of the picture [UI pixels]."""

LONGEST = 1000
"""Steps of an episode."""

TURN, BACK = 3.0, 7.0
"""Wheel travel a second while a key is held, and when it is let go."""


class PixelScreen(Screen):
    """The task on screen.

    Args:
        app: the app.
        seed: of the first track.
        driver: who can be watched; None if there is none.
        watch: True if the driver begins, False if you do.

    Raises:
        UserError: if the task cannot be drawn here.

    Attributes:
        best: best scores on this track, yours and the driver's, by who drove.
    """

    foot = 24.0

    def __init__(
        self,
        app: AppServices,
        seed: int = 0,
        driver: PixelDriver | None = None,
        watch: bool = False,
    ) -> None:
        from retroracer.carracing.env import FastCarRacing

        try:
            pygame.font.init()
        except (ImportError, NotImplementedError, pygame.error):
            raise UserError(
                "CarRacing writes its score with pygame's font module, which is missing here; "
                "run: pip install --force-reinstall pygame-ce"
            ) from None
        super().__init__(app)
        # The window shows Gymnasium's own drawing; frames are drawn for networks.
        self.env = FastCarRacing(render_mode="rgb_array", render=driver is not None)
        self.loop = FixedStep(STEP)
        self.seed = seed
        self.driver = driver
        self.watching = watch and driver is not None
        self.paused = False
        self.sight_shown = False
        self.best: dict[str, float] = {}
        self.restart()

    def close(self) -> None:
        """Let go of the task."""
        self.env.close()  # type: ignore[no-untyped-call]

    @property
    def who(self) -> str:
        """Who drives, as shown."""
        return self.driver.name if self.watching and self.driver is not None else "you"

    def restart(self) -> None:
        """The same track again."""
        from retroracer.game.pixels.driving import PixelDriving

        first, _ = self.env.reset(seed=self.seed)
        self.driving: PixelDriving | None = None
        if self.watching and self.driver is not None:
            self.driving = PixelDriving(self.driver, self.env, first)
        self.loop.forget()
        self.steer = 0.0
        self.last = np.zeros(3)
        self.score = 0.0
        self.steps = 0
        self.over = ""
        self._picture: pygame.Surface | None = None

    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to keys."""
        if action == "back":
            self.app.back()
        elif action == "restart" or (self.over and action == "accept"):
            self.restart()
        elif action == "next":
            self.seed += 1
            self.best.clear()
            self.restart()
        elif action == "watch":
            self._change_hands()
        elif action in ("pause", "unplugged"):
            self.paused = action == "unplugged" or not self.paused
            self.loop.forget()
        elif action == "sight":
            self.sight_shown = not self.sight_shown

    def _change_hands(self) -> None:
        """The other one drives, from the start."""
        if self.driver is None:
            self.app.tell("no driver to watch: name one with --model")
            return
        self.watching = not self.watching
        self.restart()
        self.app.tell(f"{self.who} drives" if self.watching else "you drive")

    def inputs(self) -> np.ndarray:
        """Steer, gas and brake of whoever drives, in the task's own sense."""
        if self.driving is not None:
            return self.driving.inputs()
        controls = self.app.controls
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
            self.last = self.inputs()
            frame, reward, terminated, truncated, info = self.env.step(self.last)
            if self.driving is not None:
                self.driving.note(frame)
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
        self.best[self.who] = max(self.score, self.best.get(self.who, self.score))

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the task's picture as large as fits beside our plates: nothing covers it."""
        if self._picture is None:
            pixels: Any = self.env.render()
            self._picture = _surface(np.asarray(pixels))
        c = Canvas(surface, COLOURS)
        left, top, wide, high = self.picture_box(c)
        pw, ph = self._picture.get_size()
        scale = min(wide / pw, high / ph)
        fitted = (max(1, round(pw * scale)), max(1, round(ph * scale)))
        surface.fill(shade(COLOURS.panel, 0.6))
        at = (left + (wide - fitted[0]) // 2, top + (high - fitted[1]) // 2)
        surface.blit(pygame.transform.scale(self._picture, fitted), at)
        if c.w >= 320 and c.h >= 180:
            self._write(c)

    def picture_box(self, c: Canvas) -> tuple[int, int, int, int]:
        """Left, top, width and height of where the task's picture goes [px]."""
        w, h = c.surface.get_size()
        if c.w < 320 or c.h < 180:
            return 0, 0, w, h
        left = round(PLATES * c.k)
        return left, 0, w - left, h - round(self.foot * c.k)

    def _write(self, c: Canvas) -> None:
        p = c.palette
        c.panel(6, 6, 118, 54 + 11 * len(self.best))
        c.text("CARRACING-V3", 12, 12, p.text_dim)
        c.text(f"{self.score:z.0f}", 12, 24, p.text, 2)
        c.text(f"{self.steps * STEP:.1f} s", 118, 30, p.text_dim, anchor=1.0)
        tone = p.agent if self.watching else p.human
        c.text(self.who.upper(), 12, 46, mix(tone, p.text, 0.25), width=58)
        c.text(f"track {self.seed}", 118, 46, p.text_dim, anchor=1.0)
        for k, (who, score) in enumerate(self.best.items()):
            c.text(f"best of {who}", 12, 58 + 11 * k, p.text_dim, width=74)
            c.text(f"{score:z.0f}", 118, 58 + 11 * k, p.accent, anchor=1.0)
        self._wheel(c, 6, 63 + 11 * len(self.best))
        if self.sight_shown:
            self._sight(c)
        if self.over or self.paused:
            c.panel(c.w / 2 - 110, c.h / 2 - 22, 220, 40, alpha=240)
            text = self.over or "PAUSED"
            c.text(text, c.w / 2, c.h / 2 - 14, p.accent, 2, anchor=0.5)
            c.text(f"score {self.score:z.1f}", c.w / 2, c.h / 2 + 6, p.text, anchor=0.5)
        hints = [("R", "again"), ("N", "next track"), ("F1", "what it sees"), ("P", "pause"),
                 ("ESC", "menu")]  # fmt: skip
        if self.driver is not None:
            hints.insert(2, ("TAB", "take the wheel" if self.watching else "watch it drive"))
        total = sum(c.width(a) + c.width(b) + 20 for a, b in hints) - 10
        c.panel(c.w / 2 - total / 2 - 8, c.h - 22, total + 16, 18)
        c.hints(hints, c.w / 2 - total / 2, c.h - 16, shadow=False)

    def _wheel(self, c: Canvas, x: float, y: float) -> None:
        """Gas, brake and steering of whoever drives."""
        p = c.palette
        steer, gas, brake = (float(v) for v in self.last)
        dark = shade(p.panel_edge, 0.62)
        c.panel(x, y, 118, 27)
        c.bar(x + 8, y + 6, 102, 4, gas, p.good, dark)
        c.bar(x + 8, y + 12, 102, 4, brake, p.bad, dark)
        c.rect(x + 8, y + 18, 102, 3, dark)
        middle, reach = x + 59, 51 * min(abs(steer), 1.0)
        c.rect(middle - (reach if steer < 0 else 0), y + 18, max(reach, 1), 3, p.accent)
        c.rect(middle, y + 17, 1, 5, p.text)

    def _sight(self, c: Canvas) -> None:
        """The newest picture the driver was given, or what one would be given."""
        told = "its 96x96 picture"
        pixels = self.env.frame()
        if self.driving is not None:
            pipeline = self.driving.driver.pipeline
            pixels = self.driving.newest()
            told = f"{pipeline.size}x{pipeline.size} {pipeline.colour}, last of {pipeline.stack}"
        top = 96.0 + 11 * len(self.best)
        c.panel(6, top, 118, 114)
        seen = pygame.transform.scale(_surface(pixels), (96 * c.k, 96 * c.k))
        c.blit(seen, 17, top + 3)
        c.text(told, 65, top + 103, c.palette.text_dim, anchor=0.5, width=112)


def carracing_screen(
    app: AppServices, seed: int = 0, model: str = "", watch: bool = False
) -> PixelScreen:
    """The task with a driver to be watched. The task is loaded only here: the game starts sooner.

    Args:
        app: the app.
        seed: of its first track.
        model: who can be watched there; "" = the shipped driver, if there is one.
        watch: True if the driver begins.

    Raises:
        UserError: if the named model cannot drive it, or Box2D is missing.
    """
    from retroracer.agents.pixels.inference import SHIPPED, load_pixel_driver

    driver = None
    if model or (models_dir() / f"{SHIPPED}.zip").is_file():
        try:
            driver = load_pixel_driver(model or SHIPPED)
        except UserError as error:
            if model:
                raise
            app.tell(str(error).splitlines()[0], bad=True)
    return PixelScreen(app, seed, driver, watch)


def _surface(pixels: np.ndarray) -> pygame.Surface:
    """A picture (H, W, 3) as a surface."""
    return pygame.image.frombytes(pixels.tobytes(), (pixels.shape[1], pixels.shape[0]), "RGB")
