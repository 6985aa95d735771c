"""Rows of experience that actors send to a learner, and the contract between them.

Owns the records and their checks, in plain NumPy, because actors do not import torch. ``scale``
transports them, ``agents.linked_replay`` stores them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retroracer.agents.model_file import Layers

MAX_VALUE = 1e6
"""Largest accepted magnitude of a number in an observation, and of a reward."""

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """T vector steps of N environments of one actor, in the order of time.

    Attributes:
        actor: number of the actor.
        life: unique name of this start of the actor.
        number: number of pieces the actor has sent before in this life.
        version: version of the weights it drove with; 0 = its fallback driver.
        obs: (T, N, O) observations before each step, scaled as the contract says.
        action: (T, N, A) in [-1, 1].
        reward: (T, N).
        next_obs: (T, N, O) observations after it; where an episode ended, its last one.
        terminated: (T, N) bool.
        truncated: (T, N) bool; the value after a truncated episode is bootstrapped.
        episodes: (M, 4) statistics of the episodes that ended in these steps: return, seconds,
            metres, and 1 where the episode was truncated.
    """

    actor: int
    life: str
    number: int
    version: int
    obs: Floats
    action: Floats
    reward: Floats
    next_obs: Floats
    terminated: Bools
    truncated: Bools
    episodes: npt.NDArray[np.float64]

    @property
    def transitions(self) -> int:
        """Number of transitions, T * N."""
        return int(self.reward.size)


STEPPED = ("obs", "action", "reward", "next_obs", "terminated", "truncated")
"""The fields of ``Rows`` whose first axis is the vector step."""


class Weights(NamedTuple):
    """What a learner sends to its actors.

    Attributes:
        version: increases with every change, over all sessions of a run; the first is 1.
        layers: of the actor network: weights (I, H) and biases; the last one gives means, then
            log standard deviations of the actions.
        random: True while actors take smooth random actions, because the driver is untrained.
        reward: current weights of the reward's terms, in their order; empty where the simulator
            has its own reward.
    """

    version: int
    layers: Layers
    random: bool
    reward: tuple[float, ...] = ()


@dataclass(frozen=True)
class Contract:
    """What learner and actors must agree on; compared when an actor joins.

    Attributes:
        layout: id of the observation; "" = not known yet.
        observations: numbers in an observation.
        actions: numbers in an action.
        scaling: factor on each number of the raw observation; empty = that of the layout.
        bounds: lowest and highest value of each action in the simulator's own units; empty =
            not known yet.
    """

    layout: str
    observations: int
    actions: int
    scaling: tuple[float, ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()

    def mismatch(self, actor: Contract) -> str | None:
        """The difference between an actor's contract and this one, in words; None if they agree."""
        pairs: list[tuple[str, Any, Any]] = [
            ("observations", self.observations, actor.observations),
            ("actions", self.actions, actor.actions),
        ]
        if self.layout and actor.layout:
            pairs.append(("observation layout", self.layout, actor.layout))
        if self.bounds and actor.bounds:
            pairs.append(("action bounds", self.bounds, actor.bounds))
        for what, mine, theirs in pairs:
            if mine != theirs:
                return f"{what}: the learner has {mine}, the actor {theirs}"
        for k, (mine, theirs) in enumerate(zip(self.scaling, actor.scaling, strict=False)):
            if mine != theirs:
                return (
                    f"scaling of number {k} of the observation: the learner has {mine:g}, "
                    f"the actor {theirs:g}"
                )
        if self.scaling and len(self.scaling) != len(actor.scaling):
            there = f"{len(actor.scaling)} factors" if actor.scaling else "none"
            return f"scaling: the learner has {len(self.scaling)} factors, the actor {there}"
        return None

    def completed_by(self, actor: Contract) -> Contract:
        """This contract, with unknown fields taken from an actor's."""
        return dataclasses.replace(
            self,
            layout=self.layout or actor.layout,
            scaling=self.scaling or actor.scaling,
            bounds=self.bounds or actor.bounds,
        )


def unfit(rows: Rows, contract: Contract) -> str | None:
    """Why rows cannot be learned from, in words; None if they can."""
    if rows.obs.ndim != 3 or 0 in rows.obs.shape[:2]:
        return f"observations of shape {rows.obs.shape}"
    steps, envs, width = rows.obs.shape
    if width != contract.observations:
        return f"{width} observations, not {contract.observations}"
    more = {"obs": (width,), "next_obs": (width,), "action": (contract.actions,)}
    for name in STEPPED:
        array = getattr(rows, name)
        kind = np.bool_ if name.endswith("ed") else np.float32
        if array.shape != (steps, envs, *more.get(name, ())) or array.dtype != kind:
            return f"{name} of shape {array.shape} and type {array.dtype}"
    for name in ("obs", "next_obs", "reward"):
        array = getattr(rows, name)
        if not (array.min() >= -MAX_VALUE and array.max() <= MAX_VALUE):  # nan is refused, too
            return f"{name} beyond {MAX_VALUE:g}"
    if not (rows.action.min() >= -1.0 and rows.action.max() <= 1.0):
        return "action beyond [-1, 1]"
    if rows.episodes.ndim != 2 or rows.episodes.shape[1] != 4:
        return f"episodes of shape {rows.episodes.shape}"
    if not np.isfinite(rows.episodes).all():
        return "episodes that are not finite"
    return None
