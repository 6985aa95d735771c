"""ASHA: which trials of a search are stopped early, and its memory on disk.

Owns the rule and the rungs. Ray Tune's scheduler loses its rungs when a search is gone on with;
these are saved at every decision.

Source: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.agents.facts import plain_json
from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.reading import read_bytes

RUNNING, STOPPED, FINISHED, FAILED = "running", "stopped", "finished", "failed"
"""States of a trial."""

MOST = 50_000_000
"""Bytes of a search's record."""


@dataclass
class Trial:
    """One trial.

    Attributes:
        number: from 0.
        sets: its settings, by ``--set`` name.
        state: one of the four.
        iteration: the last one told.
        best: the best value of the metric so far; None before the first.
        why: what ended it, in words.
    """

    number: int
    sets: dict[str, str]
    state: str = RUNNING
    iteration: float = 0.0
    best: float | None = None
    why: str = ""

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"trial-{self.number:03d}"


@dataclass
class Rungs:
    """What successive halving has seen.

    Attributes:
        grace: iterations that every trial may have.
        reduction: one of so many goes on from a rung.
        most: iterations of a trial.
        seen: by rung, the value each trial had there.
    """

    grace: float
    reduction: float
    most: float
    seen: dict[int, dict[int, float]] = field(default_factory=dict)

    def milestones(self) -> list[int]:
        """The iterations at which trials are compared, the last first."""
        found, at = [], self.grace
        while at < self.most:
            found.append(round(at))
            at *= self.reduction
        return found[::-1]

    def goes_on(self, number: int, iteration: float, value: float) -> bool:
        """Tell what a trial has come to; whether it may go on.

        It is stopped at a rung if it is not among the best 1 / reduction of those that have
        been there, itself not counted, as in Ray Tune.
        """
        for rung in self.milestones():
            seen = self.seen.setdefault(rung, {})
            if iteration < rung or number in seen:
                continue
            others = [v for v in seen.values() if np.isfinite(v)]
            seen[number] = value
            if not others:
                return True
            cutoff = float(np.percentile(others, (1.0 - 1.0 / self.reduction) * 100.0))
            return value >= cutoff
        return True


class Record:
    """A search on disk: ``search.json`` in its folder.

    Args:
        folder: of the search.
        facts: what must be the same to go on with it.
        trials: of it.
        rungs: of it; None where no trial is stopped early.
    """

    def __init__(
        self, folder: Path, facts: Mapping[str, Any], trials: list[Trial], rungs: Rungs | None
    ) -> None:
        self.folder, self.facts, self.trials, self.rungs = folder, dict(facts), trials, rungs
        self.path = folder / "search.json"

    def save(self) -> None:
        """Write it, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        seen = {} if self.rungs is None else self.rungs.seen
        plain = {
            "facts": self.facts,
            "trials": [vars(t) for t in self.trials],
            "rungs": {str(k): {str(n): v for n, v in s.items()} for k, s in seen.items()},
        }
        write_text(self.path, json.dumps(plain, indent=1) + "\n")

    def load(self) -> bool:
        """Take over what is on disk; False if nothing is.

        Raises:
            UserError: if that is another search, or damaged.
        """
        if not self.path.is_file():
            return False
        try:
            plain = plain_json(read_bytes(self.path, MOST))
            facts = plain["facts"]
            trials = [Trial(**t) for t in plain["trials"]]
            seen = {
                int(k): {int(n): float(v) for n, v in s.items()} for k, s in plain["rungs"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{self.path} is damaged; choose another --results-dir or remove it"
            ) from None
        for name, value in self.facts.items():
            if facts.get(name) != value:
                raise UserError(
                    f"{self.path} is of another search ({name}: {facts.get(name)!r}, not "
                    f"{value!r}); choose another --results-dir"
                )
        self.trials = trials
        if self.rungs is not None:
            self.rungs.seen = seen
        return True

    def best(self) -> Trial | None:
        """The trial with the best value."""
        known = [t for t in self.trials if t.best is not None]
        return max(known, key=lambda t: t.best or 0.0, default=None)
