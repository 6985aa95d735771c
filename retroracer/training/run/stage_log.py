"""What each stage of a run has done, as recorded in the zip: algorithm, updates, learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from retroracer.checks import count, number, records
from retroracer.training.learners.learner import Learner
from retroracer.training.learners.task import Task


class StageLog:
    """One record per stage.

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
        self.records[-1] = self._moved(task)

    def for_zip(self, task: Task, under_way: bool) -> list[dict[str, Any]]:
        """The records as written to the zip: the current stage with what it has made so far."""
        if not (under_way and self.records):
            return list(self.records)
        return [*self.records[:-1], self._moved(task)]

    def _moved(self, task: Task) -> dict[str, Any]:
        last = self.records[-1]
        steps, updates = task.steps - last["steps"], task.updates - last["updates"]
        return last | {"steps": steps, "updates": updates}

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


_NAMES = ("learner", "algorithm")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 80 and value.isprintable()
