"""PPO on the SAC model's actor: rollouts of many cars, each used for a few epochs.

Owns the rollouts and the schedule; the update is ``agents.ppo_update``. The value network sees more
than the driver (privileged observations: the road to 750 m, the car's mass, power and latency), so
that its advantages have lower variance.

Source: Schulman et al. 2017, Proximal Policy Optimization Algorithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch

from retroracer.agents.ppo_update import PPOUpdate
from retroracer.agents.rollout import Rollout
from retroracer.checks import Form, demand_array
from retroracer.config import Range
from retroracer.envs.privileged_observation import N_PRIVILEGED
from retroracer.training.learners.learner import Clock, Learner, State, cosine
from retroracer.training.learners.racing import Racing, StepResult
from retroracer.training.run.stopping import PATIENCE

REWARD_SCALE = 0.1
"""Factor on rewards: a new network learns values of about 1 better than values of about 50."""

FINAL_RATE = 0.02
"""Share of the learning rate that is left at the end of the stage."""

VALUE_RATE = 1e-3
"""Smallest learning rate of the value network: it must keep up while the actor's rate is low."""

WARMUP_NOISE = 5.0
"""Factor on the action noise during value warm-up: the value network must see off-road states
before the policy is trained on it."""


@dataclass(frozen=True)
class PPOSettings:
    """PPO's hyperparameters.

    Attributes:
        n_steps: vector steps of all cars in a rollout.
        n_epochs: passes over a rollout.
        batch_size: steps in an update.
        learning_rate: learning rate of the actor; it falls along half a cosine to a fiftieth.
        gamma: discount per control step.
        gae_lambda: lambda of generalised advantage estimation: 0 uses the values alone, 1 the
            returns that were driven.
        ent_coef: entropy coefficient.
        value_warmup: rollouts at the beginning that train only the value network, for a driver
            that was trained before.
    """

    n_steps: Annotated[int, Range(low=1, high=10_000)] = 160
    n_epochs: Annotated[int, Range(low=1, high=100)] = 2
    batch_size: Annotated[int, Range(low=1, high=1_000_000)] = 8192
    learning_rate: Annotated[float, Range(low=1e-8, high=1)] = 1e-3
    gamma: Annotated[float, Range(low=0.01, high=1)] = 0.99
    gae_lambda: Annotated[float, Range(low=0, high=1)] = 1.0
    ent_coef: Annotated[float, Range(low=0, high=1)] = 0.002
    value_warmup: Annotated[int, Range(low=0, high=10_000)] = 16


class PPO(Learner):
    """Rollouts and updates of the actor."""

    Settings = PPOSettings
    algorithm = "PPO"
    patience = PATIENCE

    def __init__(self, racing: Racing, settings: PPOSettings, first: bool) -> None:
        self.racing, self.settings = racing, settings
        run, sac = racing.settings, racing.model.updater
        self.device = racing.model.device
        fresh = first and run.parent is None
        self.ppo = PPOUpdate(sac, run.hidden, fresh, run.half(), N_PRIVILEGED)
        self.rollout = Rollout(
            settings.n_steps,
            run.cars,
            sac.n_obs,
            sac.n_actions,
            settings.gamma,
            settings.gae_lambda,
            self.device,
            N_PRIVILEGED,
        )
        racing.batch.privileged = True
        if fresh:
            racing.keep_actor()
        else:
            self.ppo.average_std(torch.from_numpy(racing.obs).to(self.device))
        self.warmup_left = 0 if fresh else settings.value_warmup

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s, cars = self.settings, self.racing.settings.cars
        return (
            f"{s.n_epochs} epochs of {s.n_steps * cars:,} steps in batches of {s.batch_size}, "
            f"rate {s.learning_rate:g}"
        )

    def round(self, clock: Clock) -> dict[str, float]:
        """A rollout of ``n_steps`` vector steps, then the updates from it."""
        before = self.racing.state(), self.state()
        try:
            return self._round(clock)
        except BaseException:  # a stop, or an error it caused in a library
            self.racing.restore(before[0])
            self.restore(before[1])
            raise

    def _round(self, clock: Clock) -> dict[str, float]:
        racing, settings = self.racing, self.settings
        racing.set_reward(clock.share)
        noise = WARMUP_NOISE if self.warmup_left > 0 else 1.0
        for t in range(self.rollout.steps):
            self._step(t, noise)
        self.rollout.finish(self.ppo.values(self._value_obs()))
        train_actor = self.warmup_left == 0
        self.warmup_left = max(self.warmup_left - 1, 0)
        last = FINAL_RATE * settings.learning_rate
        rate = clock.lr_scale * cosine(settings.learning_rate, last, clock.stage_share)
        losses = self.ppo.update(
            self.rollout,
            rate,
            settings.n_epochs,
            settings.batch_size,
            settings.ent_coef,
            max(rate, VALUE_RATE),
            train_actor,
        )
        length = self.rollout.steps * racing.batch.n
        updates = settings.n_epochs * -(-length // settings.batch_size)
        racing.count_updates(updates if train_actor else 0)
        return losses | {"learning_rate": rate if train_actor else 0.0}

    def _step(self, t: int, noise: float) -> None:
        value_obs = self._value_obs()
        acts, log_probs, values = self.ppo.act(value_obs, noise)
        self.rollout.add(t, value_obs, acts, log_probs, values)
        result = self.racing.step(acts.clamp(-1.0, 1.0).cpu().numpy())
        ended = result.terminated | result.truncated
        reward = REWARD_SCALE * result.reward
        self.rollout.add_rewards(t, reward, ended, result.rows, self._bootstrap(result))

    def _value_obs(self) -> torch.Tensor:
        """Inputs of the value network for all cars, (N, O + K)."""
        value_obs = np.concatenate((self.racing.obs, self.racing.batch.privileged_obs()), axis=1)
        return torch.from_numpy(value_obs).to(self.device)

    def _bootstrap(self, result: StepResult) -> torch.Tensor:
        """Values (M,) of the last observations of episodes that ended; 0 where terminated."""
        if not len(result.rows):
            return torch.zeros(0, device=self.device)
        value_obs = np.concatenate(
            (result.final_obs, self.racing.batch.final_privileged_obs), axis=1
        )
        values = self.ppo.values(torch.from_numpy(value_obs).to(self.device))
        return values * torch.from_numpy(~result.terminated[result.rows]).to(self.device)

    def state(self) -> State:
        """Value network, optimisers, and how much of the warm-up is left."""
        return self.ppo.state() | {"warmup_left": np.array(self.warmup_left)}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        self.ppo.restore(state)
        left = demand_array("warmup_left", state["warmup_left"], Form((), np.int64, 0, 10_000))
        self.warmup_left = int(left)
