"""Episodes for imitation: a student drives, and the expert labels every frame with its action.

Owns who drives when, how episodes are disturbed, and what is kept of them. Runs in worker
processes; an episode depends only on its seed and the student.
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
        expert: share of the time in which the expert drives.
        shoves: disturbances per second, in every second drive.
        patience: frames without a new tile after which a drive is ended.
        style: driving style of the expert.
    """

    expert: float = 0.0
    shoves: float = 0.6
    patience: int = 150
    style: Style = field(default_factory=Style)


@dataclass
class Drive:
    """What is kept of an episode of T frames.

    Attributes:
        frames: (T, size, size) uint8; they are stacked when batches are drawn.
        actions: (T, 2) float32, the expert's actions.
        state: (T, K) float32, the true state (``Expert.seen``).
        reward: raw return.
        finished: True if every tile was visited.
        alone: True if the student drove all the way undisturbed.
    """

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.float32]
    state: npt.NDArray[np.float32]
    reward: float
    finished: bool
    alone: bool


class _Episode:
    """One running episode: its env, its expert, and who drives now."""

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
        self.reward, self.finished, self.without_tile = 0.0, False, 0
        self.turn, self.by_expert = 0, False
        self.shove, self.shoved = np.zeros(2), 0

    def step(self, student: npt.NDArray[Any] | None) -> bool:
        """Drive one frame; ``student`` is its action. Returns False once the episode has ended."""
        car = self.env.unwrapped.car
        label = np.array(self.expert.act(car))
        self.frames.append(self.obs[-1])
        self.actions.append(label)
        self.state.append(self.expert.seen(car))
        action = self._choose(label, student)
        self.obs, reward, terminated, truncated, info = self.env.step(action)
        self.reward += float(reward)
        self.without_tile = 0 if reward > 0.0 else self.without_tile + 1
        self.finished = bool(info.get("lap_finished", False))
        return not (terminated or truncated or self.without_tile > self.mixture.patience)

    def _choose(self, expert: Any, student: Any) -> Any:
        """The action that is taken: the expert's or the student's, disturbed now and then."""
        if self.turn == 0:
            self.turn = int(self.rng.integers(15, 60))
            self.by_expert = bool(self.rng.random() < self.mixture.expert)
        self.turn -= 1
        action = expert if self.by_expert or student is None else np.asarray(student, np.float64)
        if self.disturbed and self.shoved == 0 and self.rng.random() < self.mixture.shoves / 50.0:
            self.shoved = int(self.rng.integers(4, 22))
            self.shove = self.rng.normal(0.0, [0.25, 0.4])
        if self.shoved > 0:
            self.shoved -= 1
            action = action + self.shove
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def drive(self) -> Drive:
        """What is kept of the episode."""
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
    """Drive one episode per seed, side by side; every second one is disturbed.

    Args:
        act: the student's actions for stacks of frames; None = the expert drives alone.
        seeds: seeds of the tracks.
        pipeline: the student's wrappers: steer-accel actions, grey frames, one frame per action.
        mixture: who drives.
    """
    episodes = [_Episode(s, i % 2 == 1, pipeline, mixture) for i, s in enumerate(seeds)]
    running = episodes
    while running:
        chosen = [None] * len(running) if act is None else act(np.stack([e.obs for e in running]))
        running = [e for e, action in zip(running, chosen, strict=True) if e.step(action)]
    for episode in episodes:
        episode.env.close()
    return [episode.drive() for episode in episodes]
