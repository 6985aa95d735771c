"""The folder of a run: what is needed to resume it, and its results.

::

    runs/mine/
      settings.yaml       the run's settings
      id                  its unique name, recorded in its models too
      state.npz           everything needed to resume; removed once the run has finished
      evaluations.json    the result of every evaluation
      checkpoints/*.zip   the driver at up to 24 moments: evaluations, ``checkpoint_every`` steps
      best.zip            the best of them
      curve.png film.png film.gif, TensorBoard's files

Owns file names and formats, and says whether a run can be resumed. Files are written atomically
and read without unpickling.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from retroracer import config
from retroracer.agents.facts import plain_json
from retroracer.agents.model_file import read_facts
from retroracer.archive import Archive
from retroracer.atomic import replacing, write_text
from retroracer.checks import records
from retroracer.errors import UserError
from retroracer.reading import read_bytes, shown, shown_path
from retroracer.training.learners.learner import State

MAX_CHECKPOINTS = 24
"""When there are this many, every second one is deleted."""

MAX_EVALUATIONS = 50_000_000
"""Largest accepted ``evaluations.json`` [bytes]."""

MAX_ARRAYS = 512
"""Most arrays accepted in the state of a run."""

LONGEST = 1e9
"""Longest accepted duration of a run [s]."""

RUN_NOTE = "run"
"""Key in a model's notes: the name of the run it belongs to."""

SMALL = 10_000
"""The state of a run that has not begun to learn is smaller than this [bytes]."""

BEGINNING: dict[str, Any] = {"beginning": True}
"""The facts of a run that has not begun to learn."""


class RunFolder:
    """A run on disk; its folder is created when first written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "best.zip"
        self.page = path / "settings.yaml"

    def unfinished_here(self) -> bool:
        """Whether a run stopped here before its end."""
        return (self.path / "state.npz").is_file()

    def begin(self, settings: Any) -> None:
        """Start a run here; from now on it can be resumed whenever it is stopped.

        A run that was here before is moved aside (``next_aside``) if it has learned anything.

        Raises:
            UserError: if the folder cannot be written.
        """
        try:
            if self.path.exists() and any(self.path.iterdir()) and not self.untouched():
                self.path.rename(self.next_aside())
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot keep the run in {self.path}: {error.strerror}") from None
        (self.path / "state.npz").unlink(missing_ok=True)
        config.save(settings, self.page)
        write_text(self.path / "id", secrets.token_hex(8) + "\n")
        self.save({}, BEGINNING)

    @property
    def name(self) -> str:
        """The run's unique name; empty if it has none."""
        try:
            return (self.path / "id").read_text(encoding="utf-8").strip()[:100]
        except (OSError, UnicodeDecodeError):
            return ""

    def untouched(self) -> bool:
        """True if the run that is here was stopped before it had learned anything."""
        learned = any(self.checkpoints.glob("*.zip")) or (self.path / "evaluations.json").exists()
        if learned or not self.page.is_file():
            return False
        state = self.path / "state.npz"
        try:
            small = not state.is_file() or state.stat().st_size < SMALL
            return small and (not state.is_file() or self.load() == ({}, BEGINNING))
        except (UserError, OSError):
            return False

    def is_of(self, model: Path) -> bool:
        """True if a model was written by the run that is here."""
        try:
            return bool(self.name) and read_facts(model).notes.get(RUN_NOTE) == self.name
        except UserError:
            return False

    def kept(self) -> str:
        """What is on disk of a run that has stopped, in words."""
        state = self.path / "state.npz"
        if not state.is_file():
            return "nothing to go on from was kept"
        if self.untouched():
            return "nothing was learned yet; the same command begins again"
        age = time.time() - state.stat().st_mtime
        when = "state saved" if age < 3.0 else f"the state saved {age:.0f} s ago is"
        return f"{when} in {self.path}; the same command goes on"

    def next_aside(self) -> Path:
        """The path to which the run that is here would be moved if a new one began."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        return aside

    def save(self, state: Mapping[str, np.ndarray[Any, Any]], facts: Mapping[str, Any]) -> None:
        """Save what is needed to resume: arrays of task and learner by name, and plain facts."""
        page = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
        with replacing(self.path / "state.npz") as part, open(part, "wb") as file:
            np.savez(file, **(arrays | {"run": page}))  # type: ignore[arg-type]

    def load(self) -> tuple[State, dict[str, Any]]:
        """Load the arrays and facts that ``save`` wrote last.

        Raises:
            UserError: if it is damaged.
        """
        path = self.path / "state.npz"
        try:
            with Archive(path, MAX_ARRAYS, stored=True) as page:
                state = {name.removesuffix(".npy"): page.array(name) for name in page.names}
            facts = plain_json(bytes(state.pop("run")), bits=160)
            if not isinstance(facts, dict):
                raise ValueError("it holds no record of the run")
            return state, facts
        except (ValueError, KeyError, UserError) as error:
            raise self.unfit(str(error)) from None

    def unfit(self, why: str) -> UserError:
        """The error for a state that cannot be resumed."""
        what = f"cannot go on with the run in {self.path}: {shown(why, 200)}"
        return UserError(f"{what}; --fresh begins a new one")

    def finish(self) -> None:
        """Remove the state of a run that has finished: nothing is left to resume."""
        (self.path / "state.npz").unlink(missing_ok=True)

    def note(self, evaluations: list[dict[str, Any]]) -> None:
        """Write the results of all evaluations so far."""
        text = json.dumps(evaluations, indent=1, allow_nan=False)
        write_text(self.path / "evaluations.json", text + "\n")

    def checkpoint(self, steps: int) -> Path:
        """The path for the driver after so many steps; deletes old checkpoints to make room."""
        kept = sorted(self.checkpoints.glob("*.zip"))
        if len(kept) >= MAX_CHECKPOINTS:
            for path in kept[1::2]:
                path.unlink(missing_ok=True)
        return self.checkpoints / f"{steps:012d}.zip"


def read_evaluations(folder: Path, needed: Collection[str]) -> list[dict[str, Any]]:
    """Read the results of a run's evaluations; every one must have the numbers ``needed``.

    Raises:
        UserError: if the file cannot be read, or belongs to another kind of run.
    """
    path = folder / "evaluations.json"
    try:
        rows = records({"rows": plain_json(read_bytes(path, MAX_EVALUATIONS))}, "rows")
    except (ValueError, RecursionError):
        raise UserError(f"{shown_path(path)} is damaged: it is not a list of evaluations") from None
    for row in rows:
        if any(type(row.get(name)) not in (int, float) for name in needed):
            raise UserError(
                f"{shown_path(path)} is of another kind of run, or damaged: an evaluation in it "
                f"does not tell {' and '.join(needed)}"
            )
    return rows
