"""Replay memory for pixels: every frame is stored once, stacks are built when drawn.

Owns storing and drawing transitions of N envs. ``replay_file`` owns the file format, ``drq`` the
augmentation.

Each env has its own ring. A row of a ring is one frame, the action taken there, its reward and
whether it terminated; its ``age`` is the number of steps since its episode began. The last frame
of an ended episode has a row too, without an action, so that a truncated episode can be
bootstrapped. Two neighbouring rows belong to one episode exactly if the second's age is one more
than the first's. So no stack or transition crosses the end of an episode, a restart, or the row
written next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pixels = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

TRIES = 1000
"""Attempts at drawing after which the memory counts as holding no complete transition."""


class PixelBatch(NamedTuple):
    """Transitions on the learner's device.

    Attributes:
        obs: (B, stack * channels, H, W), oldest frame first; float32 from 0 to 1, or uint8.
        action: (B, ...).
        reward: (B,) summed over the steps, discounted.
        next_obs: as ``obs``, ``n_steps`` later or at the episode's end.
        discount: (B,) of the value of ``next_obs``: gamma to the power of the number of steps; 0
            after a terminated episode.
    """

    obs: Tensor
    action: Tensor
    reward: Tensor
    next_obs: Tensor
    discount: Tensor


@dataclass
class _Staging:
    """Pinned memory for frames on their way to the device, and the event of the copy's end."""

    frames: Tensor
    left: Any = None


