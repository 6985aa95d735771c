"""SAC, SAC+DrQ and DQN from pixels: driving, replay, and updates while the envs drive on.

Owns the loop between envs, replay and model. The updates are SB3's (SAC, DQN) or those of
``agents.pixels.drq``.

Source: Haarnoja et al. 2018 (SAC); Kostrikov et al. 2020 (DrQ); Mnih et al. 2015 (DQN).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.utils import FloatSchedule, polyak_update

from retroracer.agents.facts import plain_json
from retroracer.agents.pixels import replay_file
from retroracer.agents.pixels.drq import means
from retroracer.agents.pixels.replay import PixelReplay
from retroracer.checks import count, generator_state, number
from retroracer.config import Range
from retroracer.errors import UserError
from retroracer.training.learners.learner import Clock, Learner, State
from retroracer.training.learners.pixels.settings import (
    Count,
    Footprint,
    PixelSettings,
    Rate,
    Share,
)
from retroracer.training.learners.pixels.task import Pixels

HOLD = 0.25
"""Probability per action that a random driver draws a new one; on average it holds one for a
third of a second."""

_LOGGED = ("critic_loss", "actor_loss", "ent_coef", "ent_coef_loss", "loss")


@dataclass(frozen=True)
class OffPolicySettings:
    """The settings that the three algorithms share.

    Attributes:
        learning_rate: learning rate of all networks.
        gamma: discount per action.
        tau: soft-update coefficient of the target network, per update.
        batch_size: transitions in an update.
        n_steps: length of the n-step returns.
        buffer_size: frames kept.
        replay_on_device: True to keep them on the GPU.
        learning_starts: actions before the first update: random ones, or a parent's.
        update_every: vector steps from one round of updates to the next.
        update_ratio: updates per action taken.
    """

    learning_rate: Rate = 3e-4
    gamma: Rate = 0.99
    tau: Rate = 0.01
    batch_size: Count = 128
    n_steps: Annotated[int, Range(low=1, high=20)] = 3
    buffer_size: Annotated[int, Range(low=100, high=20_000_000)] = 100_000
    replay_on_device: bool = False
    learning_starts: Annotated[int, Range(low=0, high=10**9)] = 4000
    update_every: Count = 1
    update_ratio: Annotated[float, Range(low=1e-6, high=100)] = 0.25

    discrete: ClassVar[bool] = False
    key: ClassVar[str] = ""

    def footprint(self, run: PixelSettings) -> Footprint:
        """Memory it takes: mostly frames."""
        frame = (run.colours, run.pipeline.size, run.pipeline.size)
        shape = () if self.discrete else (3,)
        return Footprint(
            kept=PixelReplay.bytes_needed(self.buffer_size, frame, shape, self.discrete),
            frames=self.buffer_size,
            setting=f"{self.key}.buffer_size",
            batch=self.batch_size,
            passes=3,
            on_device=self.replay_on_device,
        )

    def complaint(self, run: PixelSettings) -> str | None:
        """Why these settings cannot work in a run; None if they can."""
        if (run.pipeline.actions == "discrete") != self.discrete:
            wanted = "discrete" if self.discrete else "steer-accel"
            return f"{self.key} needs pipeline.actions={wanted}"
        if self.buffer_size // run.envs < 50:
            return f"{self.key}.buffer_size={self.buffer_size} is too small for {run.envs} envs"
        return None


@dataclass(frozen=True)
class SACSettings(OffPolicySettings):
    """SAC's hyperparameters.

    Attributes:
        ent_coef: "auto", "auto_0.1" (learned from 0.1) or a number.
    """

    ent_coef: float | str = "auto_0.1"

    key: ClassVar[str] = "sac"


@dataclass(frozen=True)
class DrQSettings(SACSettings):
    """SAC+DrQ's hyperparameters.

    Attributes:
        pad: largest random shift of a picture [pixels].
        amp: True to compute the networks in bfloat16; weights stay in float32.
    """

    pad: Annotated[int, Range(low=0, high=16)] = 4
    amp: bool = False

    key: ClassVar[str] = "sac_drq"


@dataclass(frozen=True)
class DQNSettings(OffPolicySettings):
    """DQN's hyperparameters.

    Attributes:
        explore: share of the budget over which the probability of a random action falls.
        explore_last: probability of a random action from then on.
    """

    explore: Rate = 0.2
    explore_last: Share = 0.02

    discrete: ClassVar[bool] = True
    key: ClassVar[str] = "dqn"


class Drawn:
    """Adapter: gives SB3's updates samples of our replay, in place of SB3's replay buffer."""

    def __init__(self, replay: PixelReplay) -> None:
        self.replay = replay

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Draw transitions."""
        batch = self.replay.sample(batch_size, raw=True)
        action = batch.action.reshape(batch_size, -1)
        discount = batch.discount[:, None]
        done = (discount == 0.0).float()
        return ReplayBufferSamples(
            batch.obs, action, batch.next_obs, done, batch.reward[:, None], discount
        )


