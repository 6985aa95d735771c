"""A lap to a film without opening the game: yours from the records, or a driver's, driven now."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retroracer.errors import UserError
from retroracer.game.race.garage import Setup
from retroracer.game.race.session import Session
from retroracer.game.replay.export import KINDS, export
from retroracer.game.replay.records import Records, kind_of
from retroracer.game.replay.tape import AGREES, Tape, drive_again
from retroracer.game.replay.tape_checks import TapeError
from retroracer.physics.race import N_SUBSTEPS

PATIENCE = 60.0
"""Seconds a driver may take to get a hundred metres on before it is given up."""


def drivers_lap(setup: Setup) -> Tape:
    """The flying lap of the first driver, driven as fast as it can be worked out.

    Raises:
        UserError: if it does not come round.
    """
    session = Session(setup.track, setup.policies[:1], setup.cars[:1], human=False, laps=2)
    got_to, since = 0.0, 0.0
    while session.finish[0] is None:
        for _ in range(20 * N_SUBSTEPS):
            session.tick()
        progress = float(np.max(session.race.progress))
        if progress > got_to + 100.0:
            got_to, since = progress, session.time
        if session.time - since > PATIENCE:
            raise UserError(
                f"{setup.names[0]} does not get round {setup.track.title}: nothing to show"
            )
    return session.tapes[-1]


def your_lap(setup: Setup, records: Records) -> Tape:
    """Your best lap that is kept.

    Raises:
        UserError: if there is none, or it is damaged.
    """
    kind = kind_of(setup.track, setup.cars[0], setup.assists.named())
    best = records.best(kind)
    if not records.readable:
        raise UserError(f"{records.path}: {records.why}; put that right and try again")
    try:
        tape = records.tape(best[0]) if best else None
        if tape is not None:
            again = drive_again(tape, setup.track).lap_time
            if not abs(again - tape.lap_time) < AGREES:
                raise TapeError("it comes to another time now")
    except TapeError as error:
        raise UserError(
            f"{records.path}: your best lap cannot be driven again: {error}; "
            "drive another, or add --watch for the driver's"
        ) from None
    if tape is None:
        told = "; ".join([*records.news(), ""])
        raise UserError(
            f"{told}no lap of yours on {setup.track.title} in this car and with "
            f"{setup.assists.named()}; "
            "drive one, or add --watch for the driver's"
        )
    return tape


def film(setup: Setup, path: Path, seconds: float | None = None) -> str:
    """Write a lap to ``path``; returns what was written, in words.

    Args:
        setup: whose lap: yours, or the first driver's if you only watch.
        path: .gif, .webp, .png or .mp4.
        seconds: only so much of it, from its beginning; None = the whole lap.

    Raises:
        UserError: if there is no such lap, or it cannot be written.
    """
    if path.suffix.lower() not in KINDS:
        raise UserError(f"cannot export to {path.name}: end it with {', '.join(KINDS)}")
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: folder {path.parent} does not exist")
    if setup.human:
        records = Records()
        try:
            tape = your_lap(setup, records)
        finally:
            records.close()
    else:
        tape = drivers_lap(setup)
    last = float("inf") if seconds is None else seconds
    count = export(setup.track, tape, path, last=last)
    return f"{path}: {count} pictures of {tape.names[0]}'s lap of {tape.lap_time:.3f} s"
