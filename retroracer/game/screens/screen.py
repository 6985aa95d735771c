"""What a screen is, and what it may ask of the app. Owns no screen."""

from __future__ import annotations

import threading
from typing import Protocol

import pygame

from retroracer.game.controls import Controls
from retroracer.game.race.drivers import Script
from retroracer.game.replay.records import Records
from retroracer.game.settings import SettingsFile
from retroracer.game.sound import Sound


class Screen(Protocol):
    """A page of the game: takes events, lets time pass, draws itself."""

    @property
    def foot(self) -> float:
        """Height at the bottom that messages leave free: of key hints [UI pixels]."""

    def event(self, event: pygame.event.Event, action: str) -> None:
        """React to an event; ``action`` is what the controls made of it, or ""."""

    def advance(self, elapsed: float) -> None:
        """Let real time [s] pass."""

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the present."""

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
