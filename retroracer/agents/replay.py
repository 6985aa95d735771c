"""Replay memory of many cars: one ring buffer, with n-step returns computed when sampling.

Owns storing and drawing transitions. It lies on the learner's device, so that batches need not be
copied there. One row of the ring is one vector step of all cars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from retroracer.agents.rows import MAX_VALUE
from retroracer.agents.sac_update import Batch
from retroracer.checks import Form, demand_array


class Store:
    """Arrays of transitions whose first axes are ``shape``, and what both memories do with them.

    ``ended`` is terminated or truncated; after a truncated episode the return is bootstrapped.
    """

    _FIELDS: tuple[str, ...] = ("obs", "next_obs", "action", "reward", "terminated", "ended")

    def __init__(
        self, shape: tuple[int, ...], n_obs: int, n_actions: int, device: torch.device | str
    ) -> None:
        self.device = torch.device(device)

        # Pages of zeros cost nothing until they are written.
        def room(*more: int, kind: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros((*shape, *more), dtype=kind, device=self.device)

        self.obs, self.next_obs, self.action = room(n_obs), room(n_obs), room(n_actions)
        self.reward = room()
        self.terminated, self.ended = room(kind=torch.bool), room(kind=torch.bool)

    @property
    def megabytes(self) -> float:
        """Memory it takes when it is full [MB]."""
        return float(sum(getattr(self, name).nbytes for name in self._FIELDS)) / 1e6

    def _arrays(self, kept: int) -> dict[str, Any]:
        """The first ``kept`` rows of all fields as NumPy arrays, views where possible."""
        return {name: getattr(self, name)[:kept].cpu().numpy() for name in self._FIELDS}

    def _take(self, kept: int, state: dict[str, Any], **more: Form) -> None:
        """Restore what ``_arrays`` returned, checked; ``more`` are the forms of other fields."""
        seen = Form((kept, *self.obs.shape[1:]), np.float32, -MAX_VALUE, MAX_VALUE)
        each = (kept, *self.reward.shape[1:])
        forms = {
            "obs": seen,
            "next_obs": seen,
            "action": Form((kept, *self.action.shape[1:]), np.float32, -1.0, 1.0),
            "reward": Form(each, np.float32, -MAX_VALUE, MAX_VALUE),
            "terminated": Form(each, np.bool_),
            "ended": Form(each, np.bool_),
            **more,
        }
        for name, form in forms.items():
            array = demand_array(f"the replay memory's {name}", state[name], form)
            getattr(self, name)[:kept] = torch.from_numpy(np.require(array, requirements="W"))


class Memory(Store):
    """The last ``capacity`` transitions of N cars: whole vector steps, at least two.

    Attributes:
        rows: vector steps kept at most, T.
        filled: vector steps kept now.
        head: row written next.
    """

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
        super().__init__((self.rows, n), n_obs, n_actions, device)

    def __len__(self) -> int:
        """Number of transitions kept."""
        return self.filled * self.n

    @staticmethod
    def bytes_needed(capacity: int, n_obs: int, n_actions: int) -> int:
        """Memory of ``capacity`` transitions [bytes], before it is allocated."""
        return capacity * (4 * (2 * n_obs + n_actions + 1) + 2)

    def add(
        self, obs: Any, action: Any, reward: Any, next_obs: Any, terminated: Any, truncated: Any
    ) -> None:
        """Add one vector step; it overwrites the oldest.

        Observations are (N, O), actions (N, A) in [-1, 1], the others (N,); where an episode ended,
        ``next_obs`` holds its last observation.
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
        return {"head": self.head, "filled": self.filled, **self._arrays(self.filled)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` returned; a ``ValueError`` if it does not fit this memory."""
        places = Form((), np.int64, 0, self.rows)
        filled, head = (
            int(demand_array(f"the replay memory's {name}", np.asarray(state[name]), places))
            for name in ("filled", "head")
        )
        if head >= self.rows or (filled < self.rows and head != filled):
            raise ValueError("the replay memory has another size")
        self._take(filled, state)
        self.filled, self.head = filled, head
