"""Imitation: a new driver's first minute, in which it is shown what to do.

Owns the lessons of a run's beginning: the line driver (``laptime.line_driver``) tells at every
step what it would do, and the pupil drives more and more of the way itself, so that it is also
told what to do where only it gets to (DAgger). What comes after may drive as it likes.

Why: who finds driving out alone learns first that speed ends in the grass, and creeps up to 180
km/h on straights where 280 would do. Shown once that one can brake in time, it knows.

Source: Ross, Gordon and Bagnell 2011, A Reduction of Imitation Learning and Structured
Prediction to No-Regret Online Learning.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retroracer.agents.adam import adam_over
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.variety import Variety
from retroracer.laptime.line_driver import LineDriver
from retroracer.laptime.many import lines_to_follow
from retroracer.physics.car import Car
from retroracer.track.generate import random_tracks
from retroracer.training.run_settings import Teacher

if TYPE_CHECKING:
    from retroracer.agents.fused_sac import FusedUpdate

TRACKS_SEED = 913_000_001
"""Of the random tracks lessons are given on: far from any seed a person gives a run."""

CARS = 512

DISTURBED, NOISE = 0.5, 0.05
"""Share of the cars whose actions are disturbed, and by how much: mishaps worth a lesson."""

ROUNDS_HELD = 4
"""Rounds until the pupil drives every car itself."""

STEER_WEIGHT = 2.0
"""A steering error counts so much more than one of the pedals."""

BEND = 0.05
"""Where the loss turns from square to straight: what the teacher does in a slide is no model."""

LAST_STD = math.exp(-2.0)
"""Deviation of the pupil's actions afterwards: enough to learn from, too little to forget."""


def imitate(
    fused: FusedUpdate,
    teacher: Teacher,
    car: Car,
    seed: int,
    tell: Callable[[float], None],
    moment: float = float("inf"),
) -> int:
    """Teach an actor what the line driver does.

    Args:
        fused: whose actor learns; its critics are left alone.
        teacher: how.
        car: what is driven.
        seed: of the episodes.
        tell: called with the share done.
        moment: by which it must be over (``time.monotonic``): a third of what is left until then
            goes into lines, and rounds are left out.

    Returns:
        Control steps driven; 0 if no line could be solved.
    """
    lines_by = time.monotonic() + (moment - time.monotonic()) / 3.0
    places = random_tracks(TRACKS_SEED, teacher.tracks)
    lines = lines_to_follow(places, car, teacher.grip, teacher.margin, lines_by)
    pairs = [(t, line) for t, line in zip(places, lines, strict=True) if line is not None]
    if not pairs:
        return 0
    driver = LineDriver([line for _, line in pairs])
    # Tracks as they are, and the car the lines were solved for.
    batch = RacingBatch(
        CARS,
        tracks=[t for t, _ in pairs],
        car=car,
        variety=Variety(start="random", standing=0.15),
        ending=task.Ending(time=20.0),
        seed=seed,
    )
    batch.reset(seed)
    pupil = _Pupil(fused, teacher, seed)
    rng = np.random.default_rng([seed, 3])
    for number in range(teacher.rounds):
        tell(number / teacher.rounds)
        shown = rng.random(CARS) < 1.0 - number / ROUNDS_HELD
        for _ in range(teacher.steps):
            right = np.clip(driver(batch.race), -1.0, 1.0)
            pupil.watch(batch.obs, right)
            own = pupil.act(batch.obs)
            noise = rng.normal(0.0, NOISE, own.shape) * (rng.random((CARS, 1)) < DISTURBED)
            batch.step(np.clip(np.where(shown[:, None], right, own) + noise, -1.0, 1.0))
        last = number == teacher.rounds - 1
        pupil.study(teacher.updates * (3 if last else 1), moment)
        if time.monotonic() >= moment:
            break
    pupil.settle()
    return pupil.used


class _Pupil:
    """An actor, all it was told so far, and its regression on that."""

    def __init__(self, fused: FusedUpdate, teacher: Teacher, seed: int) -> None:
        self.actor, self.n = fused.actor, fused.n_actions
        self.teacher = teacher
        self.adam = adam_over(self.actor)
        self.device = self.actor.flat.device
        self.random = torch.Generator().manual_seed(seed)
        room = teacher.rounds * teacher.steps * CARS
        self.seen = torch.zeros(room, fused.n_obs, device=self.device)
        self.told = torch.zeros(room, self.n, device=self.device)
        self.used = 0
        self.weight = torch.ones(self.n, device=self.device)
        self.weight[0] = STEER_WEIGHT

    def watch(self, obs: npt.NDArray[np.float32], right: npt.NDArray[np.float64]) -> None:
        """Be told what is right (N, A) where ``obs`` (N, O) is seen."""
        rows = slice(self.used, self.used + len(obs))
        self.seen[rows] = torch.from_numpy(obs)
        self.told[rows] = torch.from_numpy(right)
        self.used += len(obs)

    def act(self, obs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What it would do (N, A)."""
        with torch.no_grad():
            head = self.actor.forward(torch.from_numpy(obs).to(self.device)[None], "act")[0]
            out: npt.NDArray[np.float32] = torch.tanh(head[:, : self.n]).cpu().numpy()
            return out

    def study(self, updates: int, moment: float) -> None:
        """Learn from batches of what it was told, until ``moment`` at most."""
        size = self.teacher.batch
        with torch.no_grad():
            self.actor.refresh()
            for k in range(updates):
                if time.monotonic() >= moment:
                    break
                rate = self.teacher.rate * (1.0 - 0.9 * k / updates)
                self.adam.param_groups[0]["lr"] = rate
                rows = torch.randint(self.used, (size,), generator=self.random).to(self.device)
                self._update(self.seen[rows], self.told[rows])

    def _update(self, obs: Tensor, told: Tensor) -> None:
        action = torch.tanh(self.actor.forward(obs[None])[0, :, : self.n])
        # The slope of a loss that is square up to BEND and straight beyond.
        error = ((action - told) * self.weight / BEND).clamp(-1.0, 1.0)
        by_mean = error * self.weight * (1.0 - action.square()) / len(obs)
        self.actor.backward(obs[None], torch.cat((by_mean, torch.zeros_like(by_mean)), 1)[None])
        self.adam.step()
        self.actor.refresh()

    def settle(self) -> None:
        """Give its actions the deviation LAST_STD everywhere."""
        with torch.no_grad():
            self.actor.weights[-1][:, self.n :].zero_()
            self.actor.biases[-1][:, :, self.n :].fill_(math.log(LAST_STD))
        self.actor.refresh()
