"""Stable-Baselines3's SAC with a faster update; it saves the same zip.

Owns the class. The update is in ``sac_update``, the replay memory of many cars in ``replay``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3 import SAC

from retroracer.agents.networks import policy_head
from retroracer.agents.sac_update import Batch, Measured, SACUpdate
from retroracer.agents.widening import Kept, learned_parts


class FastSAC(SAC):
    """A drop-in replacement for ``SAC`` with ReLU MLPs; plain ``SAC.load`` opens what it saves.

    ``learn`` works as in SB3. RetroRacer's training does not use SB3's rollout collection, which
    runs Python code per car; it calls ``explore`` and ``update``.

    Attributes:
        half: True multiplies hidden layers in bfloat16 (set before learning begins).
        policy_delay: update the actor every N critic updates.
        mean_of_critics: True takes the mean of the critics as an action's value, not the least.
        reward_scale: factor on rewards in training; critics and entropy coefficient have that scale
            (see ``set_reward_scale``).
        kept: the part of the actor that stays as it is; None = all of it is learned.
    """

    half: bool = False
    policy_delay: int = 1
    mean_of_critics: bool = False
    reward_scale: float = 1.0
    kept: Kept | None = None
    _updater: SACUpdate | None = None
    _own: ClassVar[tuple[str, ...]] = (
        "_updater",
        "half",
        "policy_delay",
        "mean_of_critics",
        "reward_scale",
        "kept",
    )

    @property
    def updater(self) -> SACUpdate:
        """The update; made when first needed, so that weights can be loaded before."""
        if self._updater is None:
            self._updater = SACUpdate(self, self.half)
            if self.kept is not None:
                self._updater.actor.keep(learned_parts(self.actor, self.kept))
        return self._updater

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """A round of updates from SB3's replay buffer, as SB3 calls it."""
        assert self.replay_buffer is not None
        batches = []
        for _ in range(gradient_steps):
            data = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            discounts = self.gamma if data.discounts is None else data.discounts
            batches.append(
                Batch(
                    data.observations,
                    data.actions,
                    data.rewards,
                    data.next_observations,
                    (1.0 - data.dones) * discounts,
                )
            )
        for name, value in self.update(batches).items():
            self.logger.record(f"train/{name}", value)
        rate = float(self.lr_schedule(self._current_progress_remaining))
        self.logger.record("train/learning_rate", rate)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def update(
        self,
        batches: list[Batch],
        rate: float | None = None,
        train_actor: bool = True,
        measured: Sequence[Measured] = (),
    ) -> dict[str, float]:
        """Make one update per batch; without batches the critics are not updated.

        ``rate`` is the learning rate, None = that of SB3's schedule. Without ``train_actor`` only
        the critics are trained. Each batch of measured slopes is one update of the actor, which is
        then updated from them alone.

        Returns:
            Means over the updates: critic_loss, actor_loss, ent_coef_loss, ent_coef.
        """
        updater = self.updater
        if rate is None:
            rate = float(self.lr_schedule(self._current_progress_remaining))
        updater.begin(rate)
        if self.ent_coef_optimizer is not None:
            self.ent_coef_optimizer.param_groups[0]["lr"] = rate
        actor_updates = 0
        for batch in batches:
            noise = torch.randn((2, *batch.actions.shape), device=self.device)
            actor_is_due = train_actor and not measured and self._n_updates % self.policy_delay == 0
            updater.update(batch, noise, actor_is_due, self.mean_of_critics)
            actor_updates += actor_is_due
            self._n_updates += 1
        for states in measured if train_actor else ():
            updater.improve(states, torch.randn_like(states.actions))
            actor_updates += 1
        alpha_uses = max(len(batches) + (len(measured) if train_actor else 0), 1)
        critic, actor, alpha_loss, alpha = updater.losses.tolist()
        learned = self.log_ent_coef is not None
        return {
            "critic_loss": critic / max(len(batches), 1),
            "actor_loss": actor / max(actor_updates, 1),
            "ent_coef_loss": alpha_loss / max(actor_updates, 1),
            "ent_coef": alpha / alpha_uses if learned else float(self.ent_coef_tensor),
        }

    def set_reward_scale(self, scale: float) -> None:
        """Rescale values, entropy coefficient and moments; the driver does not change."""
        if scale != self.reward_scale:
            self.updater.scale_values(scale / self.reward_scale)
            self.reward_scale = scale

    @contextmanager
    def in_plain_rewards(self) -> Iterator[None]:
        """Rescale the model to the env's own rewards inside this block; zips are written so."""
        scale, kept = self.reward_scale, None
        if scale != 1.0:
            kept = self.updater.state()
            self.set_reward_scale(1.0)
        try:
            yield
        finally:
            if kept is not None:  # restoring is exact, scaling back would round
                self.updater.restore(kept)
                self.reward_scale = scale

    def target_value(self, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Values (N,) of actions (N, A) at observations (N, O), from the target critics."""
        return self.updater.target_values(obs, actions, self.mean_of_critics)[:, 0]

    def explore(
        self, obs: np.ndarray[Any, np.dtype[np.float32]], noise: torch.Tensor | None = None
    ) -> Any:
        """Actions (N, A) float32 drawn from the policy, for observations (N, O).

        ``noise`` (N, A) is standard normal; None = drawn now.
        """
        with torch.no_grad():
            mean, log_std = policy_head(
                self.actor, torch.from_numpy(obs).to(self.device), self.half
            )
            noise = torch.randn_like(mean) if noise is None else noise
            return torch.tanh(mean + log_std.exp() * noise).cpu().numpy()

    def get_parameters(self) -> dict[str, dict[str, Any]]:
        """SB3's method, after writing the current moments into SB3's optimisers."""
        if self._updater is not None:
            self._updater.publish()
        return super().get_parameters()

    def set_parameters(self, *args: Any, **kwargs: Any) -> None:
        """SB3's method; the updater is rebuilt from the new parameters when next needed."""
        super().set_parameters(*args, **kwargs)
        self._updater = None

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *self._own]
