"""Imitation learning: the model learns the actions of a line driver (DAgger).

The line driver follows lines solved in advance and labels every state with its action. The model
drives a growing share of the cars itself, so that states that only its own mistakes lead to are
labelled too. A policy that learns from rewards alone first learns that speed ends in the grass, and
stays slow on straights for long; imitation teaches it the right speeds in a minute.

Source: Ross, Gordon and Bagnell 2011, A Reduction of Imitation Learning and Structured
Prediction to No-Regret Online Learning.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from retroracer.agents.adam import adam_over, adam_state, restore_adam
from retroracer.agents.facts import plain_json
from retroracer.agents.networks import policy_head
from retroracer.checks import Form, count, demand_array, generator_state
from retroracer.config import Range
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.variety import Variety
from retroracer.laptime.line_driver import LineDriver
from retroracer.training.learners.demonstrations import drivers_of
from retroracer.training.learners.learner import Clock, Learner, State, part, under
from retroracer.training.learners.racing import Racing
from retroracer.training.run.stopping import time_left

CARS = 512
"""Cars driven side by side."""

DISTURBED, NOISE = 0.5, 0.05
"""Share of the cars whose actions are disturbed, and the standard deviation of the noise: without
disturbances the states would hold no mistakes to recover from."""

TEACHER_ROUNDS = 4
"""Rounds after which the model drives every car itself."""

STEER_WEIGHT = 2.0
"""Weight of a steering error; that of the pedals is 1."""

HUBER_THRESHOLD = 0.05
"""Weighted error beyond which the loss is linear: extreme corrections of the teacher count less."""

FINAL_STD = math.exp(-2.0)
"""Standard deviation of the model's actions at the end: exploration for the next stage."""

SOLVING = 0.6
"""Share of the time for preparing the stage after which no more lines are solved: a short run
imitates on fewer tracks."""

DRIVE_CHUNK, UPDATE_CHUNK = 20, 50
"""Vector steps, and updates, in one round of the run, so that a stop never waits long."""


@dataclass(frozen=True)
class ImitationSettings:
    """How the line driver is imitated.

    Attributes:
        rounds: number of rounds of driving and learning.
        tracks: number of random tracks driven on; their lines are solved first.
        grip: fraction of the car's grip the lines are solved for: a teacher below the limit is
            easier to imitate.
        margin: distance the lines keep from the edges of the road [m].
        n_steps: vector steps driven in a round.
        updates: gradient updates in a round; the last round has three times as many.
        batch_size: states in an update.
        learning_rate: at the beginning of every round; it falls to a tenth during the round.
    """

    rounds: Annotated[int, Range(low=1, high=1000)] = 9
    tracks: Annotated[int, Range(low=1, high=1000)] = 64
    grip: Annotated[float, Range(low=0.1, high=1)] = 0.75
    margin: Annotated[float, Range(low=0, high=20)] = 1.0
    n_steps: Annotated[int, Range(low=1, high=10_000)] = 80
    updates: Annotated[int, Range(low=1, high=1_000_000)] = 1200
    batch_size: Annotated[int, Range(low=1, high=1_000_000)] = 1024
    learning_rate: Annotated[float, Range(low=1e-8, high=1)] = 1e-3


