"""What a run trains on: environments, the model, its evaluation and its zip.

Owns the protocol. ``racing`` and ``pixels.task`` are the two tasks.
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

    unit: str

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
        """Begin to drive.

        Args:
            session: how many times the run has been gone on with.
        """

    @abstractmethod
    def episode_stats(self) -> dict[str, float]:
        """Means over the last training episodes, by name; empty before the first has ended."""

    @abstractmethod
    def evaluate(self, parent: bool = False) -> Evaluation:
        """Drive the evaluation's tracks with the driver that would be kept.

        Args:
            parent: True if this is the driver the run begins with: later ones must be no worse.
        """

    @abstractmethod
    def kind(self) -> dict[str, Any]:
        """Facts, by name, that a model must share to be of the same kind as this run's."""

    @abstractmethod
    def score_of(self, path: Path) -> float:
        """The score of another run's model of the same kind, by the same evaluation."""

    @abstractmethod
    def write(self, path: Path, evaluation: Evaluation | None, notes: Mapping[str, Any]) -> None:
        """Write the driver that would be kept as a model zip, whole or not at all.

        Args:
            path: of the zip.
            evaluation: of it, if there is one.
            notes: plain facts of the run.
        """

    @abstractmethod
    def weights(self) -> dict[str, Any]:
        """What learning changes: weights, optimiser moments, averages; copies."""

    @abstractmethod
    def rewind(self, weights: Mapping[str, Any]) -> None:
        """Take over what ``weights`` returned; environments stay as they are."""

    @abstractmethod
    def state(self) -> State:
        """All that its future depends on."""

    @abstractmethod
    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned in a task of the same settings.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What judging needs to go on, as plain data."""

    @abstractmethod
    def restore_facts(self, facts: Mapping[str, Any]) -> None:
        """Continue from what ``facts`` returned."""

    def close(self) -> None:  # noqa: B027
        """Let go of processes, if there are any."""
