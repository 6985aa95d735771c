"""Drives to learn from: a student at the wheel, the expert saying at every frame what it would do.

Owns: who drives when, how drives are disturbed, and what is kept of them. Runs in processes of
its own; a drive depends on its seed and the student alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.carracing.expert import Expert, Style
from retroracer.carracing.pipeline import Pipeline, make

Act = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Mixture:
    """Who drives.

    Attributes:
        expert: share of the time the expert is at the wheel.
        shoves: disturbances a second, in every other drive.
        patience: frames without a new tile after which a drive is given up.
        style: the expert's.
    """

    expert: float = 0.0
    shoves: float = 0.6
    patience: int = 150
    style: Style = field(default_factory=Style)


@dataclass
class Drive:
    """What is kept of a drive of T frames.

    Attributes:
        frames: (T, size, size) uint8, what was seen; stacks are put together later.
        actions: (T, 2) float32, the expert's.
        state: (T, K) float32, ``Expert.seen``.
        reward: raw return.
        finished: whether every tile was visited.
        alone: whether the student drove all the way undisturbed.
    """

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.float32]
    state: npt.NDArray[np.float32]
    reward: float
    finished: bool
    alone: bool


class _Seat:
    """One car: its env, its expert, and who holds the wheel."""

    def __init__(self, seed: int, disturbed: bool, pipeline: Pipeline, mixture: Mixture) -> None:
        self.rng = np.random.default_rng([seed, 5])
        self.env = make(pipeline, training=False)
        self.obs = self.env.reset(seed=seed)[0]
        self.expert = Expert(mixture.style)
        self.expert.begin(self.env.unwrapped.track)
        self.mixture, self.disturbed = mixture, disturbed
        self.frames: list[Any] = []
        self.actions: list[Any] = []
        self.state: list[Any] = []
        self.reward, self.finished, self.barren = 0.0, False, 0
        self.turn, self.by_expert = 0, False
        self.shove, self.shoved = np.zeros(2), 0

    def step(self, student: npt.NDArray[Any] | None) -> bool:
        """Drive on for a frame; whether the drive goes on after it."""
        right = np.array(self.expert.act(self.env.unwrapped.car))
        self.frames.append(self.obs[-1])
        self.actions.append(right)
        self.state.append(self.expert.seen(self.env.unwrapped.car))
        action = self._wheel(right, student)
        self.obs, reward, terminated, truncated, info = self.env.step(action)
        self.reward += float(reward)
        self.barren = 0 if reward > 0.0 else self.barren + 1
        self.finished = bool(info.get("lap_finished", False))
        return not (terminated or truncated or self.barren > self.mixture.patience)

    def _wheel(self, right: Any, student: Any) -> Any:
        if self.turn == 0:
            self.turn = int(self.rng.integers(15, 60))
            self.by_expert = bool(self.rng.random() < self.mixture.expert)
        self.turn -= 1
        action = right if self.by_expert or student is None else np.asarray(student, np.float64)
        if self.disturbed and self.shoved == 0 and self.rng.random() < self.mixture.shoves / 50.0:
            self.shoved = int(self.rng.integers(4, 22))
            self.shove = self.rng.normal(0.0, [0.25, 0.4])
        if self.shoved > 0:
            self.shoved -= 1
            action = action + self.shove
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def drive(self) -> Drive:
        """What is kept."""
        return Drive(
            np.array(self.frames, np.uint8),
            np.array(self.actions, np.float32),
            np.array(self.state, np.float32),
            self.reward,
            self.finished,
            not self.disturbed and self.mixture.expert == 0.0,
        )


def drive(
    act: Act | None, seeds: Sequence[int], pipeline: Pipeline, mixture: Mixture
) -> list[Drive]:
    """Drive an episode on each seed, side by side; those of odd place are disturbed.

    Args:
        act: the student's actions for stacks of pictures; None: the expert drives alone.
        seeds: of the tracks.
        pipeline: the student's wrappers; actions "steer-accel", grey, one frame an action.
        mixture: who drives.
    """
    seats = [_Seat(s, i % 2 == 1, pipeline, mixture) for i, s in enumerate(seeds)]
    going = seats
    while going:
        chosen = [None] * len(going) if act is None else act(np.stack([s.obs for s in going]))
        going = [seat for seat, a in zip(going, chosen, strict=True) if seat.step(a)]
    for seat in seats:
        seat.env.close()
    return [seat.drive() for seat in seats]
