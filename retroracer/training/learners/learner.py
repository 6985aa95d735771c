"""The protocol every algorithm follows: gather and update a round; state and restore.

Owns the protocol and the schedules that algorithms share. The run (``run.loop``) decides when
a round is due, what is saved and which driver is kept; a ``Task`` owns the environments, the
model and the writing of its zip.
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
"""Seconds a round that cannot be left may go on after a stop. The process is ended long before
(``stopping.LIMIT``) where one hangs or is compiled for the first time: the state saved last is
as good. Only a save may take longer."""


@dataclass(frozen=True)
class Clock:
    """Where a run is when a round begins.

    Attributes:
        share: of the whole budget used up, 0 to 1.
        stage_share: of this stage's part of it, 0 to 1.
        lr_scale: factor on every learning rate, halved after each divergence.
        tell: shows how far a preparation is, from 0 to 1.
    """

    share: float
    stage_share: float
    lr_scale: float = 1.0
    tell: Callable[[float], None] = field(default=lambda share: None)


class Learner(ABC):
    """An algorithm at work on a task's model.

    Args:
        task: the environments and the model; stages of a run share one.
        settings: an instance of ``Settings``.
        first: True if no stage has trained the model before this one.

    Attributes:
        Settings: dataclass of what can be set, under the learner's name on the page.
        algorithm: what moves the weights, as the zip and the screen name it.
        patience: seconds a round may go on after a stop. A learner with long rounds sets less,
            and puts task and itself back to before the round where it is left by ``Stopped``.
        moves_driver: False if it trains what stands beside the driver, never the driver.
        finished: True once it has nothing more to do, whatever is left of the budget.
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
            clock: where the run is.

        Returns:
            Means over the updates, by name; empty if there were none. ``learning_rate`` is the
            rate the weights were moved by.

        """

    @abstractmethod
    def describe(self) -> str:
        """What a round is, in a few words: batch, updates, learning rate."""

    @abstractmethod
    def state(self) -> State:
        """All that its future depends on, beside the task's state."""

    @abstractmethod
    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """

    def rewind(self) -> None:  # noqa: B027 (most keep nothing)
        """The task's weights went back to the last good ones: forget what led astray."""

    def save_files(self, folder: Path, moment: float = math.inf) -> bool:
        """Write what is too large for ``state`` into the run's folder, if anything is.

        Args:
            folder: of the run.
            moment: by which it must be over (``time.monotonic``): the run was stopped.

        Returns:
            False if there was no time for it; what was written before stays and is good enough.
        """
        return True

    def load_files(self, folder: Path) -> None:  # noqa: B027
        """Read what ``save_files`` wrote."""

    def close(self) -> None:  # noqa: B027
        """Let go of processes, if there are any."""


def cosine(first: float, last: float, share: float) -> float:
    """From ``first`` to ``last`` along half a cosine, ``share`` of the way (0 to 1)."""
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * min(max(share, 0.0), 1.0)))


def part(state: Mapping[str, np.ndarray[Any, Any]], name: str) -> State:
    """The entries called ``name.something``, without the name."""
    return {k[len(name) + 1 :]: v for k, v in state.items() if k.startswith(f"{name}.")}


def under(name: str, state: Mapping[str, Any]) -> State:
    """The opposite of ``part``."""
    return {f"{name}.{k}": np.asarray(v) for k, v in state.items()}
