"""The pause menu, opened by Escape, P and the pad's Start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from retroracer.game.screens.choices import Choice, Question


class Pausable(Protocol):
    """What the pause menu calls of a race."""

    def pause(self, on: bool) -> None:
        """Pause the race, or continue it."""

    def restart(self) -> None:
        """Start the race again from the grid."""

    def watch_again(self) -> None:
        """Go to the replay."""

    def options(self) -> None:
        """Go to the options."""

    def press(self, what: str) -> None:
        """Do what the key of that name does."""


def pause_menu(race: Pausable, human: bool) -> Question:
    """The menu; Escape goes on with the race, so that a reflex never ends it.

    Args:
        race: which waits.
        human: True if there is a car of yours.
    """

    def pressing(what: str) -> Callable[[], None]:
        def press() -> None:
            race.pause(False)
            race.press(what)

        return press

    def resume() -> None:
        race.pause(False)

    rows = [Choice("RESUME", resume), Choice("RESTART", race.restart)]
    rows += [Choice("BACK ON THE ROAD", pressing("reset"))] if human else []
    rows += [
        Choice("WATCH THE LAST LAPS", race.watch_again),
        Choice("OPTIONS", race.options),
        Choice("QUIT TO MENU", pressing("menu")),
    ]
    return Question("PAUSED", rows, resume)
