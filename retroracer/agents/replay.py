"""Replay memory of many cars: one ring buffer, with n-step returns computed when sampling.

Owns storing and drawing transitions. It lies on the learner's device, so that batches need not be
copied there. One row of the ring is one vector step of all cars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from retroracer.agents.sac_update import Batch
from retroracer.checks import Form, demand_array

MAX_VALUE = 1e6
"""Largest accepted magnitude of a number in an observation, and of a reward."""


class Memory:
    """The last ``capacity`` transitions of N cars.

    Args:
        capacity: transitions kept, rounded down to whole vector steps (at least two).
        n: cars.
        n_obs: numbers in an observation.
        n_actions: numbers in an action.
        device: where it lives.

    Attributes:
        rows: vector steps kept at most, T.
        filled: vector steps kept now.
        head: row written next.
    """

    # ``ended`` is terminated or truncated; after a truncated episode the return is bootstrapped.
    _FIELDS = ("obs", "next_obs", "action", "reward", "terminated", "ended")

    def __init__(
        self,
        capacity: int,
        n: int,
        n_obs: int,
        n_actions: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.n = n
        self.rows = max(capacity // n, 2)
        self.filled = 0
        self.head = 0
        self.device = torch.device(device)

        def room(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
            # Pages of zeros cost nothing until they are written.
            return torch.zeros((self.rows, n, *shape), dtype=kind, device=self.device)

        self.obs = room(n_obs)
        self.next_obs = room(n_obs)
        self.action = room(n_actions)
        self.reward = room()
        self.terminated = room(kind=torch.bool)
        self.ended = room(kind=torch.bool)

    def __len__(self) -> int:
        """Number of transitions kept."""
        return self.filled * self.n

    @staticmethod
    def bytes_needed(capacity: int, n_obs: int, n_actions: int) -> int:
        """Memory of ``capacity`` transitions [bytes], before it is allocated."""
        return capacity * (4 * (2 * n_obs + n_actions + 1) + 2)

    @property
    def megabytes(self) -> float:
        """Memory it takes when it is full [MB]."""
        return float(sum(getattr(self, name).nbytes for name in self._FIELDS)) / 1e6

    def add(
        self, obs: Any, action: Any, reward: Any, next_obs: Any, terminated: Any, truncated: Any
    ) -> None:
        """Add one vector step; it overwrites the oldest.

        Args:
            obs: (N, O) observations before the step.
            action: (N, A) in [-1, 1].
            reward: (N,).
            next_obs: (N, O) observations after it; where an episode ended, its last one.
            terminated: (N,) bool.
            truncated: (N,) bool.
        """
        t = self.head
        self.obs[t] = torch.from_numpy(obs)
        self.next_obs[t] = torch.from_numpy(next_obs)
        self.action[t] = torch.from_numpy(action)
        self.reward[t] = torch.from_numpy(reward)
        self.terminated[t] = torch.from_numpy(terminated)
        self.ended[t] = torch.from_numpy(terminated | truncated)
        self.head = (t + 1) % self.rows
        self.filled = min(self.filled + 1, self.rows)

    def sample(self, batches: int, size: int, gamma: float, n_steps: int = 1) -> list[Batch]:
        """Draw batches of ``size`` transitions, uniformly, with replacement.

        A return adds up to ``n_steps`` discounted rewards; it is shorter at the end of an episode
        and at the newest step. ``discounts`` is the discount of the value after it.
        """
        count = batches * size
        draw = torch.randint(len(self), (count,), device=self.device)
        age, car = draw // self.n, draw % self.n  # age 0 is the oldest
        oldest = self.head - self.filled
        flat = torch.remainder(oldest + age, self.rows) * self.n + car
        reward, ended = self.reward.view(-1), self.ended.view(-1)
        total = reward[flat]
        last = flat.clone()
        discount = torch.full_like(total, gamma)
        for _ in range(n_steps - 1):
            age = age + 1
            ahead = torch.remainder(oldest + age, self.rows) * self.n + car
            going = ~ended[last] & (age < self.filled) & (ahead != last)
            total = torch.where(going, total + discount * reward[ahead], total)
            discount = torch.where(going, discount * gamma, discount)
            last = torch.where(going, ahead, last)
            age = torch.where(going, age, self.filled)  # a return that has ended stays ended
        discount = discount * (~self.terminated.view(-1)[last])
        obs = self.obs.view(-1, self.obs.shape[2]).index_select(0, flat)
        next_obs = self.next_obs.view(-1, self.next_obs.shape[2]).index_select(0, last)
        action = self.action.view(-1, self.action.shape[2]).index_select(0, flat)
        parts = (obs, action, total[:, None], next_obs, discount[:, None])
        return [Batch(*(part[k : k + size] for part in parts)) for k in range(0, count, size)]

    def state(self) -> dict[str, Any]:
        """All transitions as NumPy arrays (views where possible), and the counters."""
        arrays = {name: getattr(self, name)[: self.filled].cpu().numpy() for name in self._FIELDS}
        return {"head": self.head, "filled": self.filled, **arrays}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` of a memory of the same shape returned.

        Raises:
            ValueError: if it does not fit.
        """
        places = Form((), np.int64, 0, self.rows)
        filled, head = (
            int(demand_array(f"the replay memory's {name}", np.asarray(state[name]), places))
            for name in ("filled", "head")
        )
        if head >= self.rows or (filled < self.rows and head != filled):
            raise ValueError("the replay memory has another size")
        forms = {
            "obs": Form((filled, *self.obs.shape[1:]), np.float32, -MAX_VALUE, MAX_VALUE),
            "next_obs": Form((filled, *self.obs.shape[1:]), np.float32, -MAX_VALUE, MAX_VALUE),
            "action": Form((filled, *self.action.shape[1:]), np.float32, -1.0, 1.0),
            "reward": Form((filled, self.n), np.float32, -MAX_VALUE, MAX_VALUE),
            "terminated": Form((filled, self.n), np.bool_),
            "ended": Form((filled, self.n), np.bool_),
        }
        for name, form in forms.items():
            array = demand_array(f"the replay memory's {name}", state[name], form)
            getattr(self, name)[:filled] = torch.from_numpy(array)
        self.filled, self.head = filled, head
