"""Checks before a run begins that its files can be written."""

from __future__ import annotations

from pathlib import Path

from retroracer.atomic import demand_writable, make_folder
from retroracer.errors import UserError


def try_places(out: Path, runs: Path) -> None:
    """Make sure that a model and a run can be written; missing folders are created.

    Args:
        out: the model's file.
        runs: folder of all runs.

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
