"""A rollout of many cars, its advantages and returns.

Owns the arrays; networks are elsewhere.

Source: Schulman et al. 2016, High-Dimensional Continuous Control Using Generalized Advantage
Estimation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class RolloutBatch(NamedTuple):
    """A rollout flattened to B = T * N steps.

    Attributes:
        obs: (B, O) observations.
        value_obs: (B, O + K) observations and privileged observations.
        acts: (B, A), before clipping.
        log_probs: (B,) log probabilities of the actions.
        advantages: (B,) standardised to mean 0 and standard deviation 1.
        returns: (B,) targets of the value network.
    """

    obs: Tensor
    value_obs: Tensor
    acts: Tensor
    log_probs: Tensor
    advantages: Tensor
    returns: Tensor


class Rollout:
    """T vector steps of N cars.

    Observations have O numbers, privileged ones K more. ``gamma`` is the discount per step, ``lam``
    the lambda of generalised advantage estimation: 0 uses the values alone, 1 the returns.
    """

    def __init__(
        self,
        steps: int,
        n: int,
        n_obs: int,
        n_actions: int,
        gamma: float,
        lam: float,
        device: torch.device | str = "cpu",
        n_privileged: int = 0,
    ) -> None:
        self.steps, self.gamma, self.lam, self.n_obs = steps, gamma, lam, n_obs
        self.device = torch.device(device)

        def room(*shape: int) -> Tensor:
            return torch.zeros((steps, n, *shape), device=self.device)

        self.value_obs, self.acts = room(n_obs + n_privileged), room(n_actions)
        self.log_probs, self.values, self.rewards = room(), room(), room()
        self.bootstrap_values = room()  # values of the last observations of truncated episodes
        self.continues = room()  # 1 where the episode continues, else 0
        self.advantages = room()

    def add(
        self, t: int, value_obs: Tensor, acts: Tensor, log_probs: Tensor, values: Tensor
    ) -> None:
        """Store vector step ``t``: observations, and what ``PPOUpdate.act`` returned for them."""
        self.value_obs[t], self.acts[t] = value_obs, acts
        self.log_probs[t], self.values[t] = log_probs, values

    def add_rewards(
        self, t: int, reward: Any, ended: Any, rows: Any, bootstrap_values: Tensor
    ) -> None:
        """Store the rewards (N,) of vector step ``t``, and which episodes ended.

        ``ended`` (N,) is True where one did, ``rows`` (M,) are their indices, ``bootstrap_values``
        (M,) the values of their last observations; 0 where terminated.
        """
        self.rewards[t] = torch.from_numpy(reward)
        self.continues[t] = torch.from_numpy(~ended)
        self.bootstrap_values[t] = 0.0
        if len(rows):
            self.bootstrap_values[t, torch.from_numpy(rows).to(self.device)] = bootstrap_values

    def finish(self, values: Tensor) -> None:
        """Compute the advantages, from the values (N,) of the observations after the last step."""
        advantage = torch.zeros_like(values)
        next_values = values
        for t in reversed(range(self.steps)):
            continues = self.continues[t]
            next_values = continues * next_values + (1.0 - continues) * self.bootstrap_values[t]
            td_error = self.rewards[t] + self.gamma * next_values - self.values[t]
            advantage = td_error + self.gamma * self.lam * continues * advantage
            self.advantages[t] = advantage
            next_values = self.values[t]

    def flat(self) -> RolloutBatch:
        """All steps as one flat batch, with standardised advantages."""
        advantages = self.advantages.view(-1)
        standard = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
        value_obs = self.value_obs.view(-1, self.value_obs.shape[2])
        return RolloutBatch(
            value_obs[:, : self.n_obs],
            value_obs,
            self.acts.view(-1, self.acts.shape[2]),
            self.log_probs.view(-1),
            standard,
            (self.advantages + self.values).view(-1),
        )
