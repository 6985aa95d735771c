"""What surrounds a training program's work: locks, stops, clearing leftovers, the last message.

Owns their order, the check that files can be written, and the message for a stop that comes when
the run itself cannot print one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from retroracer.atomic import demand_writable, make_folder
from retroracer.errors import UserError
from retroracer.training.run.folder import RunFolder
from retroracer.training.run.keeping import refuse_shipped
from retroracer.training.run.leftovers import own_temporary_files, sweep_parts
from retroracer.training.run.lock import locked
from retroracer.training.run.stopping import INTERRUPTED, TimeUp, stoppable


def try_places(out: Path, runs: Path) -> None:
    """Make sure that a model and a folder of runs can be written; missing folders are created.

    Raises:
        UserError: if they cannot, naming the option to change.
    """
    if out.suffix != ".zip":
        raise UserError(f"--out {out}: a model is a .zip")
    for option, folder in (("--out", out.parent), ("--runs", runs)):
        try:
            make_folder(folder)
            if option == "--out":
                demand_writable(out)
        except UserError as error:
            raise UserError(f"{error}; choose another {option}") from error


def session(folder: RunFolder, out: Path, work: Callable[[], int]) -> int:
    """Do a training program's work while no other process uses its folder or ``out``.

    Returns:
        The exit code: that of ``work``; after a stop 0 if there is a state to resume from, else
        130.

    Raises:
        UserError: if the paths cannot be written, or another process has locked them.
    """

    def last_message() -> tuple[str, int]:
        if folder.unfinished_here():
            return f"stopped: {folder.kept()}", 0
        if folder.is_of(out):
            return f"stopped; the run in {folder.path} is done, its model is {out}", 0
        return "stopped before the run began", INTERRUPTED

    with stoppable(last_message) as stop:
        try:
            refuse_shipped(out)
            try_places(out, folder.path.parent)
            with locked(folder.path, "--out or --runs"), locked(out), own_temporary_files():
                sweep_parts(folder.path, out)
                code = work()
        except BaseException as error:
            if not stop.caused(error) and not isinstance(error, TimeUp):
                raise
            stop.settle()
            text, code = last_message()
            say(text)
        stop.leave(code)
    return code


def say(text: str) -> None:
    """Print a line at once; after a stop there may be nobody left to read it."""
    with suppress(OSError):
        print(text, flush=True)
