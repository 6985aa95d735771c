"""SAC: every car's transitions in one replay memory, several updates per vector step.

Owns the schedule of gathering and updates. The update is in ``agents.sac_update``, the class that
Stable-Baselines3 opens in ``agents.fast_sac``.

Source: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch

from retroracer.agents.facts import plain_json
from retroracer.agents.networks import policy_head
from retroracer.agents.replay import Memory
from retroracer.agents.sac_settings import SacSettings as SacArguments
from retroracer.agents.sac_update import Measured, squash
from retroracer.checks import Form, count, demand_array, generator_state, number
from retroracer.config import Range
from retroracer.physics.race import CONTROL_DT
from retroracer.training.learners.branches import Branches, BranchSettings
from retroracer.training.learners.demonstrations import Demonstrations, gather
from retroracer.training.learners.learner import Clock, Learner, State, cosine, part, under
from retroracer.training.learners.racing import Racing

HOLD = 0.1
"""Probability per step that a random driver draws a new action; on average it holds one for ten
steps."""

WARMUP_CHUNK = 16
"""Vector steps of the warm-up in one round of the run."""


@dataclass(frozen=True)
class SACSettings(SacArguments):
    """SAC's hyperparameters, by Stable-Baselines3's names where it has them.

    Attributes:
        buffer_size: transitions kept for replay.
        learning_starts: steps driven before the first update: with random actions, or by a driver
            that was trained before.
        critics_first: updates of the critics alone at the beginning, so that a trained driver is
            not updated from untrained critics.
        policy_delay: update the actor every N critic updates.
        critics: value of an action: "least" of the two critics, as in Stable-Baselines3, or their
            "mean". The least underestimates values and makes slow drivers.
        reward_scale: factor on rewards in training, so that values have a size that networks learn
            quickly; the zip's critics have the rewards' own scale again.
        action_noise: standard deviation of the noise added to the squashed actions of the cars that
            fill the replay: the critics must see what slightly less throttle costs.
        noise_hold: time constant of that noise and of SAC's own [s]; 0 = drawn anew every decision.
        final_rate: share of the learning rate that is left at the end, along half a cosine.
        final_entropy: target entropy at the end, approached linearly; None = as at the start.
        branches: how the slopes of actions' values are measured in the simulator.
        demonstrations: transitions of the line driver in the batches.
    """

    learning_rate: Annotated[float, Range(low=1e-8, high=1)] = 3e-4
    batch_size: Annotated[int, Range(low=1, high=1_000_000)] = 512
    ent_coef: float | str = "auto_0.005"
    target_entropy: float | str = -5.0
    gradient_steps: Annotated[int, Range(low=-1, high=1_000_000)] = 16
    n_steps: Annotated[int, Range(low=1, high=1000)] = 6
    buffer_size: Annotated[int, Range(low=1000, high=50_000_000)] = 1_000_000
    learning_starts: Annotated[int, Range(low=0, high=10**9)] = 10_000
    critics_first: Annotated[int, Range(low=0, high=1_000_000)] = 0
    policy_delay: Annotated[int, Range(low=1, high=100)] = 1
    critics: Literal["least", "mean"] = "least"
    reward_scale: Annotated[float, Range(above=0, high=1e3)] = 1.0
    action_noise: Annotated[float, Range(low=0, high=1)] = 0.0
    noise_hold: Annotated[float, Range(low=0, high=60)] = 0.0
    final_rate: Annotated[float, Range(low=0, high=1)] = 0.05
    final_entropy: Annotated[float, Range(low=-1000, high=1000)] | None = -8.0
    branches: BranchSettings = field(default_factory=BranchSettings)
    demonstrations: Demonstrations = field(default_factory=Demonstrations)

    def arguments(self) -> dict[str, Any]:
        """The arguments for Stable-Baselines3's SAC, by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(SacArguments)}


