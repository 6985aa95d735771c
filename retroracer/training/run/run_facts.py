"""Where a run is, what it has found, and what each stage has done: plain facts.

Owns their names in the file of the state and in the zip, and their checks; arrays are the task's
and the learner's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retroracer.checks import count, number, records, switch
from retroracer.training.learners.learner import Learner
from retroracer.training.learners.task import Task
from retroracer.training.run.folder import LONGEST

MAX_RECOVERIES = 5
"""Times a run restores its last good weights after a divergence before it gives up."""

_NAMES = ("learner", "algorithm")


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


class StageLog:
    """What each stage of a run has done, as recorded in the zip.

    Attributes:
        records: learner, algorithm, learning_rate, steps and updates of each stage. While a stage
            lasts, steps and updates are the counters at its beginning; afterwards the steps and
            updates it made.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def begin(self, name: str, learner: Learner, task: Task) -> None:
        """Record the beginning of a stage."""
        counters = {"steps": task.steps, "updates": task.updates}
        record = {"learner": name, "algorithm": learner.algorithm, "learning_rate": 0.0}
        self.records.append(record | counters)

    def note(self, losses: Mapping[str, float]) -> None:
        """Record the learning rate of the last round, if it changed any weights."""
        if losses.get("learning_rate"):
            self.records[-1]["learning_rate"] = losses["learning_rate"]

    def end(self, task: Task) -> None:
        """Record the end of the current stage."""
        self.records = self.for_zip(task, True)

    def for_zip(self, task: Task, under_way: bool) -> list[dict[str, Any]]:
        """The records as written to the zip: the current stage with what it has made so far."""
        if not (under_way and self.records):
            return list(self.records)
        last = self.records[-1]
        steps, updates = task.steps - last["steps"], task.updates - last["updates"]
        return [*self.records[:-1], last | {"steps": steps, "updates": updates}]

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Take over the records of a saved run.

        Raises:
            ValueError: if they are not valid records.
        """
        known = records(facts, "done")
        for record in known:
            if record.keys() != {*_NAMES, "learning_rate", "steps", "updates"} or not all(
                _is_name(record[k]) for k in _NAMES
            ):
                raise ValueError("done is not a list of stages")
            number(record, "learning_rate", 0.0, 1e6)
            count(record, "steps")
            count(record, "updates")
        self.records = known

    def check(self, task: Task, under_way: bool) -> None:
        """Check that a restored task's counters are not behind those of its stage's beginning.

        Raises:
            ValueError: if they are.
        """
        if under_way:
            last = self.records[-1] if self.records else {"steps": math.inf, "updates": 0}
            if last["steps"] > task.steps or last["updates"] > task.updates:
                raise ValueError("its stage begins after it has ended")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 80 and value.isprintable()
