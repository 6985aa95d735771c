"""What a screen is, and what it may ask of the app. Owns no screen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pygame

from retroracer.errors import UserError
from retroracer.game.controls import Controls
from retroracer.game.home import data_dir
from retroracer.game.race.drivers import Script
from retroracer.game.replay.new_file import claimed
from retroracer.game.replay.records import Records
from retroracer.game.replay.tape_checks import TapeError
from retroracer.game.settings import SettingsFile
from retroracer.game.sound import Sound


class Screen:
    """A page of the game: takes events, lets time pass, draws itself."""

    def __init__(self, app: AppServices) -> None:
        self.app = app

    @property
    def foot(self) -> float:
        """Height at the bottom that messages leave free: of key hints [UI pixels]."""
        return 18.0

    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to an event; ``action`` is what the controls made of it, or ""."""

    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the present."""

    def spare(self, until: float) -> None:
        """Use what is left of a frame, until a time of ``perf_counter`` [s]."""

    def close(self) -> None:
        """Let go of what runs beside the game."""


class AppServices(Protocol):
    """What screens may use of the app."""

    controls: Controls
    settings: SettingsFile
    sound: Sound
    records: Records
    script: Script | None
    clock: float
    headless: bool
    lights: bool  # races begin with lights
    menu_row: str  # the menu's row that was chosen last
    newcomer: bool  # the next race is the first of a fresh data folder
    closing: threading.Event  # set once the game ends: work beside it stops

    def show(self, screen: Screen, over: bool = False) -> None:
        """Go to a screen, the one way there is; ``over`` lets this one wait to be gone back to."""

    def back(self) -> None:
        """Leave this screen: for the one that waits, else for the menu."""

    def quit(self) -> None:
        """End the game."""

    def tell(self, text: str, bad: bool = False) -> None:
        """Show a line for a few seconds."""


@contextmanager
def saving(
    app: AppServices, folder: str, name: str, otherwise: str, told: Callable[[Path], str] = str
) -> Iterator[Path]:
    """A new file in a folder of the player's data, for the body to write; then it is told.

    Args:
        app: that tells it.
        folder: in the player's data.
        name: wished for the file.
        otherwise: told with what went wrong.
        told: the file in words.
    """
    try:
        place = data_dir() / folder
        place.mkdir(parents=True, exist_ok=True)
        with claimed(place / name) as path:
            yield path
        app.tell(f"saved {told(path)}")
    except (UserError, OSError, ValueError, MemoryError, pygame.error) as error:
        app.tell(f"{otherwise}: {error}", bad=True)


@contextmanager
def driven_again(app: AppServices) -> Iterator[None]:
    """Tell that a lap cannot be driven again, and why, where that turns out in the body."""
    try:
        yield
    except TapeError as error:
        app.tell(f"this lap cannot be driven again: {error}", bad=True)