class PixelReplay:
    """The last frames of N envs.

    Args:
        capacity: frames kept, of all envs together.
        envs: N.
        frame: (channels, H, W) of a single frame.
        action: shape of an action, () for a discrete one.
        discrete: True if actions are integers.
        stack: frames in an observation.
        n_steps: steps of a transition; fewer at an episode's end.
        gamma: discount per step.
        device: device of the batches.
        storage: where frames are kept: "cpu", or the device if it has enough memory.
        seed: seed of the random draws.
    """

    def __init__(
        self,
        capacity: int,
        envs: int,
        frame: tuple[int, int, int],
        action: tuple[int, ...],
        *,
        discrete: bool = False,
        stack: int = 4,
        n_steps: int = 1,
        gamma: float = 0.99,
        device: torch.device | str = "cpu",
        storage: torch.device | str = "cpu",
        seed: int | None = None,
    ) -> None:
        rows = capacity // envs
        if rows < stack + n_steps + 1:
            raise ValueError(
                f"{capacity} frames of {envs} envs are too few for stacks of {stack} "
                f"and {n_steps} steps"
            )
        self.envs, self.rows, self.frame = envs, rows, frame
        self.stack, self.n_steps, self.gamma = stack, n_steps, gamma
        self.device, self.storage = torch.device(device), torch.device(storage)
        self.rng = np.random.default_rng(seed)
        # Pages of zeros cost nothing until they are written.
        self.frames = torch.zeros(
            (rows * envs, int(np.prod(frame))), dtype=torch.uint8, device=self.storage
        )
        kind = np.int64 if discrete else np.float32
        self.action: npt.NDArray[Any] = np.zeros((rows, envs, *action), kind)
        self.reward = np.zeros((rows, envs), np.float32)
        self.terminated = np.zeros((rows, envs), np.bool_)
        self.age = np.zeros((rows, envs), np.int32)
        self.head = np.zeros(envs, np.int64)  # row written next
        self.filled = np.zeros(envs, np.int64)
        self._staging: list[_Staging] = []

    @staticmethod
    def bytes_needed(
        capacity: int, frame: tuple[int, int, int], action: tuple[int, ...], discrete: bool = False
    ) -> int:
        """Memory [bytes] of a replay, before it is made."""
        actions = int(np.prod(action)) * (8 if discrete else 4)
        return capacity * (int(np.prod(frame)) + actions + 4 + 1 + 4)

    @property
    def nbytes(self) -> int:
        """Memory that the rings take [bytes]."""
        arrays = (self.action, self.reward, self.terminated, self.age)
        return self.frames.nbytes + sum(a.nbytes for a in arrays)

    def __len__(self) -> int:
        """Frames kept now."""
        return int(self.filled.sum())

    def begin(self, obs: Pixels) -> None:
        """Begin episodes in all envs; of stacks (N, channels, H, W) the newest frame is kept."""
        all_envs = np.arange(self.envs)
        self._write(all_envs, obs, np.zeros(self.envs, np.int32))

    def add(
        self,
        action: npt.NDArray[Any],
        reward: npt.NDArray[Any],
        terminated: npt.NDArray[np.bool_],
        truncated: npt.NDArray[np.bool_],
        obs: Pixels,
        final_obs: Sequence[Pixels] | Pixels = (),
    ) -> None:
        """Add a step of all envs; an env that ends an episode has begun the next one already.

        The arrays have a row for each env. Where an episode ended, ``obs`` is the first observation
        of the next one; ``final_obs`` has the last ones of those that ended, in order of envs.

        Raises:
            ValueError: if there is not one final observation per ended episode.
        """
        all_envs = np.arange(self.envs)
        here = (self.head - 1) % self.rows
        self.action[here, all_envs] = np.reshape(action, self.action.shape[1:])
        self.reward[here, all_envs] = reward
        self.terminated[here, all_envs] = terminated
        older = self.age[here, all_envs] + 1
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            if len(final_obs) != len(ended):
                raise ValueError(f"{len(ended)} episodes ended, {len(final_obs)} last frames came")
            self._write(ended, np.asarray(final_obs), older[ended])
            older[ended] = 0
        self._write(all_envs, obs, older)

    def _write(self, envs: Ints, obs: Pixels, age: npt.NDArray[np.int32]) -> None:
        newest = np.ascontiguousarray(obs[:, -self.frame[0] :]).reshape(len(envs), -1)
        head = self.head[envs]
        at = torch.from_numpy(head * self.envs + envs)
        self.frames[at.to(self.storage)] = torch.from_numpy(newest).to(self.storage)
        self.age[head, envs] = age
        self.head[envs] = (head + 1) % self.rows
        self.filled[envs] = np.minimum(self.filled[envs] + 1, self.rows)

    def draw(self, count: int) -> tuple[Ints, Ints]:
        """Rows and envs of ``count`` transitions, drawn uniformly from all complete ones."""
        row, env = np.empty(0, np.int64), np.empty(0, np.int64)
        before_newest = np.maximum(self.filled - 1, 0)
        bounds = np.cumsum(before_newest)
        for _ in range(TRIES):
            short = count - len(row)
            if short == 0 or bounds[-1] == 0:
                break
            choice = self.rng.integers(0, bounds[-1], short)
            e = np.searchsorted(bounds, choice, side="right")
            behind = choice - (bounds[e] - before_newest[e])  # rows older than this one
            r = (self.head[e] - self.filled[e] + behind) % self.rows
            whole = self._continues(r, e) & (np.minimum(self.stack - 1, self.age[r, e]) <= behind)
            row, env = np.append(row, r[whole]), np.append(env, e[whole])
        if len(row) < count:
            raise ValueError("the replay holds no whole transition yet")
        return row, env

    def _continues(self, row: Ints, env: Ints) -> npt.NDArray[np.bool_]:
        """True where the next row is the next step of the same episode."""
        following = (row + 1) % self.rows
        grown = self.age[following, env] == self.age[row, env] + 1
        return np.asarray(grown & (following != self.head[env]))

    def sample(self, count: int, raw: bool = False) -> PixelBatch:
        """Draw transitions; ``raw`` leaves the pixels uint8, not float32 from 0 to 1."""
        row, env = self.draw(count)
        reward = self.reward[row, env].astype(np.float32)
        last, steps, alive = row.copy(), np.ones(count), np.ones(count, np.bool_)
        for m in range(1, self.n_steps):
            following = (last + 1) % self.rows
            alive &= self._continues(following, env)
            reward += np.where(alive, self.gamma**m * self.reward[following, env], 0.0)
            last = np.where(alive, following, last)
            steps += alive
        discount = np.where(self.terminated[last, env], 0.0, self.gamma**steps)
        both = np.stack([row, (last + 1) % self.rows])  # (2, B)
        back = np.minimum(np.arange(self.stack)[::-1], self.age[both, env][..., None])
        index = ((both[..., None] - back) % self.rows) * self.envs + env[:, None]
        frames = self._fetch(torch.from_numpy(index.reshape(-1)))
        shape = (2, count, self.stack * self.frame[0], *self.frame[1:])
        seen = frames.view(shape)
        if not raw:
            seen = seen.to(torch.float32).div_(255.0)
        return PixelBatch(
            seen[0],
            torch.from_numpy(self.action[row, env]).to(self.device),
            torch.from_numpy(reward).to(self.device),
            seen[1],
            torch.from_numpy(discount.astype(np.float32)).to(self.device),
        )

    def _fetch(self, index: Tensor) -> Tensor:
        """Frames by index, on the device."""
        if self.storage.type != "cpu":
            return self.frames[index.to(self.storage)].to(self.device)
        if self.device.type != "cuda":
            return torch.index_select(self.frames, 0, index).to(self.device)
        # Two blocks of pinned memory in turn: while one is copied, the other is filled.
        if not self._staging or len(self._staging[0].frames) != len(index):
            room = (len(index), self.frames.shape[1])
            self._staging = [
                _Staging(torch.empty(room, dtype=torch.uint8, pin_memory=True)) for _ in range(2)
            ]
        stage = self._staging[0]
        self._staging.reverse()
        if stage.left is not None:
            stage.left.synchronize()
        torch.index_select(self.frames, 0, index, out=stage.frames)
        there = stage.frames.to(self.device, non_blocking=True)
        stage.left = torch.cuda.Event()  # type: ignore[no-untyped-call]
        stage.left.record()
        return there
