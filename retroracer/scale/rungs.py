"""ASHA (asynchronous successive halving), and the record of a search on disk.

Owns the stopping rule and the rungs. Ray Tune's own scheduler loses its rungs when a search is
restored; these are saved at every decision.

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
"""Largest accepted record of a search [bytes]."""


@dataclass
class Trial:
    """One trial, and its drawn settings by ``--set`` name.

    ``iteration`` is the last one reported, ``best`` the best value of the metric so far (None
    before the first), ``why`` the reason why it was stopped or failed.
    """

    number: int
    sets: dict[str, str]
    state: str = RUNNING
    iteration: float = 0.0
    best: float | None = None
    why: str = ""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"trial-{self.number:03d}"


@dataclass
class Rungs:
    """The rungs of successive halving and the values recorded at them.

    ``grace`` is the iteration of the first rung, before which no trial is stopped; the best 1 /
    ``reduction`` continue from a rung; a whole trial has ``most`` iterations. ``seen`` has for each
    rung the value of every trial that has reached it.
    """

    grace: float
    reduction: float
    most: float
    seen: dict[int, dict[int, float]] = field(default_factory=dict)

    def milestones(self) -> list[int]:
        """Iterations of the rungs, the last first."""
        found, at = [], self.grace
        while at < self.most:
            found.append(round(at))
            at *= self.reduction
        return found[::-1]

    def goes_on(self, number: int, iteration: float, value: float) -> bool:
        """Record a trial's value; False if the trial is to be stopped.

        At a rung it is stopped unless it is among the best 1 / reduction of the trials that have
        reached the rung before it, as in Ray Tune.
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

    ``facts`` are the settings that must be the same to resume it; without ``rungs`` no trial is
    stopped early.
    """

    def __init__(
        self, folder: Path, facts: Mapping[str, Any], trials: list[Trial], rungs: Rungs | None
    ) -> None:
        self.folder, self.facts, self.trials, self.rungs = folder, dict(facts), trials, rungs
        self.path = folder / "search.json"

    def save(self) -> None:
        """Write ``search.json`` atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        seen = {} if self.rungs is None else self.rungs.seen
        plain = {
            "facts": self.facts,
            "trials": [vars(t) for t in self.trials],
            "rungs": {str(k): {str(n): v for n, v in s.items()} for k, s in seen.items()},
        }
        write_text(self.path, json.dumps(plain, indent=1) + "\n")

    def load(self) -> bool:
        """Load ``search.json``; False if there is none.

        Raises:
            UserError: if it belongs to another search, or is damaged.
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
                    f"{self.path} belongs to another search ({name}: {facts.get(name)!r}, not "
                    f"{value!r}); choose another --results-dir"
                )
        self.trials = trials
        if self.rungs is not None:
            self.rungs.seen = seen
        return True

    def best(self) -> Trial | None:
        """The trial with the best value; None before the first value."""
        known = [t for t in self.trials if t.best is not None]
        return max(known, key=lambda t: t.best or 0.0, default=None)