class SAC(Learner):
    """Replay and updates of actor, critics and entropy coefficient."""

    Settings: ClassVar[type] = SACSettings
    algorithm = "SAC"

    def __init__(self, racing: Racing, settings: Any, first: bool) -> None:
        self.racing, self.settings, self.model = racing, settings, racing.model
        run, updater = racing.settings, self.model.updater
        self.model.policy_delay = settings.policy_delay
        self.model.mean_of_critics = settings.critics == "mean"
        self.model.set_reward_scale(settings.reward_scale)
        self.memory = self._make_memory()
        own = run.track and settings.demonstrations.share  # another simulator has no cars
        pool = racing.batch.pool.tracks if own else None
        self.demonstrations = gather(racing, settings.demonstrations, pool)
        if self.demonstrations is not None:
            self.demonstrations.reward.mul_(settings.reward_scale)
        self.branches: Branches | None = None
        if self.moves_driver and settings.branches.states:
            self.branches = Branches(
                racing, settings.branches, settings.gamma, settings.reward_scale
            )
        self.trained = not first or run.parent is not None
        self.demonstrating = False
        self.warmed = 0
        self.critics_left = settings.critics_first if self.trained else 0
        self.first_entropy = float(self.model.target_entropy)
        if not first:  # start from the entropy that the stage before has left
            self.first_entropy = self._entropy()
        self.rng = np.random.default_rng([run.seed, 1])
        self.held = np.zeros((run.cars, updater.n_actions), np.float32)
        self.noise = torch.zeros(2, run.cars, updater.n_actions)  # before and after squashing

    def _make_memory(self) -> Any:
        updater, cars = self.model.updater, self.racing.settings.cars
        size, device = self.settings.buffer_size, self.model.device
        return Memory(size, cars, updater.n_obs, updater.n_actions, device)

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s = self.settings
        tried = "" if self.branches is None else f"{s.branches.states} states branched from, "
        return (
            f"{tried}{self._count()} updates of {s.batch_size} a vector step, {s.buffer_size:,} "
            f"transitions kept ({self.memory.megabytes:,.0f} MB), rate {s.learning_rate:g}"
        )

    def _count(self) -> int:
        s = self.settings
        steps: int = s.gradient_steps
        return steps if steps > 0 else int(s.train_freq) * self.racing.batch.n

    def round(self, clock: Clock) -> dict[str, float]:
        """Drive ``train_freq`` vector steps, then ``gradient_steps`` updates."""
        self.racing.set_reward(clock.share)
        if self.warmed < self.settings.learning_starts:
            self._warm_up(clock)
            return {}
        for _ in range(self.settings.train_freq):
            self._step(self._explore())
        return self._learn(clock, self._count())

    def _warm_up(self, clock: Clock) -> None:
        """Fill the replay memory before the first update.

        With an untrained driver, actions are random and held for a while. A trained driver acts
        itself, because random actions would teach its critics to expect crashes.
        """
        n = self.racing.batch.n
        for _ in range(WARMUP_CHUNK):
            if self.trained:
                actions = self._explore()
            else:
                drawn = self.rng.uniform(-1.0, 1.0, self.held.shape).astype(np.float32)
                change = self.rng.random((n, 1)) < HOLD
                actions = self.held = np.where(change, drawn, self.held)
            self._step(actions)
            self.warmed += n
            if self.warmed >= self.settings.learning_starts:
                break
        clock.tell(self.warmed / self.settings.learning_starts)

    def _explore(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Actions of all cars (N, 2), with noise correlated over ``noise_hold`` seconds."""
        s = self.settings
        decision = CONTROL_DT * self.racing.settings.action_repeat
        kept = math.exp(-decision / s.noise_hold) if s.noise_hold else 0.0
        fresh = torch.randn(self.noise.shape)
        self.noise.mul_(kept).add_(fresh, alpha=math.sqrt(1.0 - kept * kept))
        before, after = self.noise
        actions = self.model.explore(self.racing.obs, before.to(self.model.device))
        moved: np.ndarray[Any, np.dtype[np.float32]] = actions + s.action_noise * after.numpy()
        return np.clip(moved, -1.0, 1.0, out=moved)

    def _step(self, actions: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        obs = self.racing.obs
        result = self.racing.step(actions)
        reward = (self.settings.reward_scale * result.reward).astype(np.float32)
        self.memory.add(obs, actions, reward, result.next_obs, result.terminated, result.truncated)

    def _learn(self, clock: Clock, count: int) -> dict[str, float]:
        settings, model = self.settings, self.model
        shown = self._n_demonstrations(clock.share)
        batches = self.memory.sample(
            count, settings.batch_size - shown, settings.gamma, settings.n_steps
        )
        if shown and self.demonstrations is not None:
            added = self.demonstrations.sample(count, shown, settings.gamma, settings.n_steps)
            batches = [own.beside(other) for own, other in zip(batches, added, strict=True)]
        train_actor = self.moves_driver and self.critics_left == 0
        self.critics_left = max(self.critics_left - count, 0)
        model.target_entropy = self._target_entropy(clock.stage_share)
        last = settings.final_rate * settings.learning_rate
        rate = clock.lr_scale * cosine(settings.learning_rate, last, clock.stage_share)
        gains: dict[str, float] = {}
        measured: list[Measured] = []
        if self.branches is not None and train_actor:
            gains = self.branches.measure(clock.stage_share)
            measured = self.branches.sample()
        losses = model.update(batches, rate, train_actor, measured)
        model._n_updates -= count  # ``update`` has counted them already
        self.racing.count_updates(count, train_actor)
        return losses | gains | {"learning_rate": rate}

    def _n_demonstrations(self, share: float) -> int:
        """Number of demonstrations in a batch, when ``share`` of the budget is used up."""
        if self.demonstrations is None:
            return 0
        wanted = self.settings.demonstrations
        ready = share >= wanted.latest or self.racing.survived >= wanted.ready
        self.demonstrating = self.demonstrating or ready
        return round(wanted.share * self.settings.batch_size) if self.demonstrating else 0

    def _target_entropy(self, share: float) -> float:
        first, last = self.first_entropy, self.settings.final_entropy
        if last is None or first < last:  # the entropy is already below its final target
            return first
        return float(first + share * (last - first))

    def _entropy(self) -> float:
        """Mean entropy of the actor's squashed actions for the cars' current observations."""
        with torch.no_grad():
            obs = torch.from_numpy(self.racing.obs).to(self.model.device)
            mean, log_std = policy_head(self.model.actor, obs, self.model.half)
            return -float(squash(mean, log_std, torch.randn_like(mean))[1].mean())

    def state(self) -> State:
        """Replay memory and counters."""
        plain = {
            "warmed": self.warmed,
            "critics_left": self.critics_left,
            "demonstrating": self.demonstrating,
            "trained": self.trained,
            "first_entropy": self.first_entropy,
            "rng": self.rng.bit_generator.state,
        }
        return {
            "facts": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "held": self.held.copy(),
            "noise": self.noise.numpy().copy(),
            **under("memory", self.memory.state()),
            **({} if self.branches is None else under("branches", self.branches.state())),
        }

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        plain = plain_json(bytes(state["facts"]), bits=160)
        self.warmed = count(plain, "warmed")
        self.critics_left = count(plain, "critics_left")
        self.demonstrating = bool(plain["demonstrating"])
        self.trained = bool(plain["trained"])
        self.first_entropy = number(plain, "first_entropy", -1e6, 1e6)
        self.rng.bit_generator.state = generator_state(plain["rng"])
        held = Form(self.held.shape, np.float32, -1.0, 1.0)
        self.held = demand_array("held actions", state["held"], held).copy()
        noise = Form(tuple(self.noise.shape), np.float32, -100.0, 100.0)
        self.noise.copy_(torch.from_numpy(demand_array("noise", state["noise"], noise)))
        self.memory.restore(part(state, "memory"))
        if self.branches is not None:
            self.branches.restore(part(state, "branches"))
