"""Practice: the first part of a run, in which the driver learns from what it has just driven.

Owns the rollouts and when they are learned from. The update is ``agents.fused_ppo``; cars,
memory and model are the ``Learner``'s, who goes on with SAC where practice ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from retroracer.agents.fused_ppo import FusedPPO
from retroracer.agents.rollout import Rollout
from retroracer.checks import COUNT, Form, demand_array
from retroracer.envs.privileged_observation import N_FORESIGHT
from retroracer.training.run_settings import RunSettings

if TYPE_CHECKING:
    from retroracer.training.learner import Came, Learner

REWARD_SCALE = 0.1
"""Values of about one suit a fresh network better than values of fifty."""


VALUE_RATE = 1e-3
"""Least learning rate of the values: a driver that changes little still needs to know soon what
its places are worth."""


BOLD = 5.0
"""How much wilder a driver drives while only its values learn: they must know the grass before
the driver is told by them how near to it is fast."""


class Practice:
    """Rounds of driving and learning on the model of a learner.

    Args:
        settings: of the run.
        learner: whose cars drive and whose actor learns.
    """

    def __init__(self, settings: RunSettings, learner: Learner) -> None:
        self.settings = settings.practice
        fused = learner.model.fused
        fresh = settings.parent is None and settings.teacher.rounds == 0
        self.ppo = FusedPPO(fused, settings.hidden, fresh, settings.half(), N_FORESIGHT)
        self.rollout = Rollout(
            self.settings.steps,
            settings.cars,
            fused.n_obs,
            fused.n_actions,
            settings.sac.gamma,
            self.settings.lam,
            learner.model.device,
            N_FORESIGHT,
        )
        learner.batch.farsighted = True
        if not fresh:
            self.ppo.settle(torch.from_numpy(learner.obs).to(learner.model.device))
        self.unvalued = 0 if fresh else self.settings.values_first

    def round(self, learner: Learner, rate: float) -> tuple[dict[str, float], int]:
        """Drive ``steps`` vector steps, then learn from them.

        Args:
            learner: whose cars drive.
            rate: learning rate.

        Returns:
            Means over the updates, by name, and how many there were of the actor.
        """
        for t in range(self.rollout.steps):
            seen = self._seen(learner)
            bold = BOLD if self.unvalued > 0 else 1.0
            acts, densities, values = self.ppo.act(seen, bold)
            self.rollout.put(t, seen, acts, densities, values)
            came = learner.take(acts.clamp(-1.0, 1.0).cpu().numpy())
            beyond = self._beyond(learner, came)
            paid = REWARD_SCALE * came.reward
            self.rollout.paid(t, paid, came.terminated | came.truncated, came.rows, beyond)
        self.rollout.finish(self.ppo.worth(self._seen(learner)))
        wanted = self.settings
        actor_too = self.unvalued == 0
        self.unvalued = max(self.unvalued - 1, 0)
        value_rate = max(rate, VALUE_RATE)
        losses = self.ppo.learn(
            self.rollout, rate, wanted.epochs, wanted.batch, wanted.entropy, value_rate, actor_too
        )
        length = self.rollout.steps * learner.batch.n
        updates = wanted.epochs * -(-length // wanted.batch)
        return losses, updates if actor_too else 0

    def _seen(self, learner: Learner) -> torch.Tensor:
        """What the values are told of all cars: observations and what lies behind them."""
        seen = np.concatenate((learner.obs, learner.batch.foresee()), axis=1)
        return torch.from_numpy(seen).to(learner.model.device)

    def _beyond(self, learner: Learner, came: Came) -> torch.Tensor:
        """Values of what the cars whose episodes ended would have seen next."""
        device = learner.model.device
        if not len(came.rows):
            return torch.zeros(0, device=device)
        seen = np.concatenate((came.final_obs, learner.batch.final_foresight), axis=1)
        values = self.ppo.worth(torch.from_numpy(seen).to(device))
        return values * torch.from_numpy(~came.terminated[came.rows]).to(device)

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """All that its future depends on, beside the learner's, as arrays by name."""
        return self.ppo.state() | {"unvalued": np.array(self.unvalued)}

    def restore(self, state: dict[str, np.ndarray[Any, Any]]) -> None:
        """Go on where ``state`` was taken.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """
        self.ppo.restore(state)
        rounds = Form((), np.int64, 0, COUNT)
        self.unvalued = int(demand_array("unvalued", state["unvalued"], rounds))
