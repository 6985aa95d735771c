"""Where a race leads when it is over: to its replay, or to a race against its best lap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retroracer.game.replay.tape_checks import TapeError
from retroracer.game.screens.replay import ReplayScreen

if TYPE_CHECKING:
    from retroracer.game.screens.race import RaceScreen


def race_ghost(race: RaceScreen) -> None:
    """Again, against the best lap of the race just driven."""
    lap = race.results.best_lap()
    if lap is None or lap.tape is None:
        race.app.tell("no valid lap to race")
        return
    try:
        raced = race.ghosts.take(lap.tape)
    except TapeError as error:
        race.app.tell(f"this lap cannot be driven again: {error}", bad=True)
        return
    race.restart()
    race.app.tell("racing your ghost" if raced else "this lap comes to another time now")


def watch_again(race: RaceScreen) -> None:
    """Go to the replay of the laps driven; the race waits."""
    tapes = list(race.session.tapes)
    if not tapes:
        race.app.tell("no lap to watch yet: finish one")
        return
    race.pause(True)
    try:
        replay = ReplayScreen(race.app, race.setup.track, tapes, race.scene)
    except TapeError as error:
        race.app.tell(f"this lap cannot be driven again: {error}", bad=True)
        return
    race.app.show(replay, over=True)
