"""SAC on rows that actors in other processes send.

Owns when rows are taken in, how many updates are made for them, and when actors get new weights.
A ``Feed`` (``scale``) transports rows and weights; the updates are those of ``sac``.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retroracer.agents.facts import plain_json
from retroracer.agents.linked_replay import LinkedMemory
from retroracer.agents.rows import Contract, Rows, Weights, unfit
from retroracer.checks import number
from retroracer.errors import UserError
from retroracer.training.learners.learner import Clock, State
from retroracer.training.learners.sac import SAC

CHUNK = 32
"""Updates between two checks for new rows."""

PUBLISH_EVERY = 1.0
"""Seconds between new weights for the actors during a round of updates."""

WAIT = 0.1
"""Seconds to wait for rows when no update is due."""


class Feed(ABC):
    """The connection to the actors: brings rows, takes weights.

    Attributes:
        lost: pieces of rows that were announced but never arrived, because an actor was killed.
        contract: shapes and layout that actors and learner agree on.
    """

    lost: int
    contract: Contract

    @abstractmethod
    def open(self, weights: Weights) -> None:
        """Let actors join; they get these weights at once."""

    @abstractmethod
    def take(self, seconds: float, most: int) -> Sequence[Rows]:
        """The pieces that have arrived; waits at most ``seconds`` for the first.

        ``most`` is the number of transitions wanted; the last piece may exceed it. 0 = none now.
        """

    @abstractmethod
    def publish(self, weights: Weights, figures: Mapping[str, float]) -> None:
        """Send newer weights to the actors; the figures are for those who ask for the status."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect all actors."""


