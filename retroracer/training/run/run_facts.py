"""Where a run is and what it has found, as plain facts that are saved with its state.

Owns their names in the file and their checks; arrays are the task's and the learner's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retroracer.checks import count, number, records, switch
from retroracer.training.run.folder import LONGEST

MAX_RECOVERIES = 5
"""Times a run restores its last good weights after a divergence before it gives up."""


@dataclass
class RunFacts:
    """Where a run is and what it has found.

    Attributes:
        stage: index of the current stage; after the last one, their number.
        stage_began: share of the budget at which it began.
        rows: the results of all evaluations.
        best_score: score of the best driver; minus infinity before the first acceptable one.
        improved: True once a driver better than the parent was found.
        first_step: the task's steps at the beginning: the counter starts with the parent's.
        lr_scale: factor on learning rates, halved at every recovery.
        recoveries: recoveries from divergence.
        sessions: times it was resumed.
    """

    stage: int = 0
    stage_began: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best_score: float = -math.inf
    improved: bool = False
    first_step: int = 0
    lr_scale: float = 1.0
    recoveries: int = 0
    sessions: int = 0

    def plain(self) -> dict[str, Any]:
        """The facts as JSON holds them."""
        best = None if math.isinf(self.best_score) else self.best_score
        return vars(self) | {"best_score": best}

    @classmethod
    def read(cls, facts: Mapping[str, Any], stages: int) -> RunFacts:
        """Check what ``plain`` returned, for a run of so many stages that is resumed.

        Raises:
            ValueError: if something is not as it must be.
            KeyError: if something is missing.
        """
        rows = records(facts, "rows")
        for row in rows:
            count(row, "steps")
            number(row, "seconds", 0.0, LONGEST)
        known = facts["best_score"] is not None
        return cls(
            count(facts, "stage", stages),
            number(facts, "stage_began", 0.0, 1e9),
            rows,
            number(facts, "best_score") if known else -math.inf,
            switch(facts, "improved"),
            count(facts, "first_step"),
            number(facts, "lr_scale", 1e-9, 1.0),
            count(facts, "recoveries", MAX_RECOVERIES),
            count(facts, "sessions", 10**6) + 1,
        )
