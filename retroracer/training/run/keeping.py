"""The model at ``--out``: when a run may write it.

Two rules: no shipped model is overwritten, and no model is replaced by a worse one. A run's own
best driver is always in its folder (``best.zip``); it is also copied to ``--out`` unless a model of
another run lies there that is as good.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retroracer.agents.model_file import read_facts
from retroracer.atomic import replacing
from retroracer.errors import UserError
from retroracer.resources import models_dir
from retroracer.training.run.folder import RUN_NOTE

SHIPPED = frozenset(
    ("base", "rookie", "club", "pro", "monza", "monaco", "suzuka", "spa", "mistral", "clockwork")
    + ("racer", "carracing", "pixels-ppo", "pixels-dqn", "pixels-sac-drq")
)
"""Names of the models RetroRacer comes with."""


def refuse_shipped(out: Path) -> None:
    """Make sure that ``out`` is not one of the models RetroRacer comes with.

    Raises:
        UserError: if it is one of them.
    """
    path = out.resolve()
    if path.parent != models_dir().resolve() or not path.exists():
        return
    # In a checkout users keep their own models in the same folder; in an installed package all
    # models in it are shipped ones.
    if path.parent.name == "_models" or path.stem in SHIPPED:
        raise UserError(
            f"--out {out}: this model comes with RetroRacer and is never written over; "
            f"choose another --out, e.g. models/{path.stem}-mine.zip"
        )


class Keeper:
    """The best driver of a run, on disk.

    Attributes:
        out: the model's file.
        best: the file of the run's own best.
        run: the run's name, as recorded in its models' notes.
        to_beat: score of another run's model at ``out``; None if there is none; infinite if that
            model could not be evaluated, so that it stays.
    """

    def __init__(self, out: Path, best: Path, run: str) -> None:
        self.out, self.best, self.run = out, best, run
        self.to_beat: float | None = None

    def other_run_model(self, **wanted: Any) -> Path | None:
        """The model of another run that lies at ``out``, if one does.

        Args:
            wanted: facts a model of the same kind has, by name.

        Raises:
            UserError: if the file there is not a model, or a model of another kind.
        """
        if not self.out.exists():
            return None
        try:
            facts = read_facts(self.out)
        except UserError as error:
            raise UserError(f"--out: {error}; or choose another --out") from None
        if self.run and facts.notes.get(RUN_NOTE) == self.run:
            return None
        for name, value in wanted.items():
            found = getattr(facts, name)
            if found != value:
                raise UserError(
                    f"--out {self.out} holds a driver of another kind ({name.replace('_', ' ')}: "
                    f"{_text(found)}, not {_text(value)}); choose another --out"
                )
        return self.out

    def find_other(self, score_of: Callable[[Path], float], **wanted: Any) -> None:
        """Evaluate another run's model at ``out``; one that cannot be evaluated in time stays.

        Args and errors are those of ``other_run_model``; ``score_of`` evaluates a model.
        """
        path = self.other_run_model(**wanted)
        if path is not None:
            self.to_beat = math.inf
            self.to_beat = score_of(path)

    def reasons(self) -> list[str]:
        """Why the model of another run stays at ``out``, if it does: a sentence, or none."""
        if self.to_beat is None:
            return []
        judged = math.isfinite(self.to_beat)
        why = "is not worse" if judged else "could not be evaluated in time"
        return [f"the driver in {self.out} {why} and stays"]

    def keep(self, write: Callable[[Path], object], score: float) -> bool:
        """Write the best driver so far, by ``write``; returns True if it is now at ``out``."""
        write(self.best)
        if self.to_beat is not None and self.out.exists() and score <= self.to_beat:
            return False
        self._put()
        self.to_beat = None
        return True

    def keep_any(self, write: Callable[[Path], object]) -> None:
        """Make sure that there is a model at ``out``: the run's best, or what ``write`` writes."""
        if self.out.exists():
            return
        self.to_beat = None  # another run's model, if there was one, has been removed meanwhile
        if self.best.exists():
            self._put()
        else:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            write(self.out)

    def _put(self) -> None:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.out) as part:
            shutil.copyfile(self.best, part)


def _text(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, tuple) else str(value)
