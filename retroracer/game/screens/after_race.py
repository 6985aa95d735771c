"""Where a race leads when it is over: to its replay, or to a race against its best lap."""

from __future__ import annotations

from retroracer.game.race.session import LapDone
from retroracer.game.replay.ghosts import Ghosts
from retroracer.game.replay.tape import Tape
from retroracer.game.replay.tape_checks import TapeError
from retroracer.game.screens.replay import ReplayScreen
from retroracer.game.screens.screen import AppServices
from retroracer.render.scene import TrackScene
from retroracer.track.track import Track


def race_ghost(app: AppServices, ghosts: Ghosts, lap: LapDone | None) -> bool | None:
    """Let a lap race along from now on.

    Returns:
        None if there is nothing to race against, which is told; False if it comes to another time.
    """
    if lap is None or lap.tape is None:
        app.tell("no valid lap to race")
        return None
    if lap.tape.solid:
        app.tell("a ghost is raced in a time trial: GHOSTS at the menu's MODE")
        return None
    try:
        return ghosts.take(lap.tape)
    except TapeError as error:
        app.tell(f"this lap cannot be driven again: {error}", bad=True)
        return None


def watch_again(app: AppServices, track: Track, tapes: list[Tape], scene: TrackScene) -> None:
    """Go to the replay of the laps driven; the race waits below it."""
    if not tapes:
        app.tell("no lap to watch yet: finish one")
        return
    try:
        replay = ReplayScreen(app, track, tapes, scene)
    except TapeError as error:
        app.tell(f"this lap cannot be driven again: {error}", bad=True)
        return
    app.show(replay, over=True)