class Imitation(Learner):
    """Regression on the line driver's actions; replaces whatever the model has learned before."""

    Settings = ImitationSettings
    algorithm = "imitation"

    def __init__(self, racing: Racing, settings: ImitationSettings, first: bool) -> None:
        self.racing, self.settings = racing, settings
        self.actor = racing.actor
        self.net: Any = racing.model.actor
        self.half, self.device = racing.model.half, racing.model.device
        self.n_actions = racing.model.updater.n_actions
        seed = racing.settings.seed
        car, s = racing.batch.car, settings
        moment = time.monotonic() + SOLVING * time_left()
        self.places, self.lines = drivers_of(s.tracks, car, s.grip, s.margin, moment)
        self.finished = not self.places  # if no line was solved, there is nothing to imitate
        self.round_number, self.driven, self.updates_done, self.used = 0, 0, 0, 0
        if self.finished:
            return
        self._set_out()
        self.rng = np.random.default_rng([seed, 3])
        self.by_teacher = np.ones(CARS, bool)
        self.random = torch.Generator().manual_seed(seed)
        self.adam = adam_over(self.actor)
        room = settings.rounds * settings.n_steps * CARS
        self.inputs = torch.zeros(room, racing.model.updater.n_obs, device=self.device)
        self.labels = torch.zeros(room, self.n_actions, device=self.device)
        self.weight = torch.ones(self.n_actions, device=self.device)
        self.weight[0] = STEER_WEIGHT

    def _set_out(self) -> None:
        """Put teacher and cars on the tracks whose lines are known."""
        seed = self.racing.settings.seed
        self.teacher = LineDriver(self.lines)
        # Tracks as they are, and the car the lines were solved for.
        self.batch = RacingBatch(
            CARS,
            tracks=self.places,
            car=self.racing.batch.car,
            variety=Variety(start="random", standing=0.15),
            ending=task.Ending(time=20.0),
            seed=seed,
            action_repeat=self.racing.batch.action_repeat,
        )
        self.batch.reset(seed)

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s = self.settings
        return (
            f"{s.rounds} rounds of {s.updates} updates of {s.batch_size}, rate {s.learning_rate:g}"
        )

    def round(self, clock: Clock) -> dict[str, float]:
        """A few vector steps of driving, or a few updates, whichever is due."""
        settings = self.settings
        if self.finished:
            return {}
        last = self.round_number == settings.rounds - 1
        wanted = settings.updates * (3 if last else 1)
        done = 0.5 * self.driven / settings.n_steps + 0.5 * self.updates_done / wanted
        clock.tell((self.round_number + done) / settings.rounds)
        if self.driven < settings.n_steps:
            self._drive(min(DRIVE_CHUNK, settings.n_steps - self.driven))
            return {}
        count = min(UPDATE_CHUNK, wanted - self.updates_done)
        losses = self._learn(count, wanted, clock.lr_scale)
        self.racing.count_updates(count, actor=False)
        self.updates_done += count
        if self.updates_done == wanted:
            self.round_number, self.driven, self.updates_done = self.round_number + 1, 0, 0
            if last:
                with torch.no_grad():
                    self.net.log_std.weight.zero_()
                    self.net.log_std.bias.fill_(math.log(FINAL_STD))
                self.finished = True
        self.racing.keep_actor()
        return losses

    def _drive(self, steps: int) -> None:
        """Let teacher and model drive their share of the cars; label every state by the teacher."""
        batch = self.batch
        if self.driven == 0:
            share = 1.0 - self.round_number / TEACHER_ROUNDS
            self.by_teacher = self.rng.random(CARS) < share
        for _ in range(steps):
            label = np.clip(self.teacher(batch.race), -1.0, 1.0)
            rows = slice(self.used, self.used + CARS)
            self.inputs[rows] = torch.from_numpy(batch.obs)
            self.labels[rows] = torch.from_numpy(label)
            self.used += CARS
            with torch.no_grad():
                seen = torch.from_numpy(batch.obs).to(self.device)
                own = self._actions(seen).numpy(force=True)
            noise = self.rng.normal(0.0, NOISE, own.shape)
            noise *= self.rng.random((CARS, 1)) < DISTURBED
            actions = np.where(self.by_teacher[:, None], label, own) + noise
            batch.step(np.clip(actions, -1.0, 1.0))
        self.driven += steps
        self.racing.model.num_timesteps += CARS * steps

    def _actions(self, obs: Tensor) -> Tensor:
        """The model's deterministic actions (N, A)."""
        return torch.tanh(policy_head(self.net, obs, self.half)[0])

    def _learn(self, count: int, wanted: int, lr_scale: float) -> dict[str, float]:
        settings, loss = self.settings, torch.zeros(())
        rate = 0.0
        for k in range(self.updates_done, self.updates_done + count):
            rate = lr_scale * settings.learning_rate * (1.0 - 0.9 * k / wanted)
            self.adam.param_groups[0]["lr"] = rate
            rows = torch.randint(self.used, (settings.batch_size,), generator=self.random)
            rows = rows.to(self.device)
            loss = self._update(self.inputs[rows], self.labels[rows])
        return {"imitation_loss": float(loss), "learning_rate": rate}

    def _update(self, obs: Tensor, labels: Tensor) -> Tensor:
        """One gradient step on the Huber loss; returns the loss."""
        error = (self._actions(obs) - labels) * self.weight
        zeros = torch.zeros_like(error)
        loss = nn.functional.huber_loss(error, zeros, delta=HUBER_THRESHOLD) / HUBER_THRESHOLD
        self.actor.differentiate(loss * self.n_actions)  # a sum over actions, a mean over steps
        self.adam.step()
        return loss.detach()

    def state(self) -> State:
        """Cars, labelled states so far, optimiser and random state."""
        if not hasattr(self, "batch"):
            return {}
        plain = {
            "round": self.round_number,
            "driven": self.driven,
            "updates": self.updates_done,
            "used": self.used,
            "finished": self.finished,
            "tracks": [track.name for track in self.places],
            "rng": self.rng.bit_generator.state,
            "batch": self.batch.state_facts(),
        }
        return {
            "facts": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "random": self.random.get_state().numpy().copy(),
            "by_teacher": self.by_teacher.copy(),
            # Part of the file format: "seen" are the inputs, "told" the labels.
            "seen": self.inputs[: self.used].cpu().numpy().copy(),
            "told": self.labels[: self.used].cpu().numpy().copy(),
            **under("adam", adam_state(self.adam)),
            **under("batch", {k: v.copy() for k, v in self.batch.state_arrays().items()}),
        }

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        if not state:  # there was no time to solve any line
            self.finished = True
            return
        plain = plain_json(bytes(state["facts"]), bits=160)
        s = self.settings
        if plain["tracks"] != [track.name for track in self.places]:  # its time was short
            known = {t.name: (t, line) for t, line in zip(self.places, self.lines, strict=True)}
            pairs = [known[name] for name in plain["tracks"]]
            if not pairs:
                raise ValueError("it imitates on no track")
            self.places, self.lines = [t for t, _ in pairs], [line for _, line in pairs]
            self._set_out()
        self.round_number = count(plain, "round", s.rounds)
        self.updates_done = count(plain, "updates", 3 * s.updates)
        self.driven = count(plain, "driven", s.n_steps)
        self.used, self.finished = count(plain, "used", len(self.inputs)), bool(plain["finished"])
        by_teacher = Form((CARS,), np.bool_)
        self.by_teacher = demand_array("who drives", state["by_teacher"], by_teacher).copy()
        self.rng.bit_generator.state = generator_state(plain["rng"])
        self.random.set_state(torch.from_numpy(np.array(state["random"])))
        for name, room, most in (("seen", self.inputs, task.LIMIT), ("told", self.labels, 1.0)):
            form = Form((self.used, room.shape[1]), np.float32, -most, most)
            room[: self.used] = torch.from_numpy(demand_array(name, state[name], form).copy())
        restore_adam(self.adam, part(state, "adam"))
        self.batch.restore(plain["batch"], part(state, "batch"))
