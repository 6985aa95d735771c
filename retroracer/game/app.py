"""The window: events in, a session stepped in real time, pictures out. Headless it is the same."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pygame

from retroracer.agents.policy import Policy
from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.game.drivers import Human, Keys, Script
from retroracer.game.hud import Hud
from retroracer.game.loop import FixedStep
from retroracer.game.session import Session
from retroracer.physics.car import Car
from retroracer.physics.race import PHYSICS_DT
from retroracer.render.cars import CarView
from retroracer.render.follow import Follower
from retroracer.render.scene import TrackScene
from retroracer.track.track import Track

FPS = 60
SIZE = (1280, 720)
SMALLEST = (160, 90)
KEYS = {
    "left": (pygame.K_LEFT, pygame.K_a),
    "right": (pygame.K_RIGHT, pygame.K_d),
    "up": (pygame.K_UP, pygame.K_w),
    "down": (pygame.K_DOWN, pygame.K_s),
}


@dataclass(frozen=True)
class Options:
    """How the game is run.

    Attributes:
        headless: True draws into memory, without a window and without waiting.
        frames: pictures after which it ends; None = when it is closed.
        screenshot: where to save the last picture, or None.
        size: of the window [px].
        fullscreen: True takes the whole screen.
        north_up: True keeps north at the top instead of the car's heading.
    """

    headless: bool = False
    frames: int | None = None
    screenshot: Path | None = None
    size: tuple[int, int] = SIZE
    fullscreen: bool = False
    north_up: bool = False


def demand_pygame_ce() -> None:
    """Refuse the other pygame: both install the same folder, and only one is tested here.

    Raises:
        UserError: with the two commands that put it right.
    """
    if not getattr(pygame, "IS_CE", False):
        raise UserError(
            "this is pygame, not pygame-ce, which it replaces; run: pip uninstall -y pygame "
            "&& pip install --force-reinstall pygame-ce"
        )


class App:
    """A game.

    Args:
        track: raced on.
        policies: of the agents.
        cars: of all drivers, yours first.
        options: how it is run.
        human: True if you drive.
        laps: of the race; 0 = without end.
        script: recorded inputs that drive instead of the keys, or None.
        note: a line shown at the start, or "".
    """

    def __init__(
        self,
        track: Track,
        policies: Sequence[Policy],
        cars: Sequence[Car],
        options: Options,
        *,
        human: bool = True,
        laps: int = 0,
        script: Script | None = None,
        note: str = "",
    ) -> None:
        demand_pygame_ce()
        self.options = options
        self.session = Session(track, policies, cars, human, laps)
        self.scene = TrackScene(track)
        self.hud = Hud(self.session, self.scene.palette)
        self.follower = Follower(heading_up=not options.north_up)
        self.loop = FixedStep(PHYSICS_DT)
        self.human = Human()
        self.keys = Keys()
        self.script = script
        self.note = note
        self.paused = False
        self.running = True
        self.frame = 0
        self.shown_s = 0.0

    def run(self) -> None:
        """Until closed, or for the number of frames asked for."""
        options = self.options
        if options.headless:
            os.environ["SDL_VIDEODRIVER"] = "dummy"
            os.environ["SDL_AUDIODRIVER"] = "dummy"
        pygame.display.init()
        pygame.font.init()
        flags = pygame.FULLSCREEN if options.fullscreen else pygame.RESIZABLE
        try:
            screen = pygame.display.set_mode(options.size, flags)
        except pygame.error as error:
            raise UserError(
                f"cannot open a window: {error}; without a screen use --headless"
            ) from None
        pygame.display.set_caption(f"RetroRacer - {self.session.track.title}")
        clock = pygame.time.Clock()
        try:
            last = time.perf_counter()
            while self.running and (options.frames is None or self.frame < options.frames):
                self.events()
                now = time.perf_counter()
                elapsed = 1.0 / FPS if options.headless else now - last
                last = now
                self.advance(elapsed)
                screen = pygame.display.get_surface() or screen
                if screen.get_width() >= SMALLEST[0] and screen.get_height() >= SMALLEST[1]:
                    self.draw(screen, elapsed)
                pygame.display.flip()
                self.frame += 1
                if not options.headless:
                    clock.tick(FPS)
            if options.screenshot is not None:
                with replacing(options.screenshot) as part, open(part, "wb") as file:
                    pygame.image.save(screen, file, "shot.png")
        finally:
            pygame.display.quit()

    def events(self) -> None:
        """Take what happened since the last frame."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.running = False
            elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
                down = event.type == pygame.KEYDOWN
                for name, codes in KEYS.items():
                    if event.key in codes:
                        setattr(self.keys, name, down)
                if down:
                    self.press(
                        {
                            pygame.K_r: "restart",
                            pygame.K_p: "pause",
                            pygame.K_ESCAPE: "quit",
                            pygame.K_c: "camera",
                        }.get(event.key, "")
                    )
            elif event.type == pygame.WINDOWFOCUSLOST:
                self.keys = Keys()  # the release of held keys goes elsewhere

    def press(self, what: str) -> None:
        """React to a key that is pressed rather than held."""
        if what == "quit":
            self.running = False
        elif what == "pause":
            self.paused = not self.paused
            self.loop.forget()
        elif what == "camera":
            self.follower = Follower(not self.follower.heading_up)
        elif what == "restart":
            self.session.restart()
            self.human.reset()
            if self.script is not None:
                self.script.rewind()
            self.follower.jump()
            self.loop.forget()
            self.paused = False
            self.note = ""

    def advance(self, elapsed: float) -> None:
        """Let real time pass."""
        if self.paused:
            if self.script is not None:  # a script ends its own pause
                self.shown_s += elapsed
                for what in self.script.play(self.session.time + self.shown_s):
                    self.press(what)
            return
        self.shown_s = 0.0
        session = self.session
        for _ in range(self.loop.steps(elapsed)):
            if self.script is not None:
                for what in self.script.play(session.time):
                    self.press(what)
                if self.paused or not self.running:
                    return
                session.tick(self.script.steer, self.script.throttle)
            elif session.human:
                speed = float(session.race.vx[0])
                session.tick(*self.human.act(self.keys, speed, PHYSICS_DT))
            else:
                session.tick()
        if session.time > 8.0:
            self.note = ""

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the present, between the last two physics steps."""
        session = self.session
        race = session.race
        now = session.pose()
        pose = session.before + self.loop.share * (now - session.before)
        views = []
        for i in reversed(range(race.n)):
            mine = i == 0
            views.append(
                CarView(
                    x=float(pose[i, 0]),
                    y=float(pose[i, 1]),
                    heading=float(pose[i, 2]),
                    steer_angle=float(race.steer_angle[i]),
                    s=float(race.s[i]),
                    role="human" if session.human and mine else "agent",
                    length=session.cars[i].length,
                    width=session.cars[i].width,
                    opacity=1.0 if mine else 0.62,
                    braking=bool(session.actions[i, 1] < -0.05),
                )
            )
        x, y, heading = (float(v) for v in pose[0])
        speed = float(race.speed[0])
        camera = self.follower.view(x, y, heading, speed, surface.get_size(), elapsed)
        self.scene.draw(surface, camera, views)
        self.hud.draw(surface, self.paused, self.note)
