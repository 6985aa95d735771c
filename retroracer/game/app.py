"""The window: events in, a screen stepped in real time, pictures out. Headless it is the same."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pygame

from retroracer.errors import UserError
from retroracer.game.controls import Controls
from retroracer.game.race.drivers import Script
from retroracer.game.race.garage import Setup, put_together
from retroracer.game.replay.ghost_file import read_ghost
from retroracer.game.replay.records import Records
from retroracer.game.screens.canvas import clickable, text_size
from retroracer.game.screens.menu import Menu
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.screen import Screen, saving
from retroracer.game.settings import SettingsFile
from retroracer.game.sound import Sound
from retroracer.game.toasts import Toasts
from retroracer.game.window import open_window
from retroracer.reading import shown
from retroracer.render.picture import save_surface

FPS = 60
SIZE = (1280, 720)
SMALLEST = (160, 90)
SPARE = 0.01
"""Seconds of a frame after which nothing more is begun in it that can wait."""


@dataclass(frozen=True)
class Options:
    """How the game is run."""

    headless: bool = False  # draws into memory, without a window and without waiting
    frames: int | None = None  # pictures after which it ends; None = when it is closed
    screenshot: Path | None = None  # where to save the last picture
    size: tuple[int, int] = SIZE  # of the window [px]
    fullscreen: bool = False
    fps: int = FPS  # pictures a second at most; headless, of race time
    lights: bool = True  # races begin with lights
    opened: bool = False  # the window is there already


def settle() -> None:
    """Run the garbage collector rarely: what is loaded stays, and frames leave little garbage.

    A full collection takes as long as four frames. With Python's own thresholds one runs every
    second, because each picture makes and drops thousands of short lists of points.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class App:
    """The game."""

    def __init__(
        self,
        options: Options,
        setup: Setup | None = None,  # the race to begin with; None opens the menu
        settings: SettingsFile | None = None,  # None = those in the player's folder
        script: Script | None = None,  # recorded inputs that drive instead of the keys
        note: str = "",  # a line shown at the start
    ) -> None:
        self.options = options
        self.headless = options.headless
        self.settings = settings or SettingsFile()
        self.script = script
        self.running = True
        self.frame = 0
        self.clock = 0.0
        self.closing = threading.Event()
        self.lights = options.lights and not (script is not None and script.drives)
        self.newcomer = self.settings.now.newcomer and not options.headless and script is None
        self.menu_row = ""
        self._asked = False
        self._waiting: list[Screen] = []
        self._toasts = Toasts()
        self.tell(note)
        self._open(setup)

    # What screens ask for.
    def show(self, screen: Screen, over: bool = False) -> None:
        """Go to a screen; ``over`` lets the present one wait to be gone back to, else it closes."""
        if over:
            self._waiting.append(self.screen)
        else:
            self.screen.close()
        self._go(screen)

    def back(self) -> None:
        """Leave this screen: for the one that waits, else for the menu."""
        self.screen.close()
        self._go(self._waiting.pop() if self._waiting else Menu(self))

    def _go(self, screen: Screen) -> None:
        self.sound.quiet()
        self._toasts.leave(self.clock)
        self._asked = False
        self.screen: Screen = screen

    def quit(self) -> None:
        """End the game after this frame."""
        self.running = False

    def tell(self, text: str, bad: bool = False) -> None:
        """Show a line for a few seconds."""
        self._toasts.tell(text, self.clock, bad)

    # Running.
    def _open(self, setup: Setup | None) -> None:
        options = self.options
        if not options.opened:
            open_window(options.size, options.fullscreen, options.headless)
        with suppress(ImportError, NotImplementedError, pygame.error):
            pygame.font.init()  # only for letters that the game's own font lacks
        now = self.settings.now
        text_size(now.large_text)
        self.controls = Controls(now.keys)
        for line in self.controls.trouble:
            self._warn(line)
        self.records = Records()
        self._news()
        self.sound = Sound(not options.headless, now.volume, now.mute, now.music)
        if self.sound.trouble:
            print(f"retroracer: {self.sound.trouble}; racing in silence")
        if not options.headless:
            self.controls.open_pads()
            self.controls.take_held()
        self._go(RaceScreen(self, setup) if setup else Menu(self))

    def _news(self) -> None:
        """Tell what went wrong with the player's files since the last look."""
        for line in (*self.settings.news(), *self.records.news()):
            self._warn(line)

    def _warn(self, text: str) -> None:
        """Tell in the game and on the terminal, since a headless game shows no messages."""
        self.tell(text, bad=True)
        with suppress(OSError):
            print(f"retroracer: {text}", flush=True)

    def run(self) -> None:
        """Until closed, or for the number of frames asked for."""
        options = self.options
        settle()
        clock = pygame.time.Clock()
        try:
            last = time.perf_counter()
            while self.running and (options.frames is None or self.frame < options.frames):
                now = time.perf_counter()
                elapsed = 1.0 / options.fps if options.headless else now - last
                last = now
                self.step(elapsed)
                if not options.headless:
                    clock.tick(options.fps)
            if options.screenshot is not None:
                self.save(options.screenshot)
        finally:
            self.close()

    def step(self, elapsed: float) -> None:
        """One frame: events, ``elapsed`` seconds of time, a picture."""
        self.clock += elapsed
        begun = time.perf_counter()
        self.events()
        self.screen.advance(elapsed)
        self._news()
        surface = pygame.display.get_surface()
        if (
            surface is not None
            and surface.get_width() >= SMALLEST[0]
            and surface.get_height() >= SMALLEST[1]
        ):
            clickable.clear()
            self.screen.draw(surface, elapsed)
            self._toasts.draw(surface, self.clock, self.screen.foot)
        pygame.display.flip()
        self.screen.spare(begun + SPARE)
        self.frame += 1

    def events(self) -> None:
        """Take what happened since the last frame."""
        if self.script is not None:
            for name in self.script.keys(self.clock):
                self._strike(name)
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self._close_window()
                continue
            if event.type == pygame.DROPFILE:
                self._dropped(Path(event.file))
                continue
            if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                struck = next((key for box, key in clickable if box.collidepoint(event.pos)), "")
                if struck:
                    self._strike(struck)
                    continue
            action = self.controls.take(event)
            if action == "mute":
                self.settings.change(mute=not self.settings.now.mute)
                now = self.settings.now
                self.sound.choose(now.volume, now.mute, now.music)
                self.tell("sound off" if self.sound.mute else "sound on")
            elif action == "picture":
                self._picture()
            else:
                self.screen.event(event, action)

    def _dropped(self, path: Path) -> None:
        """React to a file dropped on the window: a ghost joins the race."""
        try:
            ghost = read_ghost(path)
            if not isinstance(self.screen, RaceScreen):
                car = ghost.tape.cars[0]
                setup = put_together(ghost.track, rivals=0, laps=self.settings.now.laps)
                self.show(RaceScreen(self, replace(setup, cars=(car, *setup.cars[1:]))))
            assert isinstance(self.screen, RaceScreen)
            self.tell(self.screen.ghosts.join(ghost))
        except UserError as error:
            self.tell(str(error).splitlines()[0], bad=True)

    def _close_window(self) -> None:
        """React to the window's close button; a race under way asks for a second press."""
        screen = self.screen
        if isinstance(screen, RaceScreen) and screen.underway and not self._asked:
            self._asked = True
            screen.pause(True)
            self.tell("close the window once more to leave this race")
        else:
            self.quit()

    def _strike(self, name: str) -> None:
        try:
            code = pygame.key.key_code(name)
        except ValueError:
            raise UserError(f"the script strikes '{shown(name)}', which is no key") from None
        for kind in (pygame.KEYDOWN, pygame.KEYUP):
            pygame.event.post(pygame.event.Event(kind, key=code))

    def _picture(self) -> None:
        """Save a picture beside the player's records."""
        name = f"race-{time.strftime('%Y%m%d-%H%M%S')}.png"
        with saving(self, "pictures", name, "no picture saved") as path:
            self.save(path)

    def save(self, path: Path) -> None:
        """Save the last picture as a PNG.

        Raises:
            UserError: if the file cannot be written.
        """
        surface = pygame.display.get_surface()
        if surface is not None:
            save_surface(surface, path)

    def close(self) -> None:
        """Close the screen, the sound and the window."""
        self.closing.set()
        for screen in (self.screen, *self._waiting):
            screen.close()
        left = self.records.close()
        self.settings.close()
        for line in (left, *self.settings.news()):
            if line:
                self._warn(line)
        self.sound.close()
        pygame.display.quit()
