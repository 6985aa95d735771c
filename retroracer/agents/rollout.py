"""What was just driven by many cars side by side, and how much better it went than expected.

Owns the arrays of a rollout, and its advantages and returns. Knows no network.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Flat(NamedTuple):
    """A rollout as one long list of B = T * N steps.

    Attributes:
        obs: (B, O), the first of what was seen.
        seen: (B, O + K), what values are told.
        acts: (B, A), before clipping.
        densities: (B,) log densities they had.
        advantages: (B,) standardised.
        returns: (B,) what the values should have been.
    """

    obs: Tensor
    seen: Tensor
    acts: Tensor
    densities: Tensor
    advantages: Tensor
    returns: Tensor


class Rollout:
    """T vector steps of N cars.

    Args:
        steps: T.
        n: N.
        n_obs: numbers in an observation, O.
        n_actions: numbers in an action.
        gamma: discount a step.
        lam: of the advantages: 0 trusts the values, 1 what was driven.
        device: where it lives.
        n_more: what values are told beside an observation, K numbers.
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
        n_more: int = 0,
    ) -> None:
        self.steps, self.gamma, self.lam, self.n_obs = steps, gamma, lam, n_obs
        self.device = torch.device(device)

        def room(*shape: int) -> Tensor:
            return torch.zeros((steps, n, *shape), device=self.device)

        self.seen, self.acts = room(n_obs + n_more), room(n_actions)
        self.densities, self.values, self.rewards = room(), room(), room()
        self.beyond = room()  # where an episode was cut: the value of what it would have seen next
        self.going = room()
        self.advantages = room()

    def put(self, t: int, seen: Tensor, acts: Tensor, densities: Tensor, values: Tensor) -> None:
        """Keep what was decided in vector step ``t``, as ``FusedPPO.act`` told it."""
        self.seen[t], self.acts[t], self.densities[t], self.values[t] = (
            seen,
            acts,
            densities,
            values,
        )

    def paid(self, t: int, reward: Any, ended: Any, rows: Any, beyond: Tensor) -> None:
        """Keep what came of it.

        Args:
            t: the vector step.
            reward: (N,).
            ended: (N,) bool, the episode is over.
            rows: (M,) of which are over.
            beyond: (M,) value of what they would have seen next; 0 where terminated.
        """
        self.rewards[t] = torch.from_numpy(reward)
        self.going[t] = torch.from_numpy(~ended)
        self.beyond[t] = 0.0
        if len(rows):
            self.beyond[t, torch.from_numpy(rows).to(self.device)] = beyond

    def finish(self, values: Tensor) -> None:
        """Work out the advantages.

        Args:
            values: (N,) of what is seen after the last step.
        """
        advantage = torch.zeros_like(values)
        ahead = values
        for t in reversed(range(self.steps)):
            going = self.going[t]
            ahead = going * ahead + (1.0 - going) * self.beyond[t]
            surprise = self.rewards[t] + self.gamma * ahead - self.values[t]
            advantage = surprise + self.gamma * self.lam * going * advantage
            self.advantages[t] = advantage
            ahead = self.values[t]

    def flat(self) -> Flat:
        """All steps in a row."""
        advantages = self.advantages.view(-1)
        standard = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
        seen = self.seen.view(-1, self.seen.shape[2])
        return Flat(
            seen[:, : self.n_obs],
            seen,
            self.acts.view(-1, self.acts.shape[2]),
            self.densities.view(-1),
            standard,
            (self.advantages + self.values).view(-1),
        )
