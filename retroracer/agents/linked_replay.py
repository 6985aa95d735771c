"""Replay memory for rows that arrive in pieces from many actors: a ring of linked rows.

Owns storing and drawing. ``replay.Memory`` holds one fixed batch of cars; here actors with any
number of environments come and go. Each row links to the row that followed it in its environment.
A lost piece is not linked, so that no n-step return crosses the gap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retroracer.agents.replay import Store
from retroracer.agents.rows import STEPPED, Rows
from retroracer.agents.sac_update import Batch
from retroracer.checks import Form, demand_array

NOTHING = -1
"""The link of a row whose next row has not arrived."""


class LinkedMemory(Store):
    """The last ``capacity`` transitions of all actors; ``added`` counts those ever added."""

    _FIELDS = (*Store._FIELDS, "link", "actor")

    def __init__(
        self, capacity: int, n_obs: int, n_actions: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__((capacity,), n_obs, n_actions, device)
        self.capacity = capacity
        self.added = 0
        self.link = torch.zeros(capacity, dtype=torch.int64, device=self.device)
        self.actor = torch.zeros(capacity, dtype=torch.int32, device=self.device)
        # For each actor: its life, the number of its last piece, and that piece's last rows.
        self._newest: dict[int, tuple[str, int, npt.NDArray[np.int64]]] = {}

    def __len__(self) -> int:
        """Number of transitions kept."""
        return min(self.added, self.capacity)

    def add(self, rows: Rows, reward_scale: float = 1.0) -> bool:
        """Add a piece that ``rows.unfit`` has checked; it overwrites the oldest rows.

        Returns:
            True if it directly follows the actor's last piece.

        Raises:
            ValueError: if one step of all environments is larger than the memory.
        """
        steps, envs = rows.reward.shape
        most = self.capacity // envs
        if most == 0:
            raise ValueError(f"a step of {envs} transitions, and {self.capacity} are kept")
        if steps > most:  # only the last steps have room
            cut = {name: getattr(rows, name)[-most:] for name in STEPPED}
            rows, steps = rows._replace(**cut), most
        count = steps * envs
        where = self.added + np.arange(count, dtype=np.int64).reshape(steps, envs)
        link = np.full(count, NOTHING, np.int64)
        link[: count - envs] = where.reshape(-1)[envs:] % self.capacity
        fields = {
            "obs": rows.obs,
            "next_obs": rows.next_obs,
            "action": rows.action,
            "reward": rows.reward * np.float32(reward_scale),
            "terminated": rows.terminated,
            "ended": rows.terminated | rows.truncated,
            "link": link,
            "actor": np.full(count, rows.actor, np.int32),
        }
        begin = self.added % self.capacity
        first = min(count, self.capacity - begin)
        for name, values in fields.items():
            store: Tensor = getattr(self, name)
            flat = values.reshape(count, *store.shape[1:])
            _put(store[begin : begin + first], flat[:first])
            if first < count:
                _put(store[: count - first], flat[first:])
        self.added += count
        life, number, last = self._newest.get(rows.actor, ("", -2, where[0]))
        follows = bool(life == rows.life and number + 1 == rows.number and len(last) == envs)
        if follows and last[0] >= self.added - self.capacity:  # not yet written over
            at = torch.from_numpy(last % self.capacity).to(self.device)
            self.link[at] = torch.from_numpy(where[0] % self.capacity).to(self.device)
        self._newest[rows.actor] = (rows.life, rows.number, where[-1])
        return follows

    def sample(self, batches: int, size: int, gamma: float, n_steps: int = 1) -> list[Batch]:
        """Draw batches of ``size`` transitions, uniformly, with replacement.

        A return adds up to ``n_steps`` discounted rewards. It is shorter where the episode ended or
        the next row is missing; ``discounts`` is the discount of the value after it, 0 where the
        episode terminated.
        """
        count = batches * size
        flat = torch.randint(len(self), (count,), device=self.device)
        total = self.reward[flat]
        last = flat.clone()
        discount = torch.full_like(total, gamma)
        going = torch.ones_like(flat, dtype=torch.bool)
        for _ in range(n_steps - 1):
            ahead = self.link[last]
            going = going & ~self.ended[last] & (ahead != NOTHING)
            ahead = torch.where(going, ahead, last)
            total = torch.where(going, total + discount * self.reward[ahead], total)
            discount = torch.where(going, discount * gamma, discount)
            last = ahead
        discount = discount * (~self.terminated[last])
        parts = (
            self.obs.index_select(0, flat),
            self.action.index_select(0, flat),
            total[:, None],
            self.next_obs.index_select(0, last),
            discount[:, None],
        )
        return [Batch(*(part[k : k + size] for part in parts)) for k in range(0, count, size)]

    def state(self) -> dict[str, Any]:
        """All transitions as NumPy arrays (views where possible), and the counter ``added``."""
        return {"added": np.int64(self.added), **self._arrays(len(self))}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` returned; a ``ValueError`` if it does not fit this memory."""
        counted = Form((), np.int64, 0, 2**62)
        counter = np.asarray(state["added"])
        added = int(demand_array("the replay memory's counter", counter, counted))
        kept = min(added, self.capacity)
        self._take(
            kept,
            state,
            link=Form((kept,), np.int64, NOTHING, max(kept - 1, 0)),
            actor=Form((kept,), np.int32, 0, 2**31 - 1),
        )
        self.added = added
        self._newest.clear()


def _put(store: Tensor, values: npt.NDArray[Any]) -> None:
    """Copy NumPy rows, which may be read-only views of shared memory."""
    if store.device.type == "cpu":
        np.copyto(store.numpy(), values)
    else:
        store.copy_(torch.from_numpy(np.array(values)))
