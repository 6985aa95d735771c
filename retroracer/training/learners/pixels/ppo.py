"""PPO from pixels: SB3's own rollouts and updates, in two phases.

Owns the switch between the phases, and the normalisation of rewards. PPO itself is SB3's.

Source: Schulman et al. 2017, Proximal Policy Optimization Algorithms.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from stable_baselines3.common.callbacks import ConvertCallback
from stable_baselines3.common.utils import FloatSchedule
from stable_baselines3.common.vec_env import VecNormalize

from retroracer.agents.facts import plain_json
from retroracer.checks import count, number
from retroracer.config import Range
from retroracer.training.learners.learner import Clock, Learner, State
from retroracer.training.learners.pixels.settings import (
    Count,
    Footprint,
    PixelSettings,
    Rate,
    Share,
)
from retroracer.training.learners.pixels.task import STATISTICS, Pixels
from retroracer.training.run.stopping import PATIENCE

_LOGGED = (
    "policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction",
    "explained_variance", "std",
)  # fmt: skip


@dataclass(frozen=True)
class PPOSettings:
    """PPO's hyperparameters, by Stable-Baselines3's names.

    Attributes:
        learning_rate: in the first phase.
        gamma: discount per action.
        gae_lambda: lambda of generalised advantage estimation.
        n_steps: actions of every env in a rollout.
        batch_size: actions in an update.
        n_epochs: passes over a rollout.
        ent_coef: entropy coefficient.
        clip_range: clip range of the probability ratio.
        vf_coef: weight of the value loss.
        max_grad_norm: gradients are clipped to this norm.
        target_kl: KL divergence from the rollout's policy that ends a round; None = never.
        log_std_init: initial log standard deviation of the actions.
        norm_reward: True to divide rewards by the standard deviation of discounted returns.
        second_phase_at: share of the budget at which the second phase begins; None = never.
        second_learning_rate: learning rate from then on.
        second_ent_coef: entropy coefficient from then on.
        second_clip_range: clip range from then on.
    """

    learning_rate: Rate = 3e-4
    gamma: Rate = 0.99
    gae_lambda: Share = 0.95
    n_steps: Count = 128
    batch_size: Annotated[int, Range(low=2, high=1_000_000)] = 256
    n_epochs: Annotated[int, Range(low=1, high=100)] = 4
    ent_coef: Annotated[float, Range(low=0, high=100)] = 0.001
    clip_range: Rate = 0.2
    vf_coef: Annotated[float, Range(low=0, high=100)] = 0.5
    max_grad_norm: Annotated[float, Range(above=0, high=1e6)] = 0.5
    target_kl: Annotated[float, Range(low=1e-6, high=100)] | None = None
    log_std_init: Annotated[float, Range(low=-5, high=2)] = -1.0
    norm_reward: bool = True
    second_phase_at: Share | None = 0.6
    second_learning_rate: Rate = 5e-5
    second_ent_coef: Annotated[float, Range(low=0, high=100)] = 0.0
    second_clip_range: Rate = 0.15

    def footprint(self, run: PixelSettings) -> Footprint:
        """Memory it takes: SB3 keeps every stack of frames twice, once in the order of updates."""
        gathered = 2 * run.envs * self.n_steps * run.picture_bytes
        return Footprint(gathered=gathered, batch=self.batch_size)

    def complaint(self, run: PixelSettings) -> str | None:
        """Why these settings cannot work in a run; None if they can."""
        gathered = run.envs * self.n_steps
        if gathered % self.batch_size:
            return (
                f"ppo.batch_size must divide envs x ppo.n_steps = {gathered}: "
                f"{self.batch_size} does not"
            )
        return None


class PPO(Learner):
    """SB3's PPO.

    Attributes:
        switched_at: actions at which the second phase began; None = it has not begun.
    """

    Settings = PPOSettings
    algorithm = "PPO"
    patience = PATIENCE

    def __init__(self, pixels: Pixels, settings: PPOSettings, first: bool) -> None:
        self.pixels, self.settings = pixels, settings
        self.normalised: VecNormalize | None = None
        env: Any = pixels.envs
        if settings.norm_reward:
            env = self.normalised = VecNormalize(
                pixels.envs, norm_obs=False, norm_reward=True, gamma=settings.gamma
            )
        arguments: dict[str, Any] = {
            name: getattr(settings, name)
            for name in (
                "learning_rate", "gamma", "gae_lambda", "n_steps", "batch_size", "n_epochs",
                "ent_coef", "clip_range", "vf_coef", "max_grad_norm", "target_kl",
            )
        }  # fmt: skip
        if pixels.settings.pipeline.actions != "discrete":
            arguments["policy_kwargs"] = {"log_std_init": settings.log_std_init}
        self.model = pixels.make_model("PPO", env, **arguments)
        if self.normalised is not None:
            pixels.reward_statistics = self._statistics
            found = pixels.parent_statistics() if first else None
            if found is not None:
                self._set_statistics(found)
        self.switched_at: int | None = None

        def count_episodes(local: dict[str, Any], _: object) -> bool:
            pixels.count(local["infos"])
            return True

        self._callback = ConvertCallback(count_episodes)
        self._callback.init_callback(self.model)
        self.model.ep_info_buffer = deque(maxlen=1)
        self.model.ep_success_buffer = deque(maxlen=1)
        self._begun = False
        self._set_phase(1.0)

    def describe(self) -> str:
        """A round in a few words: batch, updates, learning rate."""
        s = self.settings
        return (
            f"{s.n_epochs} epochs of {self.pixels.settings.envs * s.n_steps:,} actions in batches "
            f"of {s.batch_size}, rate {s.learning_rate:g}"
        )

    def round(self, clock: Clock) -> dict[str, float]:
        """A rollout of every env, and the updates from it."""
        model, at = self.model, self.settings.second_phase_at
        if not self._begun:
            model._last_obs = model.env.reset()
            model._last_episode_starts = np.ones(self.pixels.settings.envs, np.bool_)
            self._begun = True
        if self.switched_at is None and at is not None and clock.share >= at:
            self.switched_at = self.pixels.steps
        self._set_phase(clock.lr_scale)
        before = self.pixels.state(), self.state()
        try:
            model.collect_rollouts(model.env, self._callback, model.rollout_buffer, model.n_steps)
            model.train()
        except BaseException:  # a stop, or an error it caused in a library
            self.pixels.restore(before[0])
            self.restore(before[1])
            raise
        losses = self.pixels.logged(_LOGGED)
        if "std" in losses:  # of the actions; evaluations report another "std", of returns
            losses["action_std"] = losses.pop("std")
        losses["learning_rate"] = float(model.policy.optimizer.param_groups[0]["lr"])
        losses["iteration"] = self.pixels.steps // (model.n_steps * self.pixels.settings.envs)
        if self.switched_at is not None:
            losses["second_phase"] = self.switched_at * self.pixels.settings.pipeline.action_repeat
        return losses

    def _set_phase(self, lr_scale: float) -> None:
        """Apply the phase's settings to the model; Adam's moments stay."""
        s, model, second = self.settings, self.model, self.switched_at is not None
        model.ent_coef = s.second_ent_coef if second else s.ent_coef
        model.clip_range = FloatSchedule(s.second_clip_range if second else s.clip_range)
        rate = lr_scale * (s.second_learning_rate if second else s.learning_rate)
        # SB3 reads the schedule at every update; its learning_rate attribute alone does nothing.
        model.learning_rate = rate
        model.lr_schedule = FloatSchedule(rate)

    def state(self) -> State:
        """The phase, and the normaliser's statistics."""
        plain: dict[str, Any] = {"switched_at": self.switched_at}
        if self.normalised is not None:
            plain["return_rms"] = self._statistics()
        return {"facts": np.frombuffer(json.dumps(plain).encode(), np.uint8)}

    def restore(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Continue from what ``state`` returned."""
        plain = plain_json(bytes(state["facts"]))
        known = plain["switched_at"] is not None
        self.switched_at = count(plain, "switched_at") if known else None
        if self.normalised is not None:
            self._set_statistics(plain["return_rms"])

    def _statistics(self) -> dict[str, float]:
        """Mean, variance and count of the discounted returns that normalise the rewards."""
        assert self.normalised is not None
        rms = self.normalised.ret_rms
        return {"mean": float(rms.mean), "variance": float(rms.var), "count": float(rms.count)}

    def _set_statistics(self, record: Mapping[str, Any]) -> None:
        """Continue from what ``_statistics`` returned."""
        assert self.normalised is not None
        found = {name: number(record, name, low, most) for name, low, most in STATISTICS}
        rms: Any = self.normalised.ret_rms
        rms.mean, rms.var = np.float64(found["mean"]), np.float64(found["variance"])
        rms.count = found["count"]
