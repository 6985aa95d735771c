"""Branched rollouts: the slope of an action's value, measured in the simulator.

The simulator can be set to any state. From the states of some of the run's cars each action is
tried a little larger and a little smaller, for one decision; then the driver drives on for some
steps, and its target critics value the rest. The difference of the two returns over the difference
of the two actions is the slope of the action's value. SAC takes this slope from its critics, which
hardly know it: 0.3 more throttle for 0.1 s changes a return by a thousandth, less than a critic's
error.

Sources: the "vine" of Schulman et al. 2015, Trust Region Policy Optimization; bootstrapped
rollouts of a model as in Feinberg et al. 2018, Model-Based Value Expansion. Here the model is the
simulator itself, and the actor learns from the slopes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from retroracer.agents.facts import plain_json
from retroracer.agents.networks import policy_head
from retroracer.agents.sac_update import Measured
from retroracer.checks import Form, count, demand_array, generator_state, number
from retroracer.config import Range
from retroracer.envs import task
from retroracer.training.learners.learner import State
from retroracer.training.learners.racing import Racing

TRIED = 4
"""Actions tried in a state: more and less steering, more and less throttle."""

MAX_SLOPE = 1e9
"""Largest slope accepted from a saved run."""

GAINS = ("gain_steer", "gain_throttle")
"""What a measurement shows in a run's progress."""


@dataclass(frozen=True)
class BranchSettings:
    """How the slopes of actions' values are measured.

    Attributes:
        states: number of states branched from before every round of updates; 0 = no branches: the
            actor learns from the critics alone, as in Stable-Baselines3.
        steps: decisions that a branch is driven before the critics value the rest.
        final_steps: the same at the end of the stage, reached evenly; None = ``steps``. Branches k
            times as long are measured in every k-th round only, so that training costs the same.
        steer: change of the steering action that is tried.
        throttle: change of the throttle action that is tried.
        most: differences of returns are clipped to +- this, in scaled rewards, so that one car that
            leaves the road does not outweigh hundreds of others.
        kept: number of rounds whose slopes are kept and learned from.
        updates: updates of the actor from slopes, per round.
        batch_size: states in such an update.
    """

    states: Annotated[int, Range(low=0, high=65536)] = 0
    steps: Annotated[int, Range(low=1, high=1000)] = 10
    final_steps: Annotated[int, Range(low=1, high=1000)] | None = None
    steer: Annotated[float, Range(above=0, high=1)] = 0.06
    throttle: Annotated[float, Range(above=0, high=1)] = 0.25
    most: Annotated[float, Range(above=0, high=1e6)] = 0.3
    kept: Annotated[int, Range(low=1, high=1000)] = 8
    updates: Annotated[int, Range(low=1, high=1000)] = 8
    batch_size: Annotated[int, Range(low=1, high=65536)] = 256


