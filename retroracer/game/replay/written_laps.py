"""A lap written down from the command line: its telemetry, or as a ghost."""

from __future__ import annotations

from pathlib import Path

from retroracer.game.race.garage import Setup
from retroracer.game.replay.film import drivers_lap, lap_of, megabytes
from retroracer.game.replay.ghost_file import write_ghost
from retroracer.game.replay.telemetry import telemetry_of, write_telemetry
from retroracer.laptime.limit import limit_of
from retroracer.render.text import lap_text


def export_telemetry(setup: Setup, path: Path) -> str:
    """Write your best lap against the first rival's and the limit; watching, the driver's alone.

    Raises:
        UserError: if there is no such lap, or it cannot be written.
    """
    track = setup.track
    laps = [telemetry_of(lap_of(setup), track)]
    if setup.human and setup.policies and path.suffix.lower() == ".html":
        alone = Setup(track, setup.path, setup.policies[:1], setup.cars[1:2], human=False)
        laps.append(telemetry_of(drivers_lap(alone), track, name=setup.names[0]))
    return write_telemetry(path, track, laps, limit_of(track, setup.cars[0]))


def export_ghost(setup: Setup, path: Path) -> str:
    """Write your best lap, or watching the driver's, as a ghost.

    Raises:
        UserError: if there is no such lap, or it cannot be written.
    """
    tape = lap_of(setup)
    helped = setup.assists.named() if setup.human else "no assists"
    write_ghost(path, setup.track, tape, helped)
    told = f"{tape.names[0]}'s lap of {lap_text(tape.lap_time)} on {setup.track.title}"
    return f"{path}: {told}, {megabytes(path)}"