class StreamedSAC(SAC):
    """SAC on streamed rows: a fixed number of updates per row.

    Every new row adds ``stream.updates_per_row`` to the updates that are due (the debt). A round
    begins every ``stream.train_every_seconds`` and makes the updates due, within its bounds. While
    more than ``stream.most_debt`` updates are due, actors wait.
    """

    def __init__(self, racing: Any, settings: Any, first: bool) -> None:
        if settings.branches.states:
            raise UserError("sac.branches: the cars are in other processes; set its states to 0")
        for name in ("action_noise", "noise_hold"):
            if getattr(settings, name):
                raise UserError(f"sac.{name}: actors add no noise but SAC's own; set it to 0")
        super().__init__(racing, settings, first)
        self.task: Any = racing  # a ``Streamed``
        self.stream = racing.settings.stream
        self.ratio = self.stream.updates_per_row
        if self.ratio is None:  # the same ratio as for cars in one process
            rows = settings.train_freq * racing.settings.cars
            self.ratio = settings.gradient_steps / rows if settings.gradient_steps > 0 else 1.0
        self.debt = 0.0
        self.round_left = 0
        self.refused = 0
        self.refusals: dict[str, int] = {}
        self._began = self._published = -math.inf
        self._rates = Rates()

    def _make_memory(self) -> Any:
        updater, device = self.model.updater, self.model.device
        size = self.settings.buffer_size
        return LinkedMemory(size, updater.n_obs, updater.n_actions, device)

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s, r = self.settings, self.stream
        return (
            f"{self.ratio:.3g} updates of {s.batch_size} a row, {r.least_updates} to "
            f"{r.most_updates} a round of at least {r.train_every_seconds:g} s, {s.buffer_size:,} "
            f"transitions kept ({self.memory.megabytes:,.0f} MB), rate {s.learning_rate:g}"
        )

    def round(self, clock: Clock) -> dict[str, float]:
        """Take in new rows, then make up to CHUNK of the updates that are due."""
        self.task.set_reward(clock.share)
        self._take_in(0.0 if self.round_left else WAIT)
        now = time.monotonic()
        if self.warmed < self.settings.learning_starts:
            clock.tell(self.warmed / self.settings.learning_starts)
            self._publish(now)
            return {}
        if not self.round_left:
            self._begin_round(now)
        if not self.round_left:
            self._publish(now)
            return {}
        count = min(self.round_left, CHUNK)
        losses = self._learn(clock, count)
        self.round_left -= count
        self._rates.updates += count
        self._publish(now, self.round_left == 0)
        if self.round_left == 0:
            self.task.keep_round()
        return losses | self.figures()

    def _take_in(self, seconds: float) -> None:
        # What is not wanted yet waits in the queue; when that is full, the actors wait.
        for rows in self.task.feed.take(seconds, self.wanted()):
            why = unfit(rows, self.task.feed.contract)
            if why is None and rows.reward[0].size > self.memory.capacity:
                why = "more environments than transitions are kept"
            if why is not None:
                self._refuse(rows, why)
                continue
            self.memory.add(rows, self.settings.reward_scale)
            self.task.arrived(rows)
            self._rates.rows += rows.transitions
            if self.warmed >= self.settings.learning_starts:
                self.debt += self.ratio * rows.transitions
            self.warmed += rows.transitions

    def wanted(self) -> int:
        """Transitions that may be taken in before more than ``stream.most_debt`` is due."""
        free: int = max(self.settings.learning_starts - self.warmed, 0)
        left: float = self.stream.most_debt - self.debt - self.round_left
        return free + max(math.ceil(left / float(self.ratio)), 0)

    def _refuse(self, rows: Rows, why: str) -> None:
        """Count rows that cannot be learned from; print the first refusal of each kind."""
        self.refused += rows.transitions
        what = f"rows of actor {rows.actor} are refused: {why}"
        if what not in self.refusals:
            self.task.tell(what)
        self.refusals[what] = self.refusals.get(what, 0) + rows.transitions

    def _begin_round(self, now: float) -> None:
        if now < self._began + self.stream.train_every_seconds or self.debt < 1.0:
            return
        owed = max(int(self.debt), self.stream.least_updates)
        self.round_left = min(owed, self.stream.most_updates)
        self.debt -= self.round_left  # below zero: the next rows owe less
        self._began = now

    def _publish(self, now: float, at_once: bool = False) -> None:
        random = self.warmed < self.settings.learning_starts and not self.trained
        if at_once or now >= self._published + PUBLISH_EVERY:
            self.task.publish(random, self.figures())
            self._published = now

    def figures(self) -> dict[str, float]:
        """Rates, debt and counters of rows, for the screen and TensorBoard."""
        return {
            **self._rates.now(),
            "debt": self.debt + self.round_left,
            "replay": float(len(self.memory)),
            "refused_rows": float(self.refused),
            "lost_pieces": float(self.task.feed.lost),
        }

    def state(self) -> State:
        """The state of SAC, and the updates that are due."""
        plain = {"debt": self.debt + self.round_left}
        return super().state() | {"stream": np.frombuffer(json.dumps(plain).encode(), np.uint8)}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        super().restore(state)
        plain = plain_json(bytes(state["stream"]))
        self.debt = number(plain, "debt", -1e9, 1e12)


class Rates:
    """Rows and updates per second, over about the last ten seconds."""

    def __init__(self) -> None:
        self.rows = self.updates = 0
        self._marks = deque([(time.monotonic(), 0, 0)], maxlen=10)

    def now(self) -> dict[str, float]:
        """The rates by name."""
        moment = time.monotonic()
        if moment >= self._marks[-1][0] + 1.0:
            self._marks.append((moment, self.rows, self.updates))
        then, rows, updates = self._marks[0]
        took = max(moment - then, 1e-3)
        return {
            "rows_per_second": (self.rows - rows) / took,
            "updates_per_second": (self.updates - updates) / took,
        }


def demand_sac(stages: Sequence[Any]) -> None:
    """Make sure that SAC is a run's only learner.

    Raises:
        UserError: if it is not.
    """
    if [stage.learner for stage in stages] != ["sac"]:
        raise UserError("a learner with actors trains by SAC alone: stages: [{learner: sac}]")