class Branches:
    """Measures slopes from the states of a task's cars and keeps those of the last rounds."""

    def __init__(
        self, racing: Racing, settings: BranchSettings, gamma: float, reward_scale: float
    ) -> None:
        self.racing, self.settings = racing, settings
        self.gamma, self.reward_scale = gamma, reward_scale
        own, device = racing.batch, racing.model.device
        self.rng = np.random.default_rng([racing.settings.seed, 4])
        self.batch = own.twin(TRIED * settings.states)
        room = settings.kept * settings.states
        self.obs = torch.zeros(room, own.obs.shape[1], device=device)
        self.actions = torch.zeros(room, 2, device=device)
        self.slopes = torch.zeros(room, 2, device=device)
        self.size = torch.tensor([settings.steer, settings.throttle], device=device)
        self.head = self.filled = 0
        self.due = 0.0
        self.gains: dict[str, float] = {}

    def steps(self, share: float) -> int:
        """Decisions a branch is driven when ``share`` of the stage is over."""
        first, last = self.settings.steps, self.settings.final_steps
        return first if last is None else round(first + min(share, 1.0) * (last - first))

    def measure(self, share: float = 0.0) -> dict[str, float]:
        """Branch from the current states of some of the cars, if it is this round's turn.

        Returns the median absolute difference of returns when it was last measured, in scaled
        rewards, for each action. ``share`` of the stage is over.
        """
        steps = self.steps(share)
        self.due = min(self.due + self.settings.steps / steps, 1.0)
        if self.due >= 1.0 or not self.filled:
            self.due -= 1.0
            self.gains = self._measure(steps)
        return self.gains

    def _measure(self, steps: int) -> dict[str, float]:
        s, own, model = self.settings, self.racing.batch, self.racing.model
        m = s.states
        chosen = self.rng.choice(own.n, m, replace=m > own.n)
        self.batch.take_over(own, np.repeat(chosen, TRIED))
        with torch.no_grad():
            first = torch.from_numpy(own.obs[chosen]).to(model.device)
            mean, log_std = policy_head(model.actor, first, model.half)
            action = torch.tanh(mean + log_std.exp() * torch.randn_like(mean))
            change = torch.diag(self.size)
            tried = action[:, None, None] + torch.stack((change, -change))  # (m, sign, which, 2)
            tried = tried.clamp_(-1.0, 1.0)
            span = torch.diagonal(tried[:, 0] - tried[:, 1], dim1=1, dim2=2)
            worth = self._drive(tried.view(-1, 2), steps).view(m, 2, 2)
            gain = (worth[:, 0] - worth[:, 1]).clamp_(-s.most, s.most)
            at = slice(self.head * m, self.head * m + m)
            self.obs[at], self.actions[at], self.slopes[at] = first, action, gain / span
        self.head = (self.head + 1) % s.kept
        self.filled = min(self.filled + 1, s.kept)
        return dict(zip(GAINS, gain.abs().median(0).values.tolist(), strict=True))

    def _drive(self, actions: Tensor, steps: int) -> Tensor:
        """Returns (N,) of actions (N, 2), in scaled rewards, if the driver drives on after them."""
        model, batch = self.racing.model, self.batch
        total, discount = np.zeros(batch.n), np.full(batch.n, self.reward_scale)
        for _ in range(steps):
            seen, reward, terminated, _ = batch.step(actions.numpy(force=True), autoreset=False)
            total += discount * reward
            discount *= np.where(terminated, 0.0, self.gamma)
            obs = torch.from_numpy(seen).to(model.device)
            actions = torch.tanh(policy_head(model.actor, obs, model.half)[0])
        rest = model.target_value(obs, actions).cpu().numpy()
        total += discount / self.reward_scale * rest
        return torch.from_numpy(total.astype(np.float32)).to(model.device)

    def sample(self) -> list[Measured]:
        """Batches of slopes for a round of updates of the actor."""
        s = self.settings
        rows = torch.randint(self.filled * s.states, (s.updates, s.batch_size))
        rows = rows.to(self.obs.device)
        return [Measured(self.obs[r], self.actions[r], self.slopes[r], self.size) for r in rows]

    def state(self) -> State:
        """The slopes kept, and the random state."""
        used = self.filled * self.settings.states
        plain = {
            "head": self.head,
            "filled": self.filled,
            "due": self.due,
            "gains": self.gains,
            "rng": self.rng.bit_generator.state,
        }
        return {
            "facts": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            **{k: getattr(self, k)[:used].cpu().numpy() for k in ("obs", "actions", "slopes")},
        }

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned; a ValueError if it does not fit."""
        plain, s = plain_json(bytes(state["facts"]), bits=160), self.settings
        self.filled = count(plain, "filled", s.kept)
        self.head = count(plain, "head", s.kept - 1)
        self.due = number(plain, "due", -1.0, 1.0)
        gains = plain["gains"] if self.filled else {}
        self.gains = {name: number(gains, name, 0.0, s.most) for name in gains if name in GAINS}
        if self.filled < s.kept and self.head != self.filled:
            raise ValueError("the branches have another size")
        used, most = self.filled * s.states, (task.LIMIT, 1.0, MAX_SLOPE)
        for name, limit in zip(("obs", "actions", "slopes"), most, strict=True):
            room = getattr(self, name)
            form = Form((used, room.shape[1]), np.float32, -limit, limit)
            room[:used] = torch.from_numpy(demand_array(name, state[name], form).copy())
        self.rng.bit_generator.state = generator_state(plain["rng"])
