"""PPO at work: SB3's own rollouts and updates, in two phases.

Owns the switch between them and the rewards' normalisation. Does not own PPO.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import FloatSchedule
from stable_baselines3.common.vec_env import VecNormalize

from retroracer.checks import count, number
from retroracer.training.pixels.gathering import Learner, State
from retroracer.training.pixels.settings import PixelRun

_SHOWN = (
    "policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction",
    "explained_variance", "std",
)  # fmt: skip


class _Counting(BaseCallback):
    """Hands every step's infos on."""

    def __init__(self, count: Any) -> None:
        super().__init__()
        self._hand_on = count

    def _on_step(self) -> bool:
        self._hand_on(self.locals["infos"])
        return True


class OnPolicyLearner(Learner):
    """Envs and a PPO.

    Args:
        settings: of the run.

    Attributes:
        switched_at: actions after which the second phase began; None = it has not.
    """

    rounds_are_long = True

    def __init__(self, settings: PixelRun) -> None:
        ppo = settings.ppo
        self.normalised: VecNormalize | None = None
        arguments: dict[str, Any] = {
            name: getattr(ppo, name)
            for name in (
                "learning_rate", "gamma", "gae_lambda", "n_steps", "batch_size", "n_epochs",
                "ent_coef", "clip_range", "vf_coef", "max_grad_norm", "target_kl",
            )
        }  # fmt: skip
        if settings.pipeline.actions != "discrete":
            arguments["policy_kwargs"] = {"log_std_init": ppo.log_std_init}
        self.switched_at: int | None = None
        super().__init__(settings, arguments)
        self._callback = _Counting(self._count)
        self._callback.init_callback(self.model)
        self.model.ep_info_buffer = deque(maxlen=1)
        self.model.ep_success_buffer = deque(maxlen=1)
        self._set_phase()

    def _seen_by_model(self) -> Any:
        if not self.settings.ppo.norm_reward:
            return self.envs
        self.normalised = VecNormalize(
            self.envs, norm_obs=False, norm_reward=True, gamma=self.settings.ppo.gamma
        )
        return self.normalised

    def begin(self, session: int) -> None:
        """Begin new episodes."""
        self._first_seeds(session)
        model = self.model
        model._last_obs = model.env.reset()
        model._last_episode_starts = np.ones(self.settings.envs, np.bool_)

    def round(self, share: float) -> dict[str, float]:
        """A rollout of every env, and the updates it is good for."""
        at = self.settings.ppo.stabilise_at
        if self.switched_at is None and at is not None and share >= at:
            self.switched_at = self.steps
            self._set_phase()
        model = self.model
        model.collect_rollouts(model.env, self._callback, model.rollout_buffer, model.n_steps)
        self._set_rate()
        model.train()
        told = dict(model.logger.name_to_value)
        model.logger.name_to_value.clear()
        return {n: float(told[f"train/{n}"]) for n in _SHOWN if f"train/{n}" in told}

    def _set_phase(self) -> None:
        """Patch the settings of the phase into the live model; what Adam remembers stays."""
        ppo, model = self.settings.ppo, self.model
        stable = self.switched_at is not None
        model.ent_coef = ppo.stable_ent_coef if stable else ppo.ent_coef
        model.clip_range = FloatSchedule(ppo.stable_clip_range if stable else ppo.clip_range)
        self._set_rate()

    def _set_rate(self) -> None:
        ppo = self.settings.ppo
        rate = ppo.learning_rate if self.switched_at is None else ppo.stable_rate
        # SB3 reads the schedule at every update; its learning_rate attribute alone does nothing.
        self.model.learning_rate = rate * self.caution
        self.model.lr_schedule = FloatSchedule(rate * self.caution)

    def save_memory(self, folder: Path, moment: float = float("inf")) -> bool:
        """Nothing: PPO has no memory."""
        return True

    def load_memory(self, folder: Path) -> None:
        """Nothing: PPO has no memory."""

    def state(self) -> State:
        """As ``Learner.state``."""
        mine: State = {"switched_at": self.switched_at}
        if self.normalised is not None:
            rms = self.normalised.ret_rms
            mine["reward_spread"] = [float(rms.mean), float(rms.var), float(rms.count)]
        return super().state() | mine

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``Learner.restore``."""
        super().restore(state)
        known = state["switched_at"] is not None
        self.switched_at = count(state, "switched_at", self.steps) if known else None
        if self.normalised is not None:
            rms: Any = self.normalised.ret_rms
            mean, var, seen = state["reward_spread"]
            record = {"mean": mean, "var": var, "seen": seen}
            rms.mean = np.float64(number(record, "mean"))
            rms.var = np.float64(number(record, "var", 0.0))
            rms.count = number(record, "seen", 0.0)
        self._set_phase()