class SAC(Learner):
    """SAC, and what the other two share with it."""

    Settings: ClassVar[type] = SACSettings
    algorithm = "SAC"

    def __init__(self, pixels: Pixels, settings: Any, first: bool) -> None:
        self.pixels, self.settings = pixels, settings
        run = pixels.settings
        self.model = pixels.make_model(
            self.algorithm,
            learning_rate=settings.learning_rate,
            gamma=settings.gamma,
            tau=settings.tau,
            batch_size=settings.batch_size,
            buffer_size=1,  # SB3's own replay stays unused
            **self._arguments(),
        )
        channels, *sides = pixels.envs.observation_space.shape  # type: ignore[misc]
        stack = run.pipeline.stack
        self.space: Any = pixels.envs.action_space
        self.replay = PixelReplay(
            settings.buffer_size,
            run.envs,
            (channels // stack, *sides),
            tuple(self.space.shape or ()),
            discrete=settings.discrete,
            stack=stack,
            n_steps=settings.n_steps,
            gamma=settings.gamma,
            device=self.model.device,
            storage=self.model.device if settings.replay_on_device else "cpu",
            seed=run.seed,
        )
        self.model.replay_buffer = Drawn(self.replay)
        self.trained = not first or run.parent is not None
        self.rng = np.random.default_rng([run.seed, 7])
        self.owed = 0.0  # updates due
        self.warmed = 0  # actions taken before the first update
        self.obs: Any = None
        self._held: Any = np.zeros((run.envs, *(self.space.shape or ())), self.space.dtype)

    def _arguments(self) -> dict[str, Any]:
        """Arguments of the SB3 class that only this algorithm has."""
        return {"ent_coef": self.settings.ent_coef}

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s = self.settings
        return (
            f"{s.update_ratio:g} updates of {s.batch_size} an action, every {s.update_every} "
            f"steps, {s.buffer_size:,} frames kept, rate {s.learning_rate:g}"
        )

    def round(self, clock: Clock) -> dict[str, float]:
        """``update_every`` actions of every env, and the updates that are due."""
        s, envs, losses = self.settings, self.pixels.envs, {}
        if self.obs is None:
            self.obs = envs.reset()
            self.replay.begin(self.obs)
        for k in range(s.update_every):
            actions, kept = self._choose(clock.share)
            envs.step_async(actions)
            if k == 0 and self.warmed >= s.learning_starts:
                losses = self._learn(int(self.owed), clock.lr_scale)  # while the envs drive
            obs, reward, done, infos = envs.step_wait()
            ended = np.flatnonzero(done)
            truncated = np.zeros(len(done), np.bool_)
            truncated[ended] = [infos[row]["TimeLimit.truncated"] for row in ended]
            last = [infos[row]["terminal_observation"] for row in ended]
            self.replay.add(kept, reward, done & ~truncated, truncated, obs, last)
            self.obs = obs
            self.pixels.count(infos)
            self.model.num_timesteps += len(done)
            if self.warmed < s.learning_starts:
                self.warmed += len(done)
            else:
                self.owed += s.update_ratio * len(done)
        return losses

    def _choose(self, share: float) -> tuple[Any, Any]:
        """Actions as the envs take them, and scaled as the replay keeps them."""
        policy = self.model.policy
        if self.warmed < self.settings.learning_starts and not self.trained:
            low, high = self.space.low, self.space.high
            change = self._changes()
            drawn = self.rng.uniform(low, high, (len(change), *low.shape)).astype(np.float32)
            self._held = np.where(change[:, None], drawn, self._held)
            actions = self._held
        else:
            policy.set_training_mode(False)
            actions = policy.predict(self.obs, deterministic=False)[0]
        return actions, policy.scale_action(actions)

    def _changes(self) -> Any:
        """True for the envs whose random driver draws a new action, (N,) bool."""
        return self.rng.random(self.pixels.settings.envs) < HOLD

    def _learn(self, count: int, lr_scale: float) -> dict[str, float]:
        if count == 0:
            return {}
        self.owed -= count
        rate = self.settings.learning_rate * lr_scale
        self.model.lr_schedule = FloatSchedule(rate)
        losses = self._update(count)
        return losses | {"learning_rate": rate}

    def _update(self, count: int) -> dict[str, float]:
        """Make ``count`` updates; returns their mean losses by name."""
        self.model.train(count, self.settings.batch_size)
        return self.pixels.logged(_LOGGED)

    def save_files(self, folder: Path, moment: float = float("inf")) -> bool:
        """Write the replay.

        If the process is killed before the state is written too, or a stop leaves no time, the
        replay is newer or older than the weights. That does no harm: SAC and DQN learn from any
        experience.
        """
        return replay_file.save(self.replay, folder / "replay.bin", moment)

    def load_files(self, folder: Path) -> None:
        """Read the replay; if none was written, the run fills a new one before its next update.

        Raises:
            UserError: if the file is damaged.
        """
        path = folder / "replay.bin"
        if not path.exists():
            self.warmed = 0
            return
        replay_file.load(self.replay, path)
        # Continuous actions are kept scaled to -1..1, up to rounding.
        most = self.space.n - 1 if self.settings.discrete else 1.001
        if abs(self.replay.action).max() > most:
            self.replay.filled[:] = 0
            raise UserError(f"{path} holds impossible actions; delete it to begin without a replay")

    def state(self) -> State:
        """Counters and random state; the replay is a separate file."""
        rng = self.rng.bit_generator.state
        plain = {"owed": self.owed, "warmed": self.warmed, "trained": self.trained, "rng": rng}
        return {"facts": np.frombuffer(json.dumps(plain).encode(), np.uint8)}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        plain = plain_json(bytes(state["facts"]), bits=160)
        self.owed = number(plain, "owed", 0.0, 1e9)
        self.warmed = count(plain, "warmed")
        self.trained = bool(plain["trained"])
        self.rng.bit_generator.state = generator_state(plain["rng"])


class SACDrQ(SAC):
    """SAC with randomly shifted pictures and one encoder, which only the critic's loss trains."""

    Settings = DrQSettings
    algorithm = "SAC+DrQ"

    def __init__(self, pixels: Pixels, settings: Any, first: bool) -> None:
        super().__init__(pixels, settings, first)
        self.model.half, self.model.pad = settings.amp, settings.pad

    def _update(self, count: int) -> dict[str, float]:
        model = self.model
        adams = [model.actor.optimizer, model.critic.optimizer]
        adams += [model.ent_coef_optimizer] if model.ent_coef_optimizer else []
        model._update_learning_rate(adams)
        model.policy.set_training_mode(True)
        size = self.settings.batch_size
        return means([model.update(self.replay.sample(size, raw=True)) for _ in range(count)])


class DQN(SAC):
    """DQN with a soft update of its target network at every update."""

    Settings = DQNSettings
    algorithm = "DQN"

    def _arguments(self) -> dict[str, Any]:
        # SB3 copies DQN's target network while it drives; here ``_update`` updates it softly.
        return {"target_update_interval": 10**9, "max_grad_norm": 10.0}

    def _choose(self, share: float) -> tuple[Any, Any]:
        """Epsilon-greedy actions: random with a probability that falls over the run."""
        s, change = self.settings, self._changes()
        drawn = self.rng.integers(0, self.space.n, len(change))
        self._held = np.where(change, drawn, self._held)
        if self.warmed < s.learning_starts and not self.trained:
            return self._held, self._held
        self.model.policy.set_training_mode(False)
        best = self.model.policy.predict(self.obs, deterministic=True)[0]
        chance = max(1.0 - share / s.explore * (1.0 - s.explore_last), s.explore_last)
        actions = np.where(self.rng.random(len(change)) < chance, self._held, best)
        return actions, actions

    def _update(self, count: int) -> dict[str, float]:
        model = self.model
        for _ in range(count):
            model.train(1, self.settings.batch_size)
            net, target = model.q_net.parameters(), model.q_net_target.parameters()
            polyak_update(net, target, self.settings.tau)
        return self.pixels.logged(_LOGGED)
