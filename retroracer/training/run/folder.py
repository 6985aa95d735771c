"""The folder of a run: what is needed to go on with it, and what is worth looking at.

::

    runs/mine/
      settings.yaml       what the run is
      id                  its name, which its models' notes tell too
      state.npz           everything it needs to go on; gone once it has finished
      evaluations.json    how good it was, and when
      checkpoints/*.zip   the driver at each of up to 24 evaluations
      best.zip            the best of them
      curve.png film.png film.gif, TensorBoard's files

Owns names, formats and the question whether a run goes on. Everything is written whole or not
at all, and read without unpickling.
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

MAX_CHECKPOINTS = 24
"""More than this, and every second one is let go."""

MAX_EVALUATIONS = 50_000_000
"""Bytes of a run's evaluations."""

MAX_ARRAYS = 512
"""In the state of a run."""

LONGEST = 1e9
"""Seconds that a run may have taken."""

RUN_NOTE = "run"
"""Under this name a model's notes tell the run it is of."""

SMALL = 10_000
"""Bytes that the state of a run at its beginning is smaller than."""

BEGINNING: dict[str, Any] = {"beginning": True}
"""The facts of a run that has yet to learn something."""

State = dict[str, np.ndarray[Any, Any]]


class RunFolder:
    """A run on disk.

    Args:
        path: of the folder; made when first written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "best.zip"
        self.page = path / "settings.yaml"

    def unfinished_here(self) -> bool:
        """Whether a run stopped here before its end."""
        return (self.path / "state.npz").is_file()

    def begin(self, settings: Any) -> None:
        """Start a run here, so that it goes on from its beginning wherever it is stopped.

        A run that was here is moved aside (``next_aside``) if it has learned anything.

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
        """The run's name, unlike any other's; empty where none was given."""
        try:
            return (self.path / "id").read_text(encoding="utf-8").strip()[:100]
        except (OSError, UnicodeDecodeError):
            return ""

    def untouched(self) -> bool:
        """Whether the run that is here was stopped before it had learned anything."""
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
        """Whether a model is one of the run that is here."""
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
        """Where the run that is here now would be kept if a new one began."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        return aside

    def save(self, state: Mapping[str, np.ndarray[Any, Any]], facts: Mapping[str, Any]) -> None:
        """Keep what the run needs to go on.

        Args:
            state: of task and learner.
            facts: of the run, plain data.
        """
        page = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
        with replacing(self.path / "state.npz") as part, open(part, "wb") as file:
            np.savez(file, **(arrays | {"run": page}))  # type: ignore[arg-type]

    def load(self) -> tuple[State, dict[str, Any]]:
        """What ``save`` kept last.

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
        """The error of a state one cannot go on from."""
        reason = shown(why, 200)
        return UserError(
            f"cannot go on with the run in {self.path}: {reason}; --fresh begins a new one"
        )

    def finish(self) -> None:
        """The run has come to its end: nothing is needed any more to go on."""
        (self.path / "state.npz").unlink(missing_ok=True)

    def note(self, evaluations: list[dict[str, Any]]) -> None:
        """Write how good the driver was at every evaluation."""
        text = json.dumps(evaluations, indent=1, allow_nan=False)
        write_text(self.path / "evaluations.json", text + "\n")

    def checkpoint(self, steps: int) -> Path:
        """Where the driver after so many steps belongs; makes room for it."""
        kept = sorted(self.checkpoints.glob("*.zip"))
        if len(kept) >= MAX_CHECKPOINTS:
            for path in kept[1::2]:
                path.unlink(missing_ok=True)
        return self.checkpoints / f"{steps:012d}.zip"


def read_evaluations(folder: Path, needed: Collection[str]) -> list[dict[str, Any]]:
    """What a run wrote down at each of its evaluations.

    Args:
        folder: of the run.
        needed: what each must tell, as a number.

    Raises:
        UserError: if it cannot be read, or is none of that kind of run.
    """
    path = folder / "evaluations.json"
    raw = read_bytes(path, MAX_EVALUATIONS)
    try:
        rows = records({"rows": plain_json(raw)}, "rows")
    except (ValueError, RecursionError):
        raise UserError(f"{shown_path(path)} is damaged: it is no list of evaluations") from None
    for row in rows:
        if any(type(row.get(name)) not in (int, float) for name in needed):
            raise UserError(
                f"{shown_path(path)} is of another kind of run, or damaged: an evaluation in it "
                f"does not tell {' and '.join(needed)}"
            )
    return rows
