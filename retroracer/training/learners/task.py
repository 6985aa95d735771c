"""The protocol of a task: environments, the model, its evaluation and its zip.

``racing``, ``streamed_task`` and ``pixels.task`` implement it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.learners.learner import State


class Task(ABC):
    """Environments and the model that is trained in them.

    Attributes:
        unit: what ``steps`` counts: "steps" or "actions".
    """

    unit = "steps"

    @property
    @abstractmethod
    def steps(self) -> int:
        """Actions of all environments together, a parent's included."""

    @property
    @abstractmethod
    def updates(self) -> int:
        """Gradient updates so far, a parent's included."""

    @abstractmethod
    def begin(self, session: int) -> None:
        """Begin to drive; ``session`` is the number of times the run has been resumed."""

    @abstractmethod
    def episode_stats(self) -> dict[str, float]:
        """Means over the last training episodes, by name; empty before the first has ended."""

    @abstractmethod
    def evaluate(self, parent: bool = False) -> Evaluation:
        """Evaluate the current driver: the one that ``write`` would write.

        Args:
            parent: True if this is the driver the run starts from; later ones must be no worse.
        """

    @abstractmethod
    def kind(self) -> dict[str, Any]:
        """Facts by name; a model with the same ones is of the same kind as this run's."""

    @abstractmethod
    def score_of(self, path: Path) -> float:
        """The score of another run's model of the same kind, by the same evaluation."""

    @abstractmethod
    def write(self, path: Path, evaluation: Evaluation | None, notes: Mapping[str, Any]) -> None:
        """Write the current driver as a model zip, with its evaluation and notes of the run."""

    @abstractmethod
    def weights(self) -> dict[str, Any]:
        """Copies of what updates change: weights, optimiser moments, averages."""

    @abstractmethod
    def rewind(self, weights: Mapping[str, Any]) -> None:
        """Restore what ``weights`` returned; environments stay as they are."""

    @abstractmethod
    def state(self) -> State:
        """Everything the rest of training depends on, as arrays by name."""

    @abstractmethod
    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned in a task of the same settings.

        Raises:
            ValueError: if the state does not fit this task.
            KeyError: if something is missing.
        """

    def facts(self) -> dict[str, Any]:
        """What later evaluations depend on, as plain data."""
        return {}

    def restore_facts(self, facts: Mapping[str, Any]) -> None:  # noqa: B027
        """Continue from what ``facts`` returned."""

    def close(self) -> None:  # noqa: B027
        """End the processes it started, if any."""
