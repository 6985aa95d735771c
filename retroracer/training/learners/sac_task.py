"""What tasks with a SAC model share: weights, their average, episode statistics, counters.

Owns the model's side of a task. Subclasses provide the experience: ``racing`` drives cars,
``streamed_task`` receives rows from actors.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from retroracer.agents.facts import plain_json
from retroracer.agents.fast_sac import FastSAC
from retroracer.checks import Form, count, demand_array, number
from retroracer.training.learners.learner import State, part
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.task import Task

_STATISTICS = ("return", "seconds", "metres", "survived")
"""Of a training episode: sum of rewards, length [s], progress [m], 1 if it was truncated."""


class SACTask(Task):
    """A task with a SAC model whose averaged actor is the driver that is evaluated and kept.

    The model is a subclass of SB3's SAC, so that SB3 opens the zip.

    Attributes:
        average: (P,) the actor's weights averaged over the last ``settings.averaging`` updates.
    """

    def __init__(self, settings: RacingSettings, model: FastSAC) -> None:
        self.settings, self.model = settings, model
        self.average = self.actor.flat.clone()
        self._stats = EpisodeStats()

    @property
    def actor(self) -> Any:
        """The parameters of the actor; ``flat`` is one vector of all of them."""
        return self.model.updater.actor

    @property
    def steps(self) -> int:
        """Control steps of all cars together, a parent's included."""
        return self.model.num_timesteps

    @property
    def updates(self) -> int:
        """Gradient updates so far, a parent's included."""
        return self.model._n_updates

    @property
    def survived(self) -> float:
        """Share of the last training episodes that were driven to their end."""
        return self._stats.survived

    def count_updates(self, updates: int, actor: bool = True) -> None:
        """Count updates; if the actor was updated, move the averaged weights towards it."""
        self.model._n_updates += updates
        if actor and updates:
            window = self.settings.averaging
            share = 1.0 if window == 0 else min(1.0, updates / window)
            self.average.lerp_(self.actor.flat, share)

    def keep_actor(self) -> None:
        """Set the averaged weights to the actor's current weights."""
        self.average.copy_(self.actor.flat)

    @contextmanager
    def averaged(self) -> Iterator[FastSAC]:
        """The model with the averaged weights in its actor, inside this block."""
        own = self.actor.flat.clone()
        self.actor.flat.copy_(self.average)
        try:
            yield self.model
        finally:
            self.actor.flat.copy_(own)

    def episode_stats(self) -> dict[str, float]:
        """Means over the last episodes: return, seconds, metres, survived."""
        return self._stats.means()

    def weights(self) -> dict[str, Any]:
        """Copies of weights, optimiser moments and averages."""
        return {"average": self.average.cpu().numpy().copy()} | {
            f"model.{k}": v for k, v in self.model.updater.state().items()
        }

    def rewind(self, weights: Mapping[str, Any]) -> None:
        """Restore what ``weights`` returned; the cars stay where they are."""
        self.model.updater.restore(part(weights, "model"))
        self.average.copy_(torch.from_numpy(weights["average"]))

    def state(self) -> State:
        """Model, counters, statistics and random state, as plain arrays."""
        state: State = {
            "facts": np.frombuffer(json.dumps(self._plain()).encode(), np.uint8),
            "torch_rng": torch.get_rng_state().numpy().copy(),
        }
        if self.model.device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state().cpu().numpy()
        return state | self.weights()

    def _plain(self) -> dict[str, Any]:
        """What of the state JSON can hold."""
        return {
            "steps": self.steps,
            "updates": self.updates,
            "stats": self._stats.state(),
            "target_entropy": float(self.model.target_entropy),
        }

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        average = Form(tuple(self.average.shape), np.float32)
        demand_array("the averaged driver", state["average"], average)
        plain = plain_json(bytes(state["facts"]), bits=160)
        self.rewind(state)
        self.model.num_timesteps = count(plain, "steps")
        self.model._n_updates = count(plain, "updates")
        self.model.target_entropy = number(plain, "target_entropy", -1e6, 1e6)
        self._stats.restore(plain["stats"])
        torch.set_rng_state(torch.from_numpy(np.array(state["torch_rng"])))
        if self.model.device.type == "cuda" and "cuda_rng" in state:
            torch.cuda.set_rng_state(torch.from_numpy(np.array(state["cuda_rng"])))


class EpisodeStats:
    """Statistics of the last training episodes of all cars."""

    def __init__(self) -> None:
        self._episodes: deque[tuple[float, ...]] = deque(maxlen=200)

    def add(
        self,
        returns: npt.NDArray[Any],
        seconds: npt.NDArray[Any],
        metres: npt.NDArray[Any],
        survived: npt.NDArray[Any],
    ) -> None:
        """Add the M episodes that ended in a step; all arguments are (M,)."""
        columns = (returns, seconds, metres, survived.astype(float))
        self._episodes.extend(zip(*(c.tolist() for c in columns), strict=True))

    @property
    def survived(self) -> float:
        """Share of the episodes that were driven to their end; 0 until the window is full."""
        full = len(self._episodes) == self._episodes.maxlen
        return self.means()["survived"] if full else 0.0

    def means(self) -> dict[str, float]:
        """Means by name; empty before the first episode has ended."""
        count = len(self._episodes)
        if not count:
            return {}
        return {n: sum(e[k] for e in self._episodes) / count for k, n in enumerate(_STATISTICS)}

    def state(self) -> list[tuple[float, ...]]:
        """The episodes in the window, as plain data."""
        return list(self._episodes)

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Take over what ``state`` returned; a ValueError if it is not four finite numbers each."""
        episodes = np.array(state, np.float64).reshape(-1, len(_STATISTICS))
        if not np.isfinite(episodes).all():
            raise ValueError("the episodes counted are not finite")
        self._episodes.clear()
        self._episodes.extend(tuple(e) for e in episodes.tolist())
