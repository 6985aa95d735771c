"""What each stage of a run has done, as the zip tells it: algorithm, updates, learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retroracer.checks import records
from retroracer.training.learners.learner import Learner
from retroracer.training.learners.task import Task


class StageLog:
    """One record a stage.

    Attributes:
        records: learner, algorithm, learning_rate, and while the stage lasts the counters at its
            beginning; afterwards what they have moved by.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def begin(self, name: str, learner: Learner, task: Task) -> None:
        """A stage begins."""
        counters = {"steps": task.steps, "updates": task.updates}
        record = {"learner": name, "algorithm": learner.algorithm, "learning_rate": 0.0}
        self.records.append(record | counters)

    def note(self, losses: Mapping[str, float]) -> None:
        """Keep the rate of the last round, if it moved anything."""
        if losses.get("learning_rate"):
            self.records[-1]["learning_rate"] = losses["learning_rate"]

    def end(self, task: Task) -> None:
        """The stage under way ends."""
        self.records[-1] = self._moved(task)

    def told(self, task: Task, under_way: bool) -> list[dict[str, Any]]:
        """The records as the zip tells them."""
        if not (under_way and self.records):
            return list(self.records)
        return [*self.records[:-1], self._moved(task)]

    def _moved(self, task: Task) -> dict[str, Any]:
        last = self.records[-1]
        steps, updates = task.steps - last["steps"], task.updates - last["updates"]
        return last | {"steps": steps, "updates": updates}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Take over what a run's facts say.

        Raises:
            ValueError: if they say nothing that makes sense.
        """
        self.records = records(facts, "done")
