"""The protocol of every algorithm: a round of gathering and updates; state and restore.

Owns the protocol and the schedules that algorithms share. The run (``run.loop``) decides when
a round is due, what is saved and which driver is kept; a ``Task`` owns the environments, the
model and its zip.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    pass

State = dict[str, np.ndarray[Any, Any]]
"""Plain arrays by name, as they are written to disk."""

ROUND = 60.0
"""Seconds a round that cannot be interrupted may continue after a stop. A round that hangs, or is
compiled for the first time, does not get that far: the process is ended after ``stopping.LIMIT``,
and the run resumes from its last saved state."""


@dataclass(frozen=True)
class Clock:
    """How far a run is when a round begins.

    Attributes:
        share: share of the whole budget that is used up, 0 to 1.
        stage_share: share of this stage's part of the budget that is used up, 0 to 1.
        lr_scale: factor on every learning rate, halved after each divergence.
        tell: shows how far a preparation is, from 0 to 1.
    """

    share: float
    stage_share: float
    lr_scale: float = 1.0
    tell: Callable[[float], None] = field(default=lambda share: None)


class Learner(ABC):
    """An algorithm that trains a task's model.

    Args:
        task: the environments and the model; stages of a run share one.
        settings: an instance of ``Settings``.
        first: True if no stage has trained the model before this one.

    Attributes:
        Settings: dataclass of its settings, which stand under the learner's name on the page.
        algorithm: its name in the zip and on the screen.
        patience: seconds a round may continue after a stop. A learner with long rounds sets fewer;
            if ``Stopped`` interrupts its round, it restores the task and itself to the state before
            the round.
        moves_driver: False if it trains other networks but never the driver.
        finished: True once it has nothing more to do, even if budget is left.
    """

    Settings: ClassVar[type]
    algorithm: ClassVar[str]
    patience: ClassVar[float] = ROUND
    moves_driver: ClassVar[bool] = True
    finished: bool = False

    @abstractmethod
    def __init__(self, task: Any, settings: Any, first: bool) -> None: ...

    @abstractmethod
    def round(self, clock: Clock) -> dict[str, float]:
        """Gather experience, then update the model.

        Args:
            clock: how far the run is.

        Returns:
            Means of losses over the updates, by name; empty if there were no updates.
            ``learning_rate`` is the learning rate they used.
        """

    @abstractmethod
    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""

    @abstractmethod
    def state(self) -> State:
        """Everything the rest of training depends on, apart from the task's state."""

    @abstractmethod
    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned.

        Raises:
            ValueError: if the state does not fit this learner.
            KeyError: if something is missing.
        """

    def rewind(self) -> None:  # noqa: B027 (most keep nothing)
        """Called after a divergence, when the task has restored its last good weights."""

    def save_files(self, folder: Path, moment: float = math.inf) -> bool:
        """Write what is too large for ``state`` into the run's folder, if there is anything.

        Args:
            folder: folder of the run.
            moment: when writing must be over (``time.monotonic``), if the run was stopped.

        Returns:
            False if there was no time for it; the file written before stays valid.
        """
        return True

    def load_files(self, folder: Path) -> None:  # noqa: B027
        """Read what ``save_files`` wrote."""

    def close(self) -> None:  # noqa: B027
        """End the processes it started, if any."""


def cosine(first: float, last: float, share: float) -> float:
    """A value between ``first`` and ``last`` along half a cosine; ``share`` runs from 0 to 1."""
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * min(max(share, 0.0), 1.0)))


def part(state: Mapping[str, np.ndarray[Any, Any]], name: str) -> State:
    """The entries whose names begin with ``name.``, without that prefix."""
    return {k[len(name) + 1 :]: v for k, v in state.items() if k.startswith(f"{name}.")}


def under(name: str, state: Mapping[str, Any]) -> State:
    """The entries with the prefix ``name.``: the inverse of ``part``."""
    return {f"{name}.{k}": np.asarray(v) for k, v in state.items()}
